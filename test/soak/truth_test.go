package soak_test

import (
	"fmt"
	"time"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/test/oracle"
)

// truth bounds the counters of one life of a ledger by what the service
// offered and when. It does not know what was read. It only relies on what the
// client promises: a complete sweep sees whatever is listed from its begin to
// its end, unless the service lies. Where the offer was ambiguous, as when a
// record changed during the baseline, the bounds are apart. Elsewhere they
// meet, and the counters must be exactly there.
type truth struct {
	sweeps  []sweep // the complete ones; the first is the baseline
	horizon time.Time
	read    time.Time // when the last complete poll ended
}

// sweep is one complete sweep.
type sweep struct {
	began, ended time.Time // of the service's clock
	from, to     time.Time // the range asked for, by the exporter's clock
	certain      bool      // it must have read all that was listed
	horizon      time.Time // the latest that it may have been before the sweep
}

// bounds are the least and the most that counters may show.
type bounds struct{ least, most oracle.Sums }

func (b bounds) plus(o bounds) bounds { return bounds{b.least.Plus(o.least), b.most.Plus(o.most)} }

// addSweep takes in a complete sweep.
func (t *truth) addSweep(s sweep, reach time.Duration, e *enterprise) {
	if len(t.sweeps) == 0 {
		t.horizon = s.from
	}
	s.horizon = t.horizon
	t.sweeps = append(t.sweeps, s)
	newest := time.Time{}
	for _, r := range e.records {
		for _, m := range r.offered(time.Time{}, s.ended) {
			if m.End.After(newest) {
				newest = m.End
			}
		}
	}
	if s.to.Before(newest) {
		newest = s.to
	}
	if h := newest.Add(-reach); h.After(t.horizon) {
		t.horizon = h
	}
}

// loseSweeps takes all but the first sweeps back, after a crash that lost them.
func (t *truth) loseSweeps(keep int) {
	if keep < len(t.sweeps) {
		t.horizon = t.sweeps[keep].horizon
		t.sweeps = t.sweeps[:keep]
	}
}

// boundsOf returns the bounds of what was counted of one meeting, under all
// its label sets together.
func (t *truth) boundsOf(r *record) (b bounds) {
	if len(t.sweeps) == 0 {
		return b // nothing is counted before the baseline
	}
	first, known := t.sweeps[0], false
	for _, m := range r.offered(first.began, t.read) {
		// What begins before every horizon counts only if it was known before its
		// start moved.
		if known = known || !m.Start.Before(first.from); known {
			b.most = b.most.Max(oracle.SumsOf(*m))
		}
	}
	ambiguous := r.twin != nil || r.startMoved
	var base oracle.Sums
	if m := first.sees(r); m != nil && !ambiguous {
		base = oracle.SumsOf(*m)
		b.most = b.most.Minus(base)
	} else if len(r.offered(first.began, first.ended)) > 0 {
		return b // perhaps in the baseline, perhaps counted
	}
	if r.startMoved {
		return b
	}
	for _, s := range t.sweeps {
		if m := s.sees(r); m != nil {
			b.least = b.least.Max(oracle.SumsOf(*m))
		}
	}
	if r.twin != nil { // the order of the two decides which of them counts
		b.least = oracle.Sums{Meetings: b.least.Meetings}
	}
	b.least = b.least.Minus(base).Max(oracle.Sums{})
	return b
}

// sees returns the meeting that a sweep must have read of a record and may
// count, nil if that is not certain.
func (s *sweep) sees(r *record) *meeting.Meeting {
	m := r.throughout(s.began, s.ended)
	if m == nil || !s.certain || m.Start.Before(s.from) || m.Start.Before(s.horizon) || m.End.Add(time.Minute).After(s.to) {
		return nil
	}
	return m
}

// check compares counters with the bounds: over all label sets, and for each
// unless departments may be folded. A meeting whose label set changed may have
// been counted under any of its sets. Counters that may still be held, or that
// nobody scraped since, have no lower bound. Exact reports whether the bounds
// leave no choice.
func (t *truth) check(e *enterprise, counters samples, folds, held bool) (wrong []string, exact bool) {
	var total bounds
	bySet := map[oracle.LabelSet]bounds{}
	for _, r := range e.records {
		b := t.boundsOf(r)
		if held {
			b.least = oracle.Sums{}
		}
		total = total.plus(b)
		sets := map[oracle.LabelSet]bool{}
		for _, m := range r.offered(time.Time{}, t.read) {
			sets[setOf(m)] = true
		}
		if len(sets) > 1 {
			b.least = oracle.Sums{}
		}
		for set := range sets {
			bySet[set] = bySet[set].plus(b)
		}
	}
	outside := func(what any, i int, got float64, b bounds) {
		if least, most := fields(b.least)[i], fields(b.most)[i]; got < float64(least) || got > float64(most) {
			wrong = append(wrong, fmt.Sprintf("%s of %v is %v, the service offered %d to %d", totalNames[i], what, got, least, most))
		}
	}
	for i, name := range totalNames {
		all := 0.0
		for s, value := range counters {
			if s.name == name {
				all += value
			}
		}
		outside("all", i, all, total)
		for set, b := range bySet {
			if !folds {
				outside(set, i, counters[series{name, set}], b)
			}
		}
	}
	return wrong, total.least.Meetings == total.most.Meetings
}
