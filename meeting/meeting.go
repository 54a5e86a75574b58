// Package meeting defines an ended meeting, the value that flows from the
// service to the ledger, and the rules that make one valid.
//
// A meeting that passes Validate is safe to count: it has an identity, and its
// times are credible and in order. NewCount limits its numbers. The package does
// not know where a meeting comes from or where it goes.
package meeting

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a credible record. The service documents none. They keep one absurd
// record out of counters, which can never fall again.
const (
	// MaxCount is the largest number of participants or terminals.
	MaxCount = 1_000_000
	// MaxDuration is the longest meeting.
	MaxDuration = 31 * 24 * time.Hour
	// MaxAhead is how far in the future an end may lie.
	MaxAhead = 24 * time.Hour
)

// maxDepartmentLength is the longest department, in characters.
const maxDepartmentLength = 128

// Values of Meeting.Department that are not names of departments.
const (
	// UnknownDepartment is the department of a scheduler who has none.
	UnknownDepartment = "unknown"
	// OtherDepartment stands for all departments beyond the ledger's limit.
	OtherDepartment = "other"
)

// Meeting is one ended meeting.
type Meeting struct {
	// UUID is the confUUID, which identifies one held meeting (rule 1). The
	// meeting ID does not: a booking held twice has one meeting ID and two UUIDs.
	UUID string
	// Start and End are in UTC. The service cuts them to the minute (rule 2).
	Start, End time.Time
	// Department is a result of the function Department.
	Department string
	// Type is how the meeting was created.
	Type Type
	// Participants and Terminals count the invited, not those who joined.
	Participants, Terminals Count
	// Recorded reports whether a recording exists now. It may appear later.
	Recorded bool
}

// Duration returns the time from start to end. 0 is legal, because both are cut
// to the minute (rule 2).
func (m *Meeting) Duration() time.Duration { return m.End.Sub(m.Start) }

// Validate returns the first defect of the meeting, or Valid. now is the current
// time, for the check that the end is at most MaxAhead in the future. Validate
// never returns BadNumber or NotEnded: NewCount checks the numbers, and a Meeting
// has no state.
func (m *Meeting) Validate(now time.Time) Defect {
	switch {
	case m.UUID == "":
		return BadUUID
	case m.Start.IsZero(), m.End.IsZero(),
		m.End.Sub(now) > MaxAhead,
		m.Duration() > MaxDuration:
		return BadTime
	case m.End.Before(m.Start):
		return BadOrder
	}
	return Valid
}

// Defect is what is wrong with a record. BadNumber leaves out that number only;
// every other defect leaves out the whole record.
type Defect uint8

// The defects.
const (
	Valid     Defect = iota
	BadUUID          // no UUID
	BadTime          // a time is missing or not credible
	BadOrder         // the end is before the start
	BadNumber        // not a whole number from 0 to MaxCount
	NotEnded         // the state says that the meeting has not ended
)

// Defects returns every defect.
func Defects() []Defect { return []Defect{BadUUID, BadTime, BadOrder, BadNumber, NotEnded} }

// String returns the defect as a label value.
func (d Defect) String() string {
	return [...]string{"valid", "uuid", "time", "order", "number", "state"}[d]
}

// Count is a number of people or devices from 0 to MaxCount, or Absent.
type Count int32

// Absent is the count when the service sent no usable number. It means unknown,
// not 0.
const Absent Count = -1

// NewCount returns n as a Count and true, or Absent and false if n is not a
// whole number from 0 to MaxCount.
func NewCount(n float64) (Count, bool) {
	if n < 0 || n > MaxCount || n != math.Trunc(n) {
		return Absent, false
	}
	return Count(n), true
}

// Department returns the label value for a name from the service: trimmed, valid
// UTF-8, and at most 128 characters. An empty name becomes UnknownDepartment.
func Department(name string) string {
	name = strings.TrimSpace(strings.ToValidUTF8(name, string(utf8.RuneError)))
	if utf8.RuneCountInString(name) > maxDepartmentLength {
		name = strings.TrimSpace(string([]rune(name)[:maxDepartmentLength]))
	}
	if name == "" {
		return UnknownDepartment
	}
	return name
}
