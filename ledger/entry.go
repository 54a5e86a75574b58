package ledger

import (
	"crypto/sha256"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// id identifies a meeting by the first 16 bytes of the SHA-256 of its UUID
// (rule 1). It has one size whatever the service sends, and reveals nothing.
type id [16]byte

func idOf(uuid string) id {
	sum := sha256.Sum256([]byte(uuid))
	return id(sum[:len(id{})])
}

// minute is an instant in minutes since 1970, the resolution of the service
// (rule 2).
type minute int32

func minuteOf(t time.Time) minute { return minute(t.Unix() / 60) }

func (m minute) time() time.Time { return time.Unix(int64(m)*60, 0).UTC() }

// entry is what the ledger remembers of one meeting.
type entry struct {
	// countedSet is the label set of its first sight, where it is counted for
	// ever (rule 5). It is noSet if the meeting started before the horizon when
	// it was first seen: it may have been counted and forgotten (rule 8).
	countedSet setID
	shownSet   setID  // label set of its latest report
	end        minute // of its latest report
	shown      values // of its latest report
	highest    values // of all its reports: counted, or there at the baseline
}

// values are the numbers of one report, as they are remembered and stored.
type values struct {
	Participants meeting.Count `cbor:"1,keyasint,omitempty"`
	Terminals    meeting.Count `cbor:"2,keyasint,omitempty"`
	Minutes      uint16        `cbor:"3,keyasint,omitempty"` // at most meeting.MaxDuration
	Recorded     bool          `cbor:"4,keyasint,omitempty"`
}

// nothing is less than the values of any report.
var nothing = values{Participants: meeting.Absent, Terminals: meeting.Absent}

func valuesOf(m *meeting.Meeting) values {
	return values{
		Participants: m.Participants,
		Terminals:    m.Terminals,
		Minutes:      uint16(m.Duration() / time.Minute),
		Recorded:     m.Recorded,
	}
}

// sums returns what the values add to counters. An absent number adds 0.
func (v values) sums() Sums {
	s := Sums{
		DurationSeconds: 60 * int64(v.Minutes),
		Participants:    int64(max(v.Participants, 0)),
		Terminals:       int64(max(v.Terminals, 0)),
	}
	if v.Recorded {
		s.Recorded = 1
	}
	return s
}

// max returns the higher value of each field.
func (v values) max(w values) values {
	return values{
		Participants: max(v.Participants, w.Participants),
		Terminals:    max(v.Terminals, w.Terminals),
		Minutes:      max(v.Minutes, w.Minutes),
		Recorded:     v.Recorded || w.Recorded,
	}
}

// shownSums returns what the meeting adds to the window gauges.
func (e *entry) shownSums() Sums {
	s := e.shown.sums()
	s.Meetings = 1
	return s
}
