// Package collector shows the ledger, the poller and the requests as
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

// helpPolled ends the help of each metric that shows what the service said.
const helpPolled = " Updated by polls in the background."

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

	recent, total              []sumDesc
	durations, participants    *prometheus.Desc
	historyWindow, lastSuccess *prometheus.Desc
	newestEnd, remembered      *prometheus.Desc
	folded, tooLate, peak      *prometheus.Desc
}

// New returns a collector of a ledger. The window must be that of the ledger's
// Config. Now is the wall clock at which the window ends.
func New(l *ledger.Ledger, window time.Duration, now func() time.Time) *Collector {
	const helpInvited = " The service lists those who were invited, not those who joined."
	const helpGrows = " What a record gains later is added, also for meetings of the baseline."
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
			{newDesc("recent_meetings", "Meetings whose endTime lies within the recent window, see history_window_seconds."+helpPolled, dims...), meetings},
			{newDesc("recent_duration_seconds", "Sum of endTime - startTime of the meetings that ended within the recent window; both are cut to the minute."+helpPolled, dims...), duration},
			{newDesc("recent_participants", "Sum of normalCount, the software endpoints, of the meetings that ended within the recent window."+helpInvited+helpPolled, dims...), participants},
			{newDesc("recent_terminals", "Sum of terminlCount, the hardware terminals, of the meetings that ended within the recent window."+helpInvited+helpPolled, dims...), terminals},
			{newDesc("recent_recorded_meetings", "Meetings with isHasRecordFile that ended within the recent window; a recording may appear minutes after the end."+helpPolled, dims...), recorded},
		},
		total: []sumDesc{
			{newDesc("ended_meetings_total", "Ended meetings, each confUUID counted once, since the baseline, which is the first complete sweep."+helpPolled, dims...), meetings},
			{newDesc("duration_seconds_total", "Sum of endTime - startTime of the counted meetings; both are cut to the minute."+helpGrows+helpPolled, dims...), duration},
			{newDesc("participants_total", "Sum of normalCount, the software endpoints, of the counted meetings."+helpGrows+helpInvited+helpPolled, dims...), participants},
			{newDesc("terminals_total", "Sum of terminlCount, the hardware terminals, of the counted meetings."+helpGrows+helpInvited+helpPolled, dims...), terminals},
			{newDesc("recorded_meetings_total", "Counted meetings with isHasRecordFile."+helpGrows+helpPolled, dims...), recorded},
		},
		durations:     newDesc("ended_duration_seconds", "Distribution of endTime - startTime of the counted meetings, as first seen."+helpPolled, "conference_type"),
		participants:  newDesc("ended_participants", "Distribution of the first known normalCount, the software endpoints, of each meeting; those of the baseline whose number was unknown then are included."+helpInvited+helpPolled, "conference_type"),
		historyWindow: newDesc("history_window_seconds", "Length of the recent window, as set by --history.window."),
		lastSuccess:   newDesc("last_success_timestamp_seconds", "When the last complete poll of the history API ended, in seconds since 1970."),
		newestEnd:     newDesc("newest_meeting_end_timestamp_seconds", "Latest endTime among the meetings remembered, in seconds since 1970."+helpPolled),
		folded:        newDesc("folded_meetings_total", "Ended meetings counted under the department other because --history.max-departments was reached."+helpPolled),
		tooLate:       newDesc("too_late_meetings_total", "Ended meetings that are never counted, because they were first listed more than --history.window and --history.max-meeting-duration together after their start."+helpPolled),
		peak:          newDesc("recent_peak_concurrent_meetings", "Most meetings at once in any minute of the recent window, computed from startTime and endTime of the ended meetings."+helpPolled),
		remembered:    newDesc("ledger_meetings", "Number of meetings that the ledger remembers, to count none twice."),
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
	for _, d := range []*prometheus.Desc{c.durations, c.participants, c.historyWindow, c.lastSuccess, c.newestEnd, c.folded, c.tooLate, c.peak, c.remembered} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s, now := c.ledger.Snapshot(), c.now()
	for _, sums := range s.Recent(now) {
		for _, d := range c.recent {
			ch <- gauge(d.desc, float64(d.value(sums.Sums)), sums.Department, sums.Type.String())
		}
	}
	if peak, ok := s.PeakConcurrent(now); ok {
		ch <- gauge(c.peak, float64(peak))
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
	ch <- gauge(c.remembered, float64(s.Remembered()))
	if at := s.LastPoll(); !at.IsZero() {
		ch <- gauge(c.lastSuccess, seconds(at))
	}
	if at, ok := s.NewestEnd(); ok {
		ch <- gauge(c.newestEnd, seconds(at))
	}
	ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(c.folded, prometheus.CounterValue, float64(s.Folded()), s.Created())
	ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(c.tooLate, prometheus.CounterValue, float64(s.TooLate()), s.Created())
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
