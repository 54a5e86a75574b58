package ledger_test

import (
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/test/stack"
)

func TestWindow(t *testing.T) {
	t.Run("slides between polls", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon.Add(-24*time.Hour+2*time.Minute)), ended("b", noon))
		for _, step := range []struct {
			pass time.Duration
			want ledger.Sums
		}{
			{0, times(2, one)},
			{time.Minute + 59*time.Second, times(2, one)},
			{time.Second, one}, // end = now - window lies outside
			{-time.Minute, times(2, one)},
		} {
			w.pass(step.pass)
			want(t, "gauges after "+step.pass.String(), w.recent(), sumsOf{sales: step.want})
		}
	})
	t.Run("holds an end ahead of the clock", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon.Add(time.Hour)))
		want(t, "gauges", w.recent(), sumsOf{sales: one})
	})
	t.Run("stale gauges are withheld, counters are not", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon))
		w.tail(ended("b", noon))
		w.pass(time.Hour)
		want(t, "gauges after an hour", w.recent(), sumsOf{sales: times(2, one)})
		w.pass(time.Second)
		w.failedPoll()
		want(t, "gauges after more", w.recent(), sumsOf{})
		want(t, "counters", w.counted(), sumsOf{sales: one})
		w.tail()
		want(t, "gauges after a poll", w.recent(), sumsOf{sales: times(2, one)})
	})
	t.Run("gauges from the future are withheld", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon))
		w.pass(-time.Minute)
		want(t, "gauges after a step of a minute", w.recent(), sumsOf{sales: one})
		w.pass(-time.Second)
		want(t, "gauges after more", w.recent(), sumsOf{})
		w.tail()
		want(t, "gauges after a poll", w.recent(), sumsOf{sales: one})
	})
	t.Run("steps of the wall clock are seen", func(t *testing.T) {
		// What time.Now returns has a monotonic reading, which the steps do not
		// change. Subtraction goes by it if both times have one.
		w := newWorld(t, defaults())
		w.now = time.Now()
		w.sweep(ended("a", w.now))
		for _, step := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
			want(t, "gauges after a step", bySet(w.Snapshot().Recent(stack.Stepped(w.now, step))), sumsOf{})
		}
	})
	t.Run("a longer window waits for a sweep", func(t *testing.T) {
		for name, change := range map[string]func(*ledger.Config){
			"window":               func(c *ledger.Config) { c.Window += time.Minute },
			"max-meeting-duration": func(c *ledger.Config) { c.MaxMeetingDuration += time.Minute },
		} {
			cfg := defaults()
			w := newStoredWorld(t)
			w.sweep(ended("a", noon))
			w.restart(cfg)
			want(t, "the same "+name, w.recent(), sumsOf{sales: one})
			change(&cfg)
			w.restart(cfg)
			want(t, "a longer "+name, w.recent(), sumsOf{})
			w.tail()
			want(t, "after a tail", w.recent(), sumsOf{})
			w.sweep(ended("a", noon))
			want(t, "after a sweep", w.recent(), sumsOf{sales: one})
			w.restart(defaults())
			want(t, "a shorter "+name, w.recent(), sumsOf{sales: one})
		}
	})
	t.Run("the course adds up to the window", func(t *testing.T) {
		w := newWorld(t, defaults())
		hoursAgo := func(h int, more time.Duration) time.Time { return noon.Add(-time.Duration(h)*time.Hour - more) }
		w.sweep(ended("a", hoursAgo(0, 0)), ended("b", hoursAgo(1, -time.Minute)), ended("c", hoursAgo(1, 0), department("legal")),
			ended("d", hoursAgo(23, 59*time.Minute)), ended("e", hoursAgo(24, 0)), ended("f", hoursAgo(-1, 0)))
		hourly := make([]int64, 24)
		hourly[0], hourly[22], hourly[23] = 1, 1, 3
		want(t, "hours", w.Snapshot().Course(w.now, time.Hour), hourly)
		want(t, "a first step that is shorter", w.Snapshot().Course(w.now, 23*time.Hour), []int64{1, 4})
		w.pass(90 * time.Minute)
		want(t, "withheld", w.Snapshot().Course(w.now, time.Hour), nil)
	})
	t.Run("a label set once shown stays at 0", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon, department("legal")))
		w.pass(100 * time.Hour)
		w.sweep(ended("b", w.now))
		want(t, "remembered", w.Snapshot().Remembered(), 1)
		want(t, "gauges", w.recent(), sumsOf{sales: one, {Department: "legal", Type: meeting.Immediate}: zero})
	})
	t.Run("the newest end follows corrections", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("a", noon.Add(20*time.Hour)), ended("b", noon))
		w.tail(ended("a", noon.Add(-time.Hour)))
		newest, ok := w.Snapshot().NewestEnd()
		want(t, "newest end", newest, noon)
		want(t, "known", ok, true)
	})
}

