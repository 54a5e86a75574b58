package ledger

import (
	"maps"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Sums are the totals over some meetings.
type Sums struct {
	Meetings        int64
	DurationSeconds int64
	Participants    int64 // invited, as reported
	Terminals       int64 // invited, as reported
	Recorded        int64 // meetings with a recording
}

// Plus returns the totals over the meetings of both.
func (s Sums) Plus(o Sums) Sums {
	return Sums{
		s.Meetings + o.Meetings,
		s.DurationSeconds + o.DurationSeconds,
		s.Participants + o.Participants,
		s.Terminals + o.Terminals,
		s.Recorded + o.Recorded,
	}
}

func (s Sums) minus(o Sums) Sums {
	return s.Plus(Sums{-o.Meetings, -o.DurationSeconds, -o.Participants, -o.Terminals, -o.Recorded})
}

// atLeast reports whether no field is less than that of o.
func (s Sums) atLeast(o Sums) bool {
	return s.Meetings >= o.Meetings && s.DurationSeconds >= o.DurationSeconds &&
		s.Participants >= o.Participants && s.Terminals >= o.Terminals && s.Recorded >= o.Recorded
}

// Distribution says how often each value was observed.
type Distribution map[int64]uint64

func (d Distribution) clone() Distribution {
	if d == nil {
		return Distribution{}
	}
	return maps.Clone(d)
}

// measure is what a histogram shows. The numbers are stored.
type measure uint8

const (
	durations    measure = iota // seconds
	participants                // invited
	attendees                   // distinct callers
	measures     = iota
)

// setID identifies a label set: the number of a department and, in the lowest
// 3 bits, a conference type. The numbers are stored.
type setID uint32

// typeBits is enough for meeting.TypeCount types.
const typeBits = 3

// noSet is the setID of no label set.
const noSet = ^setID(0)

func newSetID(department uint32, t meeting.Type) setID {
	return setID(department<<typeBits | uint32(t))
}

func (s setID) department() uint32 { return uint32(s) >> typeBits }

func (s setID) typ() meeting.Type { return meeting.Type(s & (1<<typeBits - 1)) }

// series is what the ledger knows of one label set.
type series struct {
	// counted is set if the label set has counters. Otherwise it only has
	// window gauges.
	counted bool
	created time.Time // when the counters began at 0
	total   Sums
	// held is set while the counters are published as 0 (rule 6).
	held   bool
	window window
	// attended counts the attendance, if attendance is counted.
	attended attended
}
