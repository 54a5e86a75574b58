// Package collector shows the ledger, the pollers and the requests as
// Prometheus metrics.
//
// It promises that a scrape reads published snapshots only: it never asks the
// service, and never waits for a poll or for the disk.
package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

const namespace = "huaweicloud_meeting"

// polled ends the help of each metric that shows what the service said.
const polled = " Polled in the background: the value is that of the last complete poll."

var dims = []string{"department", "conference_type"}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// sumDesc describes one of the five sums of a label set.
type sumDesc struct {
	desc  *prometheus.Desc
	value func(ledger.Sums) int64
}

// Collector shows the snapshots of a ledger. It implements
// prometheus.Collector, and may be used concurrently.
type Collector struct {
	ledger *ledger.Ledger
	window time.Duration
	now    func() time.Time

	recent, total                []sumDesc
	durations, participants      *prometheus.Desc
	historyWindow, lastSuccess   *prometheus.Desc
	newestEnd, folded, meetingsN *prometheus.Desc
}

// New returns a collector of a ledger whose window is as long as given. Now is
// the wall clock at which the window ends.
func New(l *ledger.Ledger, window time.Duration, now func() time.Time) *Collector {
	const invited = " The service lists those who were invited, not those who joined."
	duration := func(s ledger.Sums) int64 { return s.DurationSeconds }
	meetings := func(s ledger.Sums) int64 { return s.Meetings }
	participants := func(s ledger.Sums) int64 { return s.Participants }
	terminals := func(s ledger.Sums) int64 { return s.Terminals }
	recorded := func(s ledger.Sums) int64 { return s.Recorded }
	return &Collector{
		ledger: l,
		window: window,
		now:    now,
		recent: []sumDesc{
			{newDesc("recent_meetings", "Meetings whose endTime lies within the recent window, see history_window_seconds."+polled, dims...), meetings},
			{newDesc("recent_duration_seconds", "Sum of endTime - startTime of the meetings that ended within the recent window; both are cut to the minute."+polled, dims...), duration},
			{newDesc("recent_participants", "Sum of normalCount, the software endpoints, of the meetings that ended within the recent window."+invited+polled, dims...), participants},
			{newDesc("recent_terminals", "Sum of terminlCount, the hardware terminals, of the meetings that ended within the recent window."+invited+polled, dims...), terminals},
			{newDesc("recent_recorded_meetings", "Meetings with isHasRecordFile that ended within the recent window; a recording may appear minutes after the end."+polled, dims...), recorded},
		},
		total: []sumDesc{
			{newDesc("ended_meetings_total", "Ended meetings, each confUUID counted once, since the baseline taken at the first start."+polled, dims...), meetings},
			{newDesc("duration_seconds_total", "Sum of endTime - startTime of the ended meetings counted; both are cut to the minute."+polled, dims...), duration},
			{newDesc("participants_total", "Sum of normalCount, the software endpoints, of the ended meetings counted."+invited+polled, dims...), participants},
			{newDesc("terminals_total", "Sum of terminlCount, the hardware terminals, of the ended meetings counted."+invited+polled, dims...), terminals},
			{newDesc("recorded_meetings_total", "Ended meetings counted for which isHasRecordFile was seen."+polled, dims...), recorded},
		},
		durations:     newDesc("ended_duration_seconds", "Distribution of endTime - startTime of the ended meetings counted, as first seen."+polled, "conference_type"),
		participants:  newDesc("ended_participants", "Distribution of normalCount, the software endpoints, of the ended meetings counted, as first seen."+invited+polled, "conference_type"),
		historyWindow: newDesc("history_window_seconds", "Length of the recent window, by the flag --history.window."),
		lastSuccess:   newDesc("last_success_timestamp_seconds", "When the last complete poll of the history API ended, in seconds since 1970."),
		newestEnd:     newDesc("newest_meeting_end_timestamp_seconds", "Latest endTime among the meetings remembered, in seconds since 1970."+polled),
		folded:        newDesc("folded_meetings_total", "Ended meetings counted under the department other because --history.max-departments was reached."+polled),
		meetingsN:     newDesc("ledger_meetings", "Meetings that the ledger remembers, so none is counted twice."),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.recent {
		ch <- d.desc
	}
	for _, d := range c.total {
		ch <- d.desc
	}
	for _, d := range []*prometheus.Desc{c.durations, c.participants, c.historyWindow, c.lastSuccess, c.newestEnd, c.folded, c.meetingsN} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s := c.ledger.Snapshot()
	for _, sums := range s.Recent(c.now()) {
		for _, d := range c.recent {
			ch <- gauge(d.desc, float64(d.value(sums.Sums)), sums.Department, sums.Type.String())
		}
	}
	for _, sums := range s.Totals() {
		for _, d := range c.total {
			ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(d.desc, prometheus.CounterValue, float64(d.value(sums.Sums)), sums.Created, sums.Department, sums.Type.String())
		}
	}
	for _, t := range meeting.Types() {
		ch <- newHistogram(c.durations, durationBuckets, s.Durations(t), s.Created(), t.String())
		ch <- newHistogram(c.participants, participantBuckets, s.Participants(t), s.Created(), t.String())
	}
	ch <- gauge(c.historyWindow, c.window.Seconds())
	ch <- gauge(c.meetingsN, float64(s.Remembered()))
	if at := s.LastPoll(); !at.IsZero() {
		ch <- gauge(c.lastSuccess, seconds(at))
	}
	if at, ok := s.NewestEnd(); ok {
		ch <- gauge(c.newestEnd, seconds(at))
	}
	ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(c.folded, prometheus.CounterValue, float64(s.Folded()), s.Created())
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
