package soak_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/test/oracle"
)

// series names one sample. A metric without a label has that label's zero
// value.
type series struct {
	name string // without the prefix of the exporter
	oracle.LabelSet
}

// samples are what a scrape shows. A histogram is its _count and _sum, and
// what has a creation time has a _created, in nanoseconds.
type samples map[series]float64

var (
	recentNames = [...]string{"recent_meetings", "recent_duration_seconds", "recent_participants", "recent_terminals", "recent_recorded_meetings"}
	totalNames  = [...]string{"ended_meetings_total", "duration_seconds_total", "participants_total", "terminals_total", "recorded_meetings_total"}
	newestEnd   = series{name: "newest_meeting_end_timestamp_seconds"}
)

// fields returns sums in the order of the names.
func fields(s oracle.Sums) [5]int64 {
	return [...]int64{s.Meetings, s.DurationSeconds, s.Participants, s.Terminals, s.Recorded}
}

// cumulative reports whether a sample must never fall.
func (s series) cumulative() bool {
	return strings.HasSuffix(s.name, "_total") || strings.HasSuffix(s.name, "_count") || strings.HasSuffix(s.name, "_sum")
}

func readSamples(families []*dto.MetricFamily) samples {
	read := samples{}
	for _, family := range families {
		name := strings.TrimPrefix(family.GetName(), "huaweicloud_meeting_")
		for _, m := range family.GetMetric() {
			set := oracle.LabelSet{}
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "department", "reason":
					set.Department = l.GetValue()
				case "conference_type":
					set.Type = meeting.Types()[slices.IndexFunc(meeting.Types(), func(t meeting.Type) bool { return t.String() == l.GetValue() })]
				}
			}
			if h := m.GetHistogram(); h != nil {
				read[series{name + "_count", set}] = float64(h.GetSampleCount())
				read[series{name + "_sum", set}] = h.GetSampleSum()
				read[series{name + "_created", set}] = float64(h.GetCreatedTimestamp().AsTime().UnixNano())
				continue
			}
			if c := m.GetCounter(); c != nil {
				read[series{name + "_created", set}] = float64(c.GetCreatedTimestamp().AsTime().UnixNano())
			}
			read[series{name, set}] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return read
}

// expectedSamples returns what a scrape at a time of the wall clock must show.
func (w *world) expectedSamples(now time.Time) samples {
	o, want := w.oracle, samples{}
	single := func(name string, value float64) { want[series{name: name}] = value }
	put := func(names [5]string, sums map[oracle.LabelSet]oracle.Sums) {
		for set, s := range sums {
			for i, value := range fields(s) {
				want[series{names[i], set}] = float64(value)
			}
		}
	}
	put(recentNames, o.Recent(now))
	if peak, ok := o.PeakConcurrent(now); ok {
		single("recent_peak_concurrent_meetings", float64(peak))
	}
	totals := o.Totals()
	put(totalNames, totals)
	for set := range totals {
		for _, name := range totalNames {
			want[series{name + "_created", set}] = float64(o.Created(set).UnixNano())
		}
	}
	for _, t := range meeting.Types() {
		histograms := map[string]map[int64]uint64{"ended_duration_seconds": o.Durations(t), "ended_participants": o.Participants(t)}
		if w.cfg.Ledger.Attendance {
			histograms["ended_attendees"] = o.Attendees(t)
		}
		for name, values := range histograms {
			var count, sum float64
			for value, n := range values {
				count, sum = count+float64(n), sum+float64(n)*float64(value)
			}
			set := oracle.LabelSet{Type: t}
			want[series{name + "_count", set}], want[series{name + "_sum", set}] = count, sum
		}
	}
	w.expectAttendance(want)
	single("folded_meetings_total", float64(o.Folded()))
	single("too_late_meetings_total", float64(o.TooLate()))
	single("ledger_meetings", float64(o.Remembered()))
	single("history_window_seconds", w.cfg.Ledger.Window.Seconds())
	if newest, ok := o.NewestEnd(); ok {
		want[newestEnd] = float64(newest.Unix())
	}
	if at := o.LastPoll(); !at.IsZero() {
		single("last_success_timestamp_seconds", float64(at.UnixMilli())/1000)
	}
	return want
}

// compare returns up to 10 samples that are not as the rules say, in order. The
// rules leave some things open.
func (w *world) compare(got samples, now time.Time) (wrong []string) {
	want, all := w.expectedSamples(now), maps.Clone(got)
	maps.Copy(all, want)
	age := now.Sub(w.oracle.LastPoll())
	stale, ahead := age-w.cfg.Ledger.StaleAfter, -time.Minute-age
	for s := range all {
		switch {
		case strings.HasPrefix(s.name, "recent_") && min(stale.Abs(), ahead.Abs()) <= time.Minute: // what was gathered is kept up to the end of the minute
		case s.isUndated(): // when the ledger began, which the oracle does not know
		case s == newestEnd && w.oracle.Remembered() == 0: // the end of a meeting just forgotten may still show
		default:
			g, shown := got[s]
			if e, expected := want[s]; g != e || shown != expected {
				wrong = append(wrong, fmt.Sprintf("%v is %v (shown: %v), the rules say %v (shown: %v)", s, g, shown, e, expected))
			}
		}
	}
	slices.Sort(wrong)
	return wrong[:min(len(wrong), 10)]
}
