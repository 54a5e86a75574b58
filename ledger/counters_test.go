package ledger_test

import (
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

func TestBaseline(t *testing.T) {
	t.Run("the first sweep is shown, not counted", func(t *testing.T) {
		w := newWorld(t, defaults())
		want(t, "gauges before", w.recent(), sumsOf{})
		w.sweep(ended("a", noon.Add(-time.Hour)))
		want(t, "counters", w.counted(), sumsOf{sales: zero})
		want(t, "gauges", w.recent(), sumsOf{sales: one})
	})
	t.Run("a tail is no baseline", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.tail(ended("a", noon))
		want(t, "gauges", w.recent(), sumsOf{})
		w.sweep(ended("a", noon), ended("b", noon.Add(-20*time.Hour)))
		want(t, "counters", w.counted(), sumsOf{sales: zero})
	})
	t.Run("a later rise counts", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon, participants(meeting.Absent)))
		w.tail(ended("a", noon, participants(7), recorded))
		want(t, "counters", w.counted(), sumsOf{sales: {Participants: 7, Recorded: 1}})
	})
	t.Run("two reports of one meeting", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon, participants(12)), ended("a", noon))
		w.tail(ended("a", noon, participants(13)))
		want(t, "counters", w.counted(), sumsOf{sales: {Participants: 1}})
	})
	t.Run("a meeting published late counts", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("old", noon.Add(-time.Hour)))
		w.pass(time.Hour)
		w.sweep(ended("old", noon.Add(-time.Hour)), ended("late", noon.Add(-3*time.Hour)))
		want(t, "counters", w.counted(), sumsOf{sales: one})
	})
}

func TestEachMeetingCountsOnce(t *testing.T) {
	t.Run("listed often", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("old", noon))
		m := ended("new", noon.Add(time.Minute))
		for range 3 {
			w.pass(time.Minute)
			w.tail(m, m)
			w.sweep(m, ended("old", noon))
		}
		want(t, "counters", w.counted(), sumsOf{sales: one})
		want(t, "gauges", w.recent(), sumsOf{sales: times(2, one)})
	})
	t.Run("one booking held twice is two meetings", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("old", noon))
		w.tail(ended("first", noon), ended("second", noon))
		want(t, "counters", w.counted(), sumsOf{sales: times(2, one)})
	})
	t.Run("two reports in one poll, in order", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("old", noon))
		w.tail(ended("a", noon, participants(12)), ended("a", noon, department("legal"), recorded))
		legal := ledger.LabelSet{Department: "legal", Type: meeting.Immediate}
		want(t, "counters", w.counted(), sumsOf{sales: {Meetings: 1, DurationSeconds: 3600, Participants: 12, Terminals: 2, Recorded: 1}})
		want(t, "gauges", w.recent(), sumsOf{sales: one, legal: {Meetings: 1, DurationSeconds: 3600, Participants: 10, Terminals: 2, Recorded: 1}})
	})
}