func TestHorizon(t *testing.T) {
	t.Run("a forgotten meeting never counts again", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		old := ended("a", noon.Add(-time.Hour))
		w.tail(old)
		w.pass(60 * time.Hour)
		w.sweep(ended("b", w.now))
		want(t, "remembered", w.Snapshot().Remembered(), 1)
		w.sweep(old, ended("b", w.now))
		w.tail(ended("a", noon.Add(-time.Hour), participants(100), recorded))
		want(t, "counters", w.counted(), sumsOf{sales: times(2, one)})

		w.tail(ended("long gone", noon.Add(-time.Hour), department("legal")))
		want(t, "counters of a set behind the horizon", w.counted(), sumsOf{sales: times(2, one)})
		want(t, "gauges", departmentsOf(w.recent()), []string{"legal", "sales"})
	})
	t.Run("a long meeting stays while it may be listed", func(t *testing.T) {
		w := newWorld(t, defaults())
		long := ended("long", noon, lasting(30*time.Hour))
		w.sweep(ended("other", noon))
		w.tail(long)
		for range 53 {
			w.pass(time.Hour)
			w.sweep(long, ended("newest", w.now))
		}
		want(t, "counters", w.counted()[sales].Meetings, 2)
	})
	t.Run("a clock days ahead forgets nothing", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("base", noon))
		m := ended("a", noon)
		w.tail(m)
		w.pass(10 * 24 * time.Hour)
		w.sweep(m)
		w.pass(-10 * 24 * time.Hour)
		w.sweep(m, ended("b", noon.Add(time.Minute)))
		want(t, "counters", w.counted(), sumsOf{sales: times(2, one)})
		want(t, "gauges", w.recent(), sumsOf{sales: times(3, one)})
	})
	t.Run("a sweep reaches what may still count", func(t *testing.T) {
		w := newWorld(t, defaults())
		reach := 54 * time.Hour
		want(t, "before the baseline", w.SweepFrom(noon), noon.Add(-reach))
		w.sweep(ended("a", noon.Add(-3*time.Hour)))
		want(t, "after a baseline", w.SweepFrom(noon), noon.Add(-reach))
		w.pass(10 * time.Hour)
		want(t, "after an outage", w.SweepFrom(w.now), noon.Add(-reach))
		w.sweep(ended("a", noon.Add(-3*time.Hour)))
		want(t, "while nothing newer is known", w.SweepFrom(w.now), noon.Add(-reach))
		w.sweep(ended("b", w.now))
		want(t, "after a sweep", w.SweepFrom(w.now), w.now.Add(-reach))

		_, _, lost := w.Gap(w.now.Add(7 * 24 * time.Hour))
		want(t, "gap after a week", lost, false)
		w.pass(8 * 24 * time.Hour)
		want(t, "not beyond the catch-up", w.SweepFrom(w.now), w.now.Add(-reach-7*24*time.Hour))
		from, to, lost := w.Gap(w.now)
		want(t, "gap", []time.Time{from, to}, []time.Time{w.now.Add(-8*24*time.Hour - reach), w.now.Add(-7*24*time.Hour - reach)})
		want(t, "lost", lost, true)
	})
}

func TestPeakConcurrent(t *testing.T) {
	edge := noon.Add(-24 * time.Hour)
	for name, c := range map[string]struct {
		pass     time.Duration
		meetings []meeting.Meeting
		want     int64
	}{
		"no meetings":                  {0, nil, 0},
		"one after the other":          {0, []meeting.Meeting{ended("a", noon), ended("b", noon.Add(-time.Hour))}, 1},
		"one minute in common":         {0, []meeting.Meeting{ended("a", noon), ended("b", noon.Add(-59*time.Minute))}, 2},
		"no length is a minute":        {0, []meeting.Meeting{ended("a", noon), ended("b", noon.Add(-time.Minute), lasting(0))}, 2},
		"no length at the other's end": {0, []meeting.Meeting{ended("a", noon), ended("b", noon, lasting(0))}, 1},
		"the minute of the edge":       {59 * time.Second, []meeting.Meeting{ended("a", edge.Add(time.Minute)), ended("b", edge.Add(time.Minute))}, 2},
		"before the edge":              {0, []meeting.Meeting{ended("a", edge), ended("b", edge), ended("c", noon)}, 1},
		"ran on at the edge":           {time.Hour, []meeting.Meeting{ended("a", noon, lasting(30*time.Hour)), ended("b", edge)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, defaults())
			w.sweep(c.meetings...)
			w.pass(c.pass)
			got, shown := w.Snapshot().PeakConcurrent(w.now)
			want(t, "peak", got, c.want)
			want(t, "shown", shown, true)
		})
	}
}

func TestDepartmentLabels(t *testing.T) {
	cfg := defaults()
	cfg.MaxDepartments = 3
	w := newWorld(t, cfg)
	w.sweep(ended("1", noon, department("a")), ended("2", noon, department("b")))
	meetings := map[string]int{"a": 1, "few": 1, "many": 2, "other": 1, "unknown": 1}
	want(t, "room for one", w.Snapshot().DepartmentLabels(meetings), map[string]string{"a": "a", "few": "other", "many": "many", "other": "other", "unknown": "unknown"})
	w.tail(ended("3", noon, department("c")))
	want(t, "no room", w.Snapshot().DepartmentLabels(meetings)["many"], "other")
	want(t, "label sets", len(w.Snapshot().LabelSets()), 3)
}
