package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/poller"
)

// Health shows the status of a poller. It implements prometheus.Collector, and
// may be used concurrently.
type Health struct {
	status func() *poller.Status

	up, lastPoll, lastPollDuration, tokenExpiry *prometheus.Desc
	polls, failures, invalid                    *prometheus.Desc
}

// NewHealth returns a collector of what status returns at each scrape.
func NewHealth(status func() *poller.Status) *Health {
	return &Health{
		status:           status,
		up:               newDesc("up", "Whether the last poll of the history API succeeded; 0 before the first."),
		lastPoll:         newDesc("last_poll_timestamp_seconds", "When the last poll of the history API ended, failed ones included, in seconds since 1970."),
		lastPollDuration: newDesc("last_poll_duration_seconds", "How long the last poll of the history API took, failed ones included."),
		tokenExpiry:      newDesc("token_expiry_timestamp_seconds", "When the token in use expires, by its validPeriod, in seconds since 1970."),
		polls:            newDesc("polls_total", "Polls of the history API since the start of the process, failed ones included.", "kind"),
		failures:         newDesc("poll_failures_total", "Polls of the history API that failed, since the start of the process.", "reason"),
		invalid:          newDesc("invalid_records", "Records that the last complete sweep left out. The reason number counts numbers that were left out of counted records; with the reason state, the record says that the meeting has not ended.", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (h *Health) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{h.up, h.lastPoll, h.lastPollDuration, h.tokenExpiry, h.polls, h.failures, h.invalid} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (h *Health) Collect(ch chan<- prometheus.Metric) {
	s := h.status()
	up := 0.0
	if s.Up {
		up = 1
	}
	ch <- gauge(h.up, up)
	if !s.Ended.IsZero() {
		ch <- gauge(h.lastPoll, seconds(s.Ended))
		ch <- gauge(h.lastPollDuration, s.Duration.Seconds())
	}
	if !s.TokenExpiry.IsZero() {
		ch <- gauge(h.tokenExpiry, seconds(s.TokenExpiry))
	}
	for _, kind := range poller.Kinds() {
		ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(h.polls, prometheus.CounterValue, float64(s.Polls[kind]), s.Started, string(kind))
	}
	for _, reason := range poller.Reasons() {
		ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(h.failures, prometheus.CounterValue, float64(s.Failures[reason]), s.Started, string(reason))
	}
	for _, defect := range meeting.Defects() {
		ch <- gauge(h.invalid, float64(s.Defects[defect]), defect.String())
	}
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}
