package ledger

import (
	"maps"
	"time"
)

// SweepFrom returns the earliest start that a sweep at the given wall-clock
// time must read, so that it reaches every meeting that may still be counted.
// It goes back at most MaxCatchUp more than a sweep does without an outage.
func (l *Ledger) SweepFrom(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sweepFrom(now)
}

func (l *Ledger) sweepFrom(now time.Time) time.Time {
	reach := l.cfg.reach()
	from := now.Add(-reach)
	if !l.state.horizon.IsZero() && l.state.horizon.Before(from) {
		from = l.state.horizon
	}
	if earliest := now.Add(-reach - l.cfg.MaxCatchUp); from.Before(earliest) {
		from = earliest
	}
	return from.Truncate(time.Minute)
}

// Gap returns the part of history that no sweep at the given wall-clock time
// reads any more, because the last complete sweep is longer ago than
// MaxCatchUp. Lost is false if there is none.
func (l *Ledger) Gap(now time.Time) (from, to time.Time, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.lastSweep.IsZero() || now.Sub(l.state.lastSweep) <= l.cfg.MaxCatchUp {
		return time.Time{}, time.Time{}, false
	}
	return l.state.horizon, l.sweepFrom(now), l.state.horizon.Before(l.sweepFrom(now))
}

// advanceHorizon moves the horizon after a sweep that began at the given time,
// and forgets the meetings behind it (rule 8). A clock that is days ahead does
// no harm, because the horizon goes by the newest meeting too.
func (t *turn) advanceHorizon(began time.Time) {
	if t.state.newestEnd == 0 {
		return
	}
	newest := t.state.newestEnd.time()
	if began.Before(newest) {
		newest = began
	}
	if h := newest.Add(-t.base.cfg.reach()).Truncate(time.Minute); h.After(t.state.horizon) {
		t.state.horizon = h
	}
	t.forget(min(minuteOf(t.state.horizon), t.base.cfg.windowBegin(began)))
}

// forget drops the meetings that ended before the given minute.
func (t *turn) forget(before minute) {
	for key, s := range t.allSeries() {
		if len(s.window) > 0 && s.window.oldest() < before {
			s.window = s.window.since(before)
			t.series[key] = s
		}
	}
	maps.DeleteFunc(t.meetings, func(key id, e entry) bool {
		_, old := t.base.meetings[key]
		if old || e.end >= before {
			return false
		}
		t.running.add(&e, -1)
		return true
	})
	for key, e := range t.base.meetings {
		if latest, ok := t.meetings[key]; ok {
			e = latest
		}
		if e.end < before {
			t.running.add(&e, -1)
			t.forgotten = append(t.forgotten, key)
			delete(t.meetings, key)
		}
	}
	t.state.newestEnd = t.newestEnd()
}

// newestEnd returns the latest end of the meetings remembered, 0 if there are
// none.
func (t *turn) newestEnd() minute {
	var newest minute
	for _, s := range t.allSeries() {
		newest = max(newest, s.window.newest())
	}
	return newest
}
