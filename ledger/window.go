package ledger

import (
	"cmp"
	"maps"
	"slices"
)

// window holds the sums behind the window gauges of one label set (rule 3): a
// cell for each minute in which meetings ended, in order of time. It is
// immutable, because snapshots share it.
type window []cell

// cell holds the sums of the meetings that ended in a minute or later, so that
// one binary search finds the sums of any window.
type cell struct {
	end  minute
	sums Sums
}

// sumsSince returns the sums of the meetings that ended in the minute or later.
func (w window) sumsSince(m minute) Sums {
	if w = w.since(m); len(w) > 0 {
		return w[0].sums
	}
	return Sums{}
}

// since returns the window without the minutes before m.
func (w window) since(m minute) window {
	i, _ := slices.BinarySearchFunc(w, m, func(c cell, m minute) int { return cmp.Compare(c.end, m) })
	return w[i:]
}

// oldest returns the first minute of the window, 0 if it is empty.
func (w window) oldest() minute {
	if len(w) == 0 {
		return 0
	}
	return w[0].end
}

// newest returns the last minute of the window, 0 if it is empty.
func (w window) newest() minute {
	if len(w) == 0 {
		return 0
	}
	return w[len(w)-1].end
}

// merge returns the window with the changes added. Minutes without meetings
// have no cell.
func (w window) merge(changes map[minute]Sums) window {
	ends := slices.Sorted(maps.Keys(changes))
	merged := make(window, 0, len(w)+len(ends))
	// The loop goes back from the newest minute. It carries the sums of the
	// window and of the changes so far, and those of the last cell it made.
	var kept, changed, last Sums
	for i, j := len(w)-1, len(ends)-1; i >= 0 || j >= 0; {
		var end minute
		if j < 0 || i >= 0 && w[i].end >= ends[j] {
			end = w[i].end
		} else {
			end = ends[j]
		}
		if i >= 0 && w[i].end == end {
			kept = w[i].sums
			i--
		}
		if j >= 0 && ends[j] == end {
			changed = changed.Plus(changes[end])
			j--
		}
		if sums := kept.Plus(changed); sums != last {
			merged = append(merged, cell{end, sums})
			last = sums
		}
	}
	slices.Reverse(merged)
	return slices.Clip(merged)
}

// windowChanges are changes of windows, by the minute of the end.
type windowChanges map[setID]map[minute]Sums

func (c windowChanges) add(key setID, end minute, sums Sums) {
	ofSet := c[key]
	if ofSet == nil {
		ofSet = map[minute]Sums{}
		c[key] = ofSet
	}
	ofSet[end] = ofSet[end].Plus(sums)
}
