package ledger_test

import (
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

func TestHolds(t *testing.T) {
	t.Run("released a hold after the delivery", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		w.tail(ended("a", noon))
		want(t, "published", w.totals(), sumsOf{sales: zero})

		w.pass(time.Hour)
		w.tail(ended("a", noon), ended("b", noon))
		want(t, "never delivered", w.totals(), sumsOf{sales: zero})

		want(t, "delivered", w.scrape(), sumsOf{sales: zero})
		w.pass(59 * time.Second)
		w.failedPoll()
		want(t, "before the hold has passed", w.scrape(), sumsOf{sales: zero})

		w.pass(time.Second)
		want(t, "before the next turn", w.scrape(), sumsOf{sales: zero})
		w.failedPoll()
		want(t, "released by a failed poll", w.scrape(), sumsOf{sales: times(2, one)})

		w.tail(ended("c", noon))
		want(t, "later increments", w.scrape(), sumsOf{sales: times(3, one)})
	})
	t.Run("a label set of the baseline", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("base", noon))
		w.pass(time.Hour)
		w.tail(ended("a", noon))
		want(t, "never delivered", w.totals(), sumsOf{sales: zero})
		w.release()
		want(t, "released", w.totals(), sumsOf{sales: one})
	})
	t.Run("an older snapshot releases nothing newer", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		before := w.Snapshot()
		w.tail(ended("a", noon))
		before.MarkDelivered(w.clock)
		w.pass(time.Hour)
		w.failedPoll()
		want(t, "counters", w.totals(), sumsOf{sales: zero})
	})
	t.Run("a slow scrape delivers after the next turn", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		w.tail(ended("a", noon))
		before := w.Snapshot()
		w.pass(time.Second)
		w.tail(ended("b", noon, department("legal")))
		before.MarkDelivered(w.clock)
		w.pass(time.Minute)
		w.failedPoll()
		want(t, "counters", w.totals(), sumsOf{sales: one, {Department: "legal", Type: meeting.Immediate}: zero})
	})
	t.Run("upcoming meetings find their series released", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		p := w.tailPoll()
		p.Upcoming = []meeting.Meeting{ended("a", noon)}
		w.apply(p)
		want(t, "announced", w.scrape(), sumsOf{sales: zero})
		w.pass(time.Minute)
		w.tail(ended("a", noon))
		want(t, "counted", w.scrape(), sumsOf{sales: one})
	})
	t.Run("created is when a counter was first 0", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon))
		w.pass(time.Minute)
		w.tail(ended("b", w.now, department("legal")))
		created := map[string]time.Time{}
		for _, s := range w.Snapshot().Totals() {
			created[s.Department] = s.Created
		}
		want(t, "created", created, map[string]time.Time{"sales": noon, "legal": noon.Add(time.Minute)})
	})
}

// The fixed series exist before the first poll.
func TestFixedSeriesAreHeld(t *testing.T) {
	cfg := defaults()
	cfg.MaxDepartments = 0
	counting := func(t *testing.T) *world {
		w := newWorld(t, cfg)
		w.sweep()
		w.tail(ended("a", noon), ended("long", noon, lasting(60*time.Hour)))
		return w
	}
	counted := ledger.Distribution{3600: 1}
	wantFixed := func(t *testing.T, w *world, when string, released bool) {
		t.Helper()
		durations, participants, n := ledger.Distribution(nil), ledger.Distribution(nil), int64(0)
		if released {
			durations, participants, n = counted, ledger.Distribution{10: 1}, 1
		}
		s := w.Snapshot()
		want(t, when+": durations", s.Durations(meeting.Immediate), durations)
		want(t, when+": participants", s.Participants(meeting.Immediate), participants)
		want(t, when+": folded", s.Folded(), n)
		want(t, when+": too late", s.TooLate(), n)
	}
	t.Run("released a hold after the delivery", func(t *testing.T) {
		w := counting(t)
		w.pass(time.Hour)
		w.failedPoll()
		wantFixed(t, w, "never delivered", false)
		w.scrape()
		w.pass(59 * time.Second)
		w.failedPoll()
		wantFixed(t, w, "before the hold has passed", false)
		w.pass(time.Second)
		wantFixed(t, w, "before the next turn", false)
		w.failedPoll()
		wantFixed(t, w, "released", true)
	})
	t.Run("a scrape before the first poll delivers them", func(t *testing.T) {
		w := newWorld(t, cfg)
		w.release()
		w.sweep()
		w.tail(ended("a", noon), ended("long", noon, lasting(60*time.Hour)))
		wantFixed(t, w, "counted", true)
	})
	t.Run("a restart keeps held and released", func(t *testing.T) {
		w := storedWorld(t, t.TempDir()+"/ledger.db", cfg)
		w.sweep()
		w.tail(ended("a", noon), ended("long", noon, lasting(60*time.Hour)))
		w.scrape()
		w.pass(time.Minute) // due, but the process ends first
		w.restart(cfg)
		w.failedPoll()
		wantFixed(t, w, "held", false)
		w.release()
		w.restart(cfg)
		wantFixed(t, w, "released", true)
	})
}

func TestTooLate(t *testing.T) {
	long := ended("long", noon.Add(time.Minute), lasting(60*time.Hour))
	t.Run("of the baseline does not count", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(long)
		w.tail(long)
		want(t, "too late", w.Unheld().TooLate(), 0)
	})
	t.Run("counts once, and is shown", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		for range 3 {
			w.pass(time.Minute)
			w.tail(long)
			w.sweep(long)
		}
		want(t, "too late", w.Unheld().TooLate(), 1)
		want(t, "counters", w.counted(), sumsOf{})
		want(t, "gauges", w.recent()[sales].Meetings, 1)
	})
	// Such a meeting may have been counted and forgotten.
	t.Run("an end before the horizon does not count", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		w.tail(ended("a", noon))
		w.pass(60 * time.Hour)
		w.sweep(ended("b", w.now))
		w.tail(ended("a", noon), ended("never seen", noon))
		want(t, "too late", w.Unheld().TooLate(), 0)
	})
}
