package simulator

import (
	"strings"
	"time"
)

// Labels are the two dimensions by which meetings are added up.
type Labels struct{ Department, ConferenceType string }

// Totals are sums over meetings, with the values that their rows show:
// durations from times cut to the minute, and absent numbers as nothing.
type Totals struct{ Meetings, DurationSeconds, Participants, Terminals, Recorded int64 }

// Listed adds up everything that is listed at an instant, with the values it
// is listed with then. What came between two instants is the difference.
// Malformed rows are not told from others.
func (s *Service) Listed(at time.Time) map[Labels]Totals {
	return total(s.archive.listed(at), at)
}

// Window adds up the meetings listed at an instant whose end, as the row shows
// it, lies less than the window before that instant.
func (s *Service) Window(at time.Time, window time.Duration) map[Labels]Totals {
	var recent []*Record
	for _, r := range s.archive.listed(at) {
		if r.End.Truncate(time.Minute).After(at.Add(-window)) {
			recent = append(recent, r)
		}
	}
	return total(recent, at)
}

func total(records []*Record, at time.Time) map[Labels]Totals {
	sums := make(map[Labels]Totals)
	for _, r := range records {
		l := Labels{Department: departmentLabel(r.DeptName), ConferenceType: typeLabel(r)}
		t := sums[l]
		t.Meetings++
		t.DurationSeconds += int64(r.End.Truncate(time.Minute).Sub(r.Start.Truncate(time.Minute)) / time.Second)
		if r.NormalCount != nil {
			t.Participants += int64(*r.NormalCount)
		}
		if r.TerminalCount != nil {
			t.Terminals += int64(*r.TerminalCount)
		}
		if r.recorded(at) {
			t.Recorded++
		}
		sums[l] = t
	}
	return sums
}

// departmentLabel is the department as it is reported: trimmed, at most 128
// characters, "unknown" when empty.
func departmentLabel(name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return "unknown"
	}
	if characters := []rune(name); len(characters) > 128 {
		name = string(characters[:128])
	}
	return name
}

// typeLabel is the kind of meeting as it is reported: the first that applies.
func typeLabel(r *Record) string {
	switch {
	case r.Webinar != nil && *r.Webinar:
		return "webinar"
	case r.ConfType == "IMMEDIATELY":
		return "immediate"
	case r.ConfType == "FUTURE":
		return "scheduled"
	case r.ConfType == "CYCLE":
		return "recurring"
	case r.ConfType == "" && r.ConferenceType != nil && *r.ConferenceType == 2:
		return "recurring"
	default:
		return "other"
	}
}
