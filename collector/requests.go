package collector

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests counts the requests to the API. It implements prometheus.Collector,
// and may be used concurrently.
type Requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	skew     *prometheus.GaugeVec // without labels: no sample before the first value
}

// NewRequests returns a collector that has observed nothing. Each of the
// endpoints has a histogram from the start.
func NewRequests(endpoints []string) *Requests {
	r := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "api_requests_total",
			Help: "Requests to the API since the start of the process, retries included; the code is the HTTP status, or error if no complete response came.",
		}, []string{"endpoint", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "api_request_duration_seconds",
			Help:    "Time from a request to the API to the end of its response, without waiting for the client-side limit.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"endpoint"}),
		skew: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "clock_skew_seconds",
			Help: "The clock of the service, by its Date header, minus the local clock, at the last response; accurate to about one second.",
		}, nil),
	}
	for _, endpoint := range endpoints {
		r.duration.WithLabelValues(endpoint)
	}
	return r
}

// Observe counts one request. The status is 0 if no complete response came. Date
// is the clock of the service, zero if the response has none. Received is the
// local wall clock when the header of the response arrived.
func (r *Requests) Observe(endpoint string, status int, duration time.Duration, date, received time.Time) {
	code := "error"
	if status != 0 {
		code = strconv.Itoa(status)
	}
	r.total.WithLabelValues(endpoint, code).Inc()
	r.duration.WithLabelValues(endpoint).Observe(duration.Seconds())
	if !date.IsZero() {
		r.skew.WithLabelValues().Set(date.Sub(received).Seconds())
	}
}

// Describe implements prometheus.Collector.
func (r *Requests) Describe(ch chan<- *prometheus.Desc) {
	r.total.Describe(ch)
	r.duration.Describe(ch)
	r.skew.Describe(ch)
}

// Collect implements prometheus.Collector.
func (r *Requests) Collect(ch chan<- prometheus.Metric) {
	r.total.Collect(ch)
	r.duration.Collect(ch)
	r.skew.Collect(ch)
}
