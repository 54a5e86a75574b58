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
	for i, c := range w {
		if i+1 < len(w) {
			c.sums = c.sums.minus(w[i+1].sums)
		}
		changes[c.end] = changes[c.end].plus(c.sums)
	}
	merged := make(window, 0, len(changes))
	var sums Sums
	for _, end := range slices.Backward(slices.Sorted(maps.Keys(changes))) {
		if changes[end] == (Sums{}) {
			continue
		}
		sums = sums.plus(changes[end])
		merged = append(merged, cell{end, sums})
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
