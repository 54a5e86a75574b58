package ledger

import (
	"cmp"
	"maps"
	"slices"
)

// concurrency says how many of the remembered meetings ran in each minute: a
// step for each minute in which their number changed, in order of time. It is
// immutable, because snapshots share it.
type concurrency []step

// step is the number of meetings from a minute up to the next step.
type step struct {
	at      minute
	running int32
	peak    int32 // the highest number in this minute or later
}

// since returns the highest number of meetings in the minute or later.
func (c concurrency) since(m minute) int64 {
	i, begins := slices.BinarySearchFunc(c, m, func(s step, m minute) int { return cmp.Compare(s.at, m) })
	var highest int32
	if i > 0 && !begins {
		highest = c[i-1].running
	}
	if i < len(c) {
		highest = max(highest, c[i].peak)
	}
	return int64(highest)
}

// merge returns the steps with the changes added. Minutes without a change have
// no step.
func (c concurrency) merge(changes concurrencyChanges) concurrency {
	if len(changes) == 0 {
		return c
	}
	deltas := maps.Clone(changes)
	before := int32(0)
	for _, s := range c {
		deltas[s.at] += s.running - before
		before = s.running
	}
	merged := make(concurrency, 0, len(deltas))
	running := int32(0)
	for _, at := range slices.Sorted(maps.Keys(deltas)) {
		if deltas[at] != 0 {
			running += deltas[at]
			merged = append(merged, step{at: at, running: running})
		}
	}
	peak := int32(0)
	for i := range slices.Backward(merged) {
		peak = max(peak, merged[i].running)
		merged[i].peak = peak
	}
	return merged
}

// concurrencyChanges say by how much the number of meetings changes at minutes.
type concurrencyChanges map[minute]int32

// add adds a meeting n times. It covers the minutes from its start up to its
// end, and at least one.
func (c concurrencyChanges) add(e *entry, n int32) {
	start := e.end - minute(e.shown.Minutes)
	c[start] += n
	c[max(e.end, start+1)] -= n
}
