package simulator

import (
	"strings"
	"time"
)

// Labels are the labels by which the exporter adds up meetings.
type Labels struct{ Department, ConferenceType string }

// Totals are sums over meetings, of the values that their rows show. Durations
// are between times cut to the minute. An absent number adds nothing.
type Totals struct{ Meetings, DurationSeconds, Participants, Terminals, Recorded int64 }

// Listed returns the sums over all records that are listed at an instant, with
// the values that their rows show then. Malformed rows count like others.
// Meetings leave the sums when they leave the history (see Config.Retention).
func (s *Service) Listed(at time.Time) map[Labels]Totals {
	return total(s.archive.listed(s.archive.start, at), at)
}

// Window returns the sums over the records that are listed at an instant and
// whose end, cut to the minute, lies less than the window before it.
func (s *Service) Window(at time.Time, window time.Duration) map[Labels]Totals {
	var recent []*Record
	for _, r := range s.archive.listed(at.Add(-window-time.Minute), at) {
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
		if r.hasRecording(at) {
			t.Recorded++
		}
		sums[l] = t
	}
	return sums
}

// departmentLabel returns the department that the exporter must report:
// without space around it, at most 128 characters, "unknown" if empty. JSON
// shows each byte that is not UTF-8 as U+FFFD, and so does []rune.
func departmentLabel(name string) string {
	characters := []rune(strings.TrimSpace(name))
	name = strings.TrimSpace(string(characters[:min(len(characters), 128)]))
	if name == "" {
		return "unknown"
	}
	return name
}

// typeLabel returns the conference type that the exporter must report: the
// first case that applies.
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
