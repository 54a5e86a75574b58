// Package meeting holds one ended meeting, the value that flows from the
// service to the ledger, and decides what makes a record of one valid.
//
// It promises that whatever passes Validate is bounded and safe to count: an
// identity, an order of times, and whole numbers in a known range. It knows
// nothing of where a meeting comes from or where it goes.
package meeting

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a credible record. The service documents no such limits; these
// keep one absurd record from poisoning sums that can never be taken back.
const (
	MaxCount    = 1_000_000
	MaxDuration = 31 * 24 * time.Hour
	MaxAhead    = 24 * time.Hour
)

// maxDepartmentLength bounds a label value, in characters.
const maxDepartmentLength = 128

// Names of departments that stand for something else than a department.
const (
	// UnknownDepartment is the department of a scheduler who has none.
	UnknownDepartment = "unknown"
	// OtherDepartment stands for all departments beyond the cap on labels.
	OtherDepartment = "other"
)

// Meeting is one ended meeting.
type Meeting struct {
	// UUID identifies one held meeting. A meeting ID does not: the same
	// booking held twice has one meeting ID and two UUIDs.
	UUID string
	// Start and End are instants in UTC, cut to the minute by the service.
	Start, End time.Time
	// Department is a name as returned by Department.
	Department string
	Type       Type
	// Participants and Terminals count those invited, not those who joined.
	Participants, Terminals Count
	// Recorded tells that a recording exists now; it may appear later.
	Recorded bool
}

// Duration is the time from start to end; 0 is legal, since both are cut to
// the minute.
func (m *Meeting) Duration() time.Duration { return m.End.Sub(m.Start) }

// Validate returns the first defect that forbids counting the meeting, or
// Valid. An end later than now by more than MaxAhead is a defect.
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

// Defect says why a record is left out, or what is left out of it.
type Defect uint8

// The defects, in the order in which they are looked for. All but BadNumber
// leave out the whole record; BadNumber leaves out that number only.
const (
	Valid Defect = iota
	BadUUID
	BadTime
	BadOrder
	BadNumber
)

// Defects lists every defect.
func Defects() []Defect { return []Defect{BadUUID, BadTime, BadOrder, BadNumber} }

// String returns the defect as a label value.
func (d Defect) String() string {
	return [...]string{"valid", "uuid", "time", "order", "number"}[d]
}

// Count is a number of people or devices from 0 to MaxCount, or Absent.
type Count int32

// Absent is a number that the service did not send, or not as a number. It
// is not 0: nothing is known.
const Absent Count = -1

// NewCount returns the count that n stands for, and false if n is not a whole
// number from 0 to MaxCount.
func NewCount(n float64) (Count, bool) {
	if n < 0 || n > MaxCount || n != math.Trunc(n) {
		return Absent, false
	}
	return Count(n), true
}

// Department returns name as it is used for a label: trimmed, valid UTF-8, of
// bounded length, and UnknownDepartment when nothing is left.
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