func TestChanges(t *testing.T) {
	t.Run("counters add what exceeds the highest", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("old", noon))
		at := noon.Add(time.Minute)
		for _, step := range []struct {
			what string
			m    meeting.Meeting
			want ledger.Sums
		}{
			{"first sight", ended("a", at), one},
			{"all shrink", ended("a", at, participants(0), lasting(time.Minute)), one},
			{"back again", ended("a", at), one},
			{"participants unknown", ended("a", at, participants(meeting.Absent)), one},
			{"more participants", ended("a", at, participants(12)), ledger.Sums{Meetings: 1, DurationSeconds: 3600, Participants: 12, Terminals: 2}},
			{"longer", ended("a", at, lasting(2*time.Hour)), ledger.Sums{Meetings: 1, DurationSeconds: 7200, Participants: 12, Terminals: 2}},
			{"recorded", ended("a", at, recorded), ledger.Sums{Meetings: 1, DurationSeconds: 7200, Participants: 12, Terminals: 2, Recorded: 1}},
			{"recording gone", ended("a", at), ledger.Sums{Meetings: 1, DurationSeconds: 7200, Participants: 12, Terminals: 2, Recorded: 1}},
			{"recorded again", ended("a", at, recorded), ledger.Sums{Meetings: 1, DurationSeconds: 7200, Participants: 12, Terminals: 2, Recorded: 1}},
		} {
			w.pass(time.Minute)
			w.tail(step.m)
			want(t, step.what, w.counted(), sumsOf{sales: step.want})
		}
	})
	t.Run("counters keep the first labels, gauges the latest", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("old", noon.Add(-30*time.Hour)))
		w.tail(ended("a", noon))
		w.tail(ended("a", noon, department("legal"), participants(11), webinar))
		sums := ledger.Sums{Meetings: 1, DurationSeconds: 3600, Participants: 11, Terminals: 2}
		want(t, "counters", w.counted(), sumsOf{sales: sums})
		want(t, "gauges", w.recent(), sumsOf{sales: zero, {Department: "legal", Type: meeting.Webinar}: sums})
	})
	t.Run("histograms observe a field once", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("base", noon), ended("late", noon, participants(meeting.Absent)))
		w.tail(ended("a", noon, participants(meeting.Absent)), ended("b", noon, webinar, lasting(0)))
		s := w.Unheld()
		want(t, "durations", s.Durations(meeting.Immediate), ledger.Distribution{3600: 1})
		want(t, "durations of webinars", s.Durations(meeting.Webinar), ledger.Distribution{0: 1})
		want(t, "participants", s.Participants(meeting.Immediate), nil)
		want(t, "participants of webinars", s.Participants(meeting.Webinar), ledger.Distribution{10: 1})

		w.tail(ended("a", noon, participants(4), lasting(2*time.Hour)), ended("late", noon, participants(3)))
		w.tail(ended("a", noon, participants(5), webinar))
		s = w.Unheld()
		want(t, "durations", s.Durations(meeting.Immediate), ledger.Distribution{3600: 1})
		want(t, "participants", s.Participants(meeting.Immediate), ledger.Distribution{3: 1, 4: 1})
		want(t, "participants of webinars", s.Participants(meeting.Webinar), ledger.Distribution{10: 1})
	})
}

func TestSnapshotNeverChanges(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("a", noon))
	w.release()
	w.tail(ended("b", noon))
	s := w.Snapshot()
	w.tail(ended("c", noon), ended("b", noon.Add(-time.Hour), participants(99)))
	want(t, "counters", bySet(s.Totals()), sumsOf{sales: one})
	want(t, "gauges", bySet(s.Recent(w.now)), sumsOf{sales: times(2, one)})
	want(t, "histogram", s.Durations(meeting.Immediate), ledger.Distribution{3600: 1})
	want(t, "remembered", s.Remembered(), 2)
}

func TestDepartments(t *testing.T) {
	world := func(t *testing.T, limit int) *world {
		cfg := defaults()
		cfg.MaxDepartments = limit
		return newWorld(t, cfg)
	}
	t.Run("the busiest take the room that is left", func(t *testing.T) {
		w := world(t, 3)
		w.sweep(
			ended("1", noon, department("b")),
			ended("2", noon, department("d")), ended("3", noon, department("d")),
			ended("4", noon, department("c")),
			ended("5", noon, department("a")),
			ended("6", noon, department("unknown")), ended("7", noon, department("other")),
		)
		want(t, "departments", departmentsOf(w.recent()), []string{"a", "b", "d", "other", "unknown"})
		want(t, "meetings of other", w.recent()[ledger.LabelSet{Department: "other", Type: meeting.Immediate}].Meetings, 2)
		want(t, "folded in the baseline", w.Unheld().Folded(), 0)

		w.tail(ended("8", noon, department("c")), ended("9", noon, department("other")))
		want(t, "departments", departmentsOf(w.recent()), []string{"a", "b", "d", "other", "unknown"})
		want(t, "folded", w.Unheld().Folded(), 1)
	})
	t.Run("a department that was corrected is other", func(t *testing.T) {
		w := world(t, 1)
		w.sweep(ended("1", noon, department("b")), ended("1", noon, department("a")))
		want(t, "departments", departmentsOf(w.recent()), []string{"a", "other"})
	})
	t.Run("without room every department is other", func(t *testing.T) {
		w := world(t, 0)
		w.sweep()
		for _, uuid := range []string{"a", "b", "c", "d", "e"} {
			w.tail(ended(uuid, noon, department("department "+uuid)))
		}
		want(t, "counters", w.counted(), sumsOf{{Department: "other", Type: meeting.Immediate}: times(5, one)})
		want(t, "folded", w.Unheld().Folded(), 5)
	})
}
