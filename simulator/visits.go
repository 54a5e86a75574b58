package simulator

import (
	"math/rand/v2"
	"time"
)

// visit is the time from a join to the next leaving of one person or terminal:
// the caller of that number.
type visit struct {
	caller       int
	joined, left time.Time
}

// maxVisitors keeps a record with an absurd number cheap.
const maxVisitors = 10_000

// visits returns all visits of a meeting, in no order. They depend on the seed
// and the confUUID. The first caller stays from the start to the end. Most of
// the others were invited: some of those do not come, some leave early, and some
// leave and come again.
func (e *enterprise) visits(r *Record) []visit {
	rng := stream(e.seed, forVisits, hash(r.ConfUUID))
	visits := []visit{{0, r.Start, r.End}}
	invited := min(valueOf(r.NormalCount)+valueOf(r.TerminalCount), maxVisitors)
	for i := 1; i < invited; i++ {
		if chance(rng, 0.85) {
			visits = append(visits, r.newVisits(rng, i)...)
		}
	}
	for i := range roundRandomly(rng, float64(invited)/20) {
		visits = append(visits, r.newVisits(rng, max(invited, 1)+i)...)
	}
	return visits
}

// newVisits returns the visits of one person.
func (r *Record) newVisits(rng *rand.Rand, caller int) []visit {
	length := r.End.Sub(r.Start)
	part := func(most float64) time.Duration {
		return time.Duration(rng.Float64() * most * float64(length)).Truncate(time.Millisecond)
	}
	v := visit{caller, r.Start.Add(min(part(0.3), 5*time.Minute)), r.End.Add(-min(part(0.1), time.Minute))}
	if chance(rng, 0.15) {
		v.left = r.End.Add(-part(0.5))
	}
	if !chance(rng, 0.1) {
		return []visit{v}
	}
	away := v.joined.Add(part(0.2))
	back := away.Add(part(0.1))
	if !back.Before(v.left) {
		return []visit{v}
	}
	return []visit{{caller, v.joined, away}, {caller, back, v.left}}
}

// peopleIn returns how many people are in a meeting at an instant.
func (e *enterprise) peopleIn(r *Record, at time.Time) int {
	n := 0
	for _, v := range e.visits(r) {
		if !at.Before(v.joined) && at.Before(v.left) {
			n++
		}
	}
	return n
}

func valueOf(p *int) int {
	if p == nil {
		return 0
	}
	return *p
}
