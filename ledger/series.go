package ledger

import (
	"maps"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Sums are what is added up of meetings.
type Sums struct {
	Meetings        int64
	DurationSeconds int64
	Participants    int64
	Terminals       int64
	Recorded        int64
}

func (s Sums) plus(o Sums) Sums {
	return Sums{
		s.Meetings + o.Meetings,
		s.DurationSeconds + o.DurationSeconds,
		s.Participants + o.Participants,
		s.Terminals + o.Terminals,
		s.Recorded + o.Recorded,
	}
}

func (s Sums) minus(o Sums) Sums {
	return s.plus(Sums{-o.Meetings, -o.DurationSeconds, -o.Participants, -o.Terminals, -o.Recorded})
}

// Distribution tells how often each value was observed.
type Distribution map[int64]uint64

func (d Distribution) clone() Distribution {
	if d == nil {
		return Distribution{}
	}
	return maps.Clone(d)
}

// label is a label set: an interned department and a conference type, in one
// word, since every meeting remembered has two.
type label uint32

// typeBits is enough for meeting.TypeCount types.
const typeBits = 3

// noLabel is none.
const noLabel = ^label(0)

func newLabel(department uint32, t meeting.Type) label {
	return label(department<<typeBits | uint32(t))
}

func (l label) department() uint32 { return uint32(l) >> typeBits }

func (l label) typ() meeting.Type { return meeting.Type(l & (1<<typeBits - 1)) }

// series is what belongs to one label set.
type series struct {
	// counted tells that the label set has counters; otherwise it is only
	// shown in the sliding sums.
	counted bool
	created time.Time
	total   Sums
	// held tells that total is not published yet, but 0 is.
	held   bool
	window window
}

// window is the sliding sums of one label set: a cell for each minute in which
// meetings ended, by time. It is immutable, since snapshots share it.
type window []cell

// cell holds the sums of a minute and of all later ones, so that the sums of
// any window that reaches to the newest meeting are one search away.
type cell struct {
	end  minute
	sums Sums
}

// after returns the sums of the meetings that ended later than the minute.
func (w window) after(m minute) Sums {
	if w = w.since(m + 1); len(w) > 0 {
		return w[0].sums
	}
	return Sums{}
}

// since returns the window without the minutes before m.
func (w window) since(m minute) window {
	i, _ := slices.BinarySearchFunc(w, m, func(c cell, m minute) int { return int(c.end) - int(m) })
	return w[i:]
}

func (w window) oldest() minute {
	if len(w) == 0 {
		return 0
	}
	return w[0].end
}

func (w window) newest() minute {
	if len(w) == 0 {
		return 0
	}
	return w[len(w)-1].end
}

// merge returns the window with changes added. Minutes without meetings have
// no cell.
func (w window) merge(changes map[minute]Sums) window {
	ends := slices.Sorted(maps.Keys(changes))
	merged := make(window, 0, len(w)+len(ends))
	// From the newest minute back: the sums of the window and of the changes up
	// to there, and those of the last cell made.
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
			changed = changed.plus(changes[end])
			j--
		}
		if sums := kept.plus(changed); sums != last {
			merged = append(merged, cell{end, sums})
			last = sums
		}
	}
	slices.Reverse(merged)
	return slices.Clip(merged)
}

// departments interns names of departments. The list only grows.
type departments struct {
	names []string
	index map[string]uint32
}

// The names that stand for something else take no place under the cap.
const (
	unknownDepartment uint32 = iota
	otherDepartment
	specialDepartments
)

func newDepartments() departments {
	d := departments{index: map[string]uint32{}}
	d.add(meeting.UnknownDepartment)
	d.add(meeting.OtherDepartment)
	return d
}

func (d *departments) clone() departments {
	return departments{names: slices.Clone(d.names), index: maps.Clone(d.index)}
}

func (d *departments) has(name string) bool {
	_, ok := d.index[name]
	return ok
}

func (d *departments) add(name string) {
	d.index[name] = uint32(len(d.names))
	d.names = append(d.names, name)
}

// room is how many names fit under the cap.
func (d *departments) room(limit int) int {
	return max(0, limit-(len(d.names)-int(specialDepartments)))
}

// of returns the interned department, and whether the name was folded into
// OtherDepartment for want of room.
func (d *departments) of(name string) (department uint32, folded bool) {
	if i, ok := d.index[name]; ok {
		return i, false
	}
	return otherDepartment, true
}
