package ledger_test

import (
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

func TestTheFirstSweepIsShownButNotCounted(t *testing.T) {
	w := newWorld(t, defaults())
	want(t, "gauges before the first sweep", w.recent(), sumsOf{})
	w.sweep(ended("a", noon.Add(-time.Hour)))
	want(t, "counters", w.scrape(), sumsOf{sales: zero})
	want(t, "gauges", w.recent(), sumsOf{sales: one})
}

func TestATailBeforeTheFirstSweepIsNoBaseline(t *testing.T) {
	w := newWorld(t, defaults())
	w.tail(ended("a", noon))
	want(t, "gauges", w.recent(), sumsOf{})
	w.sweep(ended("a", noon), ended("b", noon.Add(-20*time.Hour)))
	want(t, "counters", w.scrape(), sumsOf{sales: zero})
}

func TestAMeetingIsCountedOnceHoweverOftenItIsListed(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("old", noon))
	m := ended("new", noon.Add(time.Minute))
	for range 3 {
		w.pass(time.Minute)
		w.tail(m, m)
		w.sweep(m, ended("old", noon))
	}
	want(t, "counters", w.scrape(), sumsOf{sales: one})
}

func TestTheSameBookingHeldTwiceIsTwoMeetings(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("old", noon))
	w.tail(ended("first", noon), ended("second", noon))
	want(t, "counters", w.scrape(), sumsOf{sales: times(2, one)})
}

func TestAMeetingPublishedLateCountsThoughItEndedBeforeTheBaseline(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("old", noon.Add(-time.Hour)))
	w.pass(time.Hour)
	w.sweep(ended("old", noon.Add(-time.Hour)), ended("late", noon.Add(-3*time.Hour)))
	want(t, "counters", w.scrape(), sumsOf{sales: one})
}

func TestARecordThatChangesAddsOnlyWhatExceedsTheHighestValue(t *testing.T) {
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
		want(t, step.what, w.scrape(), sumsOf{sales: step.want})
	}
}

func TestAMeetingOfTheBaselineCountsItsLaterRises(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("a", noon, participants(meeting.Absent)))
	w.tail(ended("a", noon, participants(7), recorded))
	want(t, "counters", w.scrape(), sumsOf{sales: {Participants: 7, Recorded: 1}})
}

func TestCountersStayWithTheLabelsOfFirstSightAndGaugesFollowTheLatest(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("old", noon.Add(-30*time.Hour)))
	w.tail(ended("a", noon))
	w.tail(ended("a", noon, department("legal"), participants(11), webinar))
	want(t, "counters", w.scrape(), sumsOf{sales: {Meetings: 1, DurationSeconds: 3600, Participants: 11, Terminals: 2}})
	legal := ledger.Labels{Department: "legal", Type: meeting.Webinar}
	want(t, "gauges", w.recent(), sumsOf{sales: zero, legal: {Meetings: 1, DurationSeconds: 3600, Participants: 11, Terminals: 2}})
}

func TestANewSeriesIsHeldAtZeroUntilThatWasServedForAnInterval(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep()
	w.tail(ended("a", noon))
	want(t, "published", byLabels(w.Snapshot().Totals()), sumsOf{sales: zero})

	w.pass(time.Hour)
	w.tail(ended("a", noon), ended("b", noon))
	want(t, "never served", byLabels(w.Snapshot().Totals()), sumsOf{sales: zero})

	want(t, "served", w.scrape(), sumsOf{sales: zero})
	w.pass(59 * time.Second)
	w.idle()
	want(t, "before the interval has passed", w.scrape(), sumsOf{sales: zero})

	w.pass(time.Second)
	want(t, "before the next turn", w.scrape(), sumsOf{sales: zero})
	w.idle()
	want(t, "released by a turn whose poll failed", w.scrape(), sumsOf{sales: times(2, one)})

	w.tail(ended("c", noon))
	want(t, "later increments", w.scrape(), sumsOf{sales: times(3, one)})
}

func TestAScrapeOfAnOlderSnapshotReleasesNothingNewer(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep()
	before := w.Snapshot()
	w.tail(ended("a", noon))
	before.Served(w.now)
	w.pass(time.Hour)
	w.idle()
	want(t, "counters", byLabels(w.Snapshot().Totals()), sumsOf{sales: zero})
}

func TestACounterIsCreatedWhenItFirstStandsAtZero(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("a", noon))
	w.pass(time.Minute)
	w.tail(ended("b", w.now, department("legal")))
	created := map[string]time.Time{}
	for _, s := range w.Snapshot().Totals() {
		created[s.Department] = s.Created
	}
	want(t, "created", created, map[string]time.Time{"sales": noon, "legal": noon.Add(time.Minute)})
}

func TestAHistogramObservesAFieldOnceWhenItIsFirstPresent(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("base", noon), ended("late", noon, participants(meeting.Absent)))
	w.tail(ended("a", noon, participants(meeting.Absent)), ended("b", noon, webinar, lasting(0)))
	s := w.Snapshot()
	want(t, "durations", s.Durations(meeting.Immediate), ledger.Distribution{3600: 1})
	want(t, "durations of webinars", s.Durations(meeting.Webinar), ledger.Distribution{0: 1})
	want(t, "participants", s.Participants(meeting.Immediate), nil)
	want(t, "participants of webinars", s.Participants(meeting.Webinar), ledger.Distribution{10: 1})

	w.tail(ended("a", noon, participants(4), lasting(2*time.Hour)), ended("late", noon, participants(3)))
	w.tail(ended("a", noon, participants(5), webinar))
	s = w.Snapshot()
	want(t, "durations", s.Durations(meeting.Immediate), ledger.Distribution{3600: 1})
	want(t, "participants", s.Participants(meeting.Immediate), ledger.Distribution{3: 1, 4: 1})
	want(t, "participants of webinars", s.Participants(meeting.Webinar), ledger.Distribution{10: 1})
}

func TestASnapshotNeverChanges(t *testing.T) {
	w := newWorld(t, defaults())
	w.sweep(ended("a", noon))
	w.tail(ended("b", noon))
	s := w.Snapshot()
	w.tail(ended("c", noon), ended("b", noon.Add(-time.Hour), participants(99)))
	want(t, "counters", byLabels(s.Totals()), sumsOf{sales: one})
	want(t, "gauges", byLabels(s.Recent(w.now)), sumsOf{sales: times(2, one)})
	want(t, "histogram", s.Durations(meeting.Immediate), ledger.Distribution{3600: 1})
	want(t, "size", s.Size(), 2)
}
