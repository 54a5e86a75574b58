package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/poller"
)

// Optional shows the status of what is read beside the history. It implements
// prometheus.Collector, and may be used concurrently.
type Optional struct {
	statuses []func() *poller.OptionalStatus

	success, lastSuccess, failures *prometheus.Desc
}

// NewOptional returns a collector of what the functions return at each scrape.
func NewOptional(statuses ...func() *poller.OptionalStatus) *Optional {
	return &Optional{
		statuses:    statuses,
		success:     newDesc("collector_success", "Whether a collector succeeded when it last read each of its sources; 0 before the first time.", "collector"),
		lastSuccess: newDesc("collector_last_success_timestamp_seconds", "When a collector last read while collector_success was 1, in seconds since 1970.", "collector"),
		failures:    newDesc("collector_failures_total", "Failed attempts of a collector to read one of its sources, since the start of the process.", "collector", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (o *Optional) Describe(ch chan<- *prometheus.Desc) {
	ch <- o.success
	ch <- o.lastSuccess
	ch <- o.failures
}

// Collect implements prometheus.Collector.
func (o *Optional) Collect(ch chan<- prometheus.Metric) {
	for _, status := range o.statuses {
		s := status()
		success := 0.0
		if s.Success {
			success = 1
		}
		ch <- gauge(o.success, success, s.Name)
		if !s.LastSuccess.IsZero() {
			ch <- gauge(o.lastSuccess, seconds(s.LastSuccess), s.Name)
		}
		for _, reason := range poller.Reasons() {
			ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(o.failures, prometheus.CounterValue, float64(s.Failures[reason]), s.Started, s.Name, string(reason))
		}
	}
}
