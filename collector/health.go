package collector

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
)

// The reasons of failed polls that are not the service's.
const (
	reasonStorage  client.Reason = "storage"
	reasonInternal client.Reason = "internal"
)

// Kinds of polls.
const (
	kindTail  = "tail"
	kindSweep = "sweep"
)

// Health is how the exporter itself fares. It implements
// prometheus.Collector, and may be used concurrently.
type Health struct {
	now func() time.Time

	up               prometheus.Gauge
	lastPoll         *prometheus.GaugeVec // of no labels: no sample before the first value
	lastPollDuration *prometheus.GaugeVec
	clockSkew        *prometheus.GaugeVec
	tokenExpiry      *prometheus.GaugeVec
	polls            *prometheus.CounterVec
	failures         *prometheus.CounterVec
	invalid          *prometheus.GaugeVec
	requests         *prometheus.CounterVec
	requestDuration  *prometheus.HistogramVec
}

// NewHealth returns a health that has seen nothing yet. Now is the wall clock
// that the service's is compared with.
func NewHealth(now func() time.Time) *Health {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	h := &Health{
		now: now,
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "up",
			Help: "Whether the last poll of the history API succeeded; 0 before the first.",
		}),
		lastPoll:         gauge("last_poll_timestamp_seconds", "When the last poll of the history API ended, failed ones included, in seconds since 1970."),
		lastPollDuration: gauge("last_poll_duration_seconds", "How long the last poll of the history API took, failed ones included."),
		clockSkew:        gauge("clock_skew_seconds", "The clock of the service, by its Date header, minus the local clock, at the last answer; exact to about a second."),
		tokenExpiry:      gauge("token_expiry_timestamp_seconds", "When the token in use expires, by its validPeriod, in seconds since 1970."),
		polls:            counter("polls_total", "Polls of the history API since the start of the process, failed ones included.", "kind"),
		failures:         counter("poll_failures_total", "Polls of the history API that failed, since the start of the process.", "reason"),
		invalid:          gauge("invalid_records", "Records of the last complete sweep that were left out, or of which a number was (reason number).", "reason"),
		requests:         counter("api_requests_total", "Requests to the API since the start of the process, retries included; the code is the HTTP status, or error if no complete answer came.", "endpoint", "code"),
		requestDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "api_request_duration_seconds",
			Help:    "Time from a request to the API to the end of its answer, without waiting for the client-side limit.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"endpoint"}),
	}
	for _, kind := range []string{kindTail, kindSweep} {
		h.polls.WithLabelValues(kind)
	}
	for _, reason := range append(client.Reasons(), reasonStorage, reasonInternal) {
		h.failures.WithLabelValues(string(reason))
	}
	for _, defect := range meeting.Defects() {
		h.invalid.WithLabelValues(defect.String())
	}
	for _, endpoint := range []string{client.EndpointSignIn, client.EndpointHistory, client.EndpointSignOut} {
		h.requestDuration.WithLabelValues(endpoint)
	}
	return h
}

func (h *Health) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		h.up, h.lastPoll, h.lastPollDuration, h.clockSkew, h.tokenExpiry, h.polls, h.failures, h.invalid, h.requests, h.requestDuration,
	}
}

// Describe implements prometheus.Collector.
func (h *Health) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range h.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (h *Health) Collect(ch chan<- prometheus.Metric) {
	for _, c := range h.collectors() {
		c.Collect(ch)
	}
}

// Observe notes an exchange with the service; it is made for client.Config.
func (h *Health) Observe(ex client.Exchange) {
	code := "error"
	if ex.Status != 0 {
		code = strconv.Itoa(ex.Status)
	}
	h.requests.WithLabelValues(ex.Endpoint, code).Inc()
	h.requestDuration.WithLabelValues(ex.Endpoint).Observe(ex.Duration.Seconds())
	if !ex.Date.IsZero() {
		h.clockSkew.WithLabelValues().Set(ex.Date.Sub(h.now()).Seconds())
	}
}

// polled notes that a poll ended at a wall-clock time, with a reason if it
// failed.
func (h *Health) polled(kind string, ended time.Time, took time.Duration, failure client.Reason) {
	h.polls.WithLabelValues(kind).Inc()
	h.lastPoll.WithLabelValues().Set(seconds(ended))
	h.lastPollDuration.WithLabelValues().Set(took.Seconds())
	if failure != "" {
		h.failures.WithLabelValues(string(failure)).Inc()
		h.up.Set(0)
		return
	}
	h.up.Set(1)
}

// swept notes the records that the last complete sweep left out.
func (h *Health) swept(defects map[meeting.Defect]int) {
	for _, d := range meeting.Defects() {
		h.invalid.WithLabelValues(d.String()).Set(float64(defects[d]))
	}
}

// signedIn notes when the token expires; zero if there is none.
func (h *Health) signedIn(expiry time.Time) {
	if expiry.IsZero() {
		h.tokenExpiry.Reset()
		return
	}
	h.tokenExpiry.WithLabelValues().Set(seconds(expiry))
}
