package soak_test

import (
	"fmt"
	"time"
)

// truth bounds the counters of one life of the storage by what the service
// offered and when. It does not know what was read: it trusts that a complete
// sweep of an honest service saw whatever was listed all the while, which is
// what the client promises. Where the offer was ambiguous, as when a record
// changed while the baseline was taken, the bounds are apart; elsewhere they
// meet, and the counters must be exactly there.
type truth struct {
	sweeps []sweep // the complete ones; the first is the baseline
	behind time.Time
	read   time.Time // when the last complete poll ended: what is offered later counts later
}

// sweep is one complete sweep.
type sweep struct {
	began, ended time.Time // of the service's clock
	from, to     time.Time // what was asked for, by the exporter's clock
	honest       bool      // the service did not lie about how much there is
	// behind is the latest that the horizon may have been before this sweep.
	behind time.Time
}

// bounds are the least and the most that counters may show.
type bounds struct{ least, most amounts }

func (b *bounds) add(o bounds) { b.least, b.most = add(b.least, o.least), add(b.most, o.most) }

// outside tells which sums break the bounds.
func (b *bounds) outside(what any, got amounts) (wrong []string) {
	for i, n := range got {
		if n < b.least[i] || n > b.most[i] {
			wrong = append(wrong, fmt.Sprintf("%s of %v is %d, the service offered %d to %d", totalNames[i], what, n, b.least[i], b.most[i]))
		}
	}
	return wrong
}

// swept takes in a complete sweep.
func (t *truth) swept(s sweep, f flags, e *enterprise) {
	if len(t.sweeps) == 0 {
		t.behind = s.from
	}
	s.behind = t.behind
	t.sweeps = append(t.sweeps, s)
	newest := e.newestEnd(s.ended)
	if s.to.Before(newest) {
		newest = s.to
	}
	if h := newest.Add(-f.reach()); h.After(t.behind) {
		t.behind = h
	}
}

// unsweep takes all but the first sweeps back, after a crash that lost them.
func (t *truth) unsweep(keep int) {
	if keep < len(t.sweeps) {
		t.behind = t.sweeps[keep].behind
		t.sweeps = t.sweeps[:keep]
	}
}

// newestEnd is the latest end ever offered up to an instant.
func (e *enterprise) newestEnd(at time.Time) (newest time.Time) {
	for _, s := range e.stories {
		for _, r := range s.offered(time.Time{}, at) {
			if r.end.After(newest) {
				newest = r.end
			}
		}
	}
	return newest
}

// of returns the bounds for one meeting at an instant, by what was counted of
// it under all its label sets together.
func (t *truth) of(s *story) (b bounds) {
	if len(t.sweeps) == 0 {
		return b // nothing is counted before the baseline
	}
	first := t.sweeps[0]
	before := s.offered(first.began, first.ended)
	for _, r := range s.offered(first.began, t.read) {
		if !r.start.Before(first.from) { // or else it is before every horizon
			b.most = highest(b.most, r.amounts)
		}
	}
	base := t.inBaseline(s)
	switch {
	case base != nil:
		for i := range b.most {
			b.most[i] -= base[i]
		}
	case len(before) > 0:
		return b // perhaps in the baseline, perhaps counted
	}
	if s.shifty {
		return b
	}
	var least amounts
	for _, sw := range t.sweeps {
		if r := sw.sees(s); r != nil {
			least = highest(least, r.amounts)
		}
	}
	if s.twin != nil { // of the two the order decides; it is one meeting all the same
		least = amounts{meetings: least[meetings]}
	}
	for i := range least {
		if base != nil {
			least[i] = max(least[i]-base[i], 0)
		}
	}
	b.least = least
	return b
}

// inBaseline returns what the baseline has of a meeting, nil if that is not
// sure or nothing.
func (t *truth) inBaseline(s *story) *amounts {
	if s.twin != nil || s.shifty {
		return nil
	}
	if r := t.sweeps[0].sees(s); r != nil {
		return &r.amounts
	}
	return nil
}

// sees returns what a sweep surely read of a meeting and may count.
func (s *sweep) sees(of *story) *row {
	r := of.throughout(s.began, s.ended)
	if r == nil || !s.honest || r.start.Before(s.from) || r.start.Before(s.behind) || r.end.Add(time.Minute).After(s.to) {
		return nil
	}
	return r
}

func highest(a, b amounts) amounts {
	for i := range a {
		a[i] = max(a[i], b[i])
	}
	return a
}

// check compares the counters with the bounds: over all label sets, and for
// each, unless departments may be folded. A meeting whose label set changed may
// have been counted under any that it ever had. Counters of which some are
// held, or were not scraped since, are bounded from above only.
func (t *truth) check(e *enterprise, byLabels map[labels]amounts, all amounts, folds, held bool) (wrong []string, exact bool) {
	var total bounds
	each := map[labels]bounds{}
	for _, s := range e.stories {
		b := t.of(s)
		if held {
			b.least = amounts{}
		}
		total.add(b)
		under := map[labels]bool{}
		for _, r := range s.offered(time.Time{}, t.read) {
			under[r.labels] = true
		}
		for l := range under {
			one, sum := b, each[l]
			if len(under) > 1 {
				one.least = amounts{}
			}
			sum.add(one)
			each[l] = sum
		}
	}
	wrong = total.outside("all", all)
	if !folds {
		for l, b := range each {
			wrong = append(wrong, b.outside(l, byLabels[l])...)
		}
	}
	return wrong, total.least[meetings] == total.most[meetings]
}
