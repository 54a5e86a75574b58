package e2e_test

import (
	"slices"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// totals is the truth of a service, by label set.
type totals = map[simulator.Labels]simulator.Totals

// sums are the metrics by department and conference type, and what they add up.
var sums = []struct {
	recent, total string
	of            func(simulator.Totals) int64
}{
	{"recent_meetings", "ended_meetings_total", func(t simulator.Totals) int64 { return t.Meetings }},
	{"recent_duration_seconds", "duration_seconds_total", func(t simulator.Totals) int64 { return t.DurationSeconds }},
	{"recent_participants", "participants_total", func(t simulator.Totals) int64 { return t.Participants }},
	{"recent_terminals", "terminals_total", func(t simulator.Totals) int64 { return t.Terminals }},
	{"recent_recorded_meetings", "recorded_meetings_total", func(t simulator.Totals) int64 { return t.Recorded }},
}

// increase returns what came between two states of a service. Every label set
// of the later one is there, if only with zeros.
func increase(before, after totals) totals {
	grown := totals{}
	for labels, a := range after {
		b := before[labels]
		grown[labels] = simulator.Totals{
			Meetings:        a.Meetings - b.Meetings,
			DurationSeconds: a.DurationSeconds - b.DurationSeconds,
			Participants:    a.Participants - b.Participants,
			Terminals:       a.Terminals - b.Terminals,
			Recorded:        a.Recorded - b.Recorded,
		}
	}
	return grown
}

// windowAt is the window at an instant over what was listed when the
// service's clock stopped, with a zero for every other label set ever listed.
func windowAt(s *simulator.Service, at, stopped time.Time, window time.Duration) totals {
	// A window that begins as the one at the instant does, but ends earlier.
	inside := s.Window(stopped, window-at.Sub(stopped))
	for labels := range s.Listed(stopped) {
		if _, ok := inside[labels]; !ok {
			inside[labels] = simulator.Totals{}
		}
	}
	return inside
}

// seriesOf returns the truth as Prometheus should have it.
func seriesOf(truth totals, of func(simulator.Totals) int64) series {
	values := series{}
	for labels, t := range truth {
		values[labelSet(map[string]string{"department": labels.Department, "conference_type": labels.ConferenceType})] = float64(of(t))
	}
	return values
}

// distributions are the truth of the histograms: by conference type, the
// values that they should have observed.
type distributions struct{ durations, participants map[string][]float64 }

// distributionsOf returns the distributions of records. Participants may be
// given, by confUUID, as they were when a record that changed was first seen.
func distributionsOf(records []simulator.Record, firstSeen map[string]int) distributions {
	d := distributions{map[string][]float64{}, map[string][]float64{}}
	for _, conferenceType := range []string{"immediate", "scheduled", "recurring", "webinar", "other"} {
		d.durations[conferenceType], d.participants[conferenceType] = nil, nil
	}
	for _, r := range records {
		conferenceType := typeOf(r)
		minutes := r.End.Truncate(time.Minute).Sub(r.Start.Truncate(time.Minute)).Minutes()
		d.durations[conferenceType] = append(d.durations[conferenceType], 60*minutes)
		if first, ok := firstSeen[r.ConfUUID]; ok {
			d.participants[conferenceType] = append(d.participants[conferenceType], float64(first))
		} else if r.NormalCount != nil {
			d.participants[conferenceType] = append(d.participants[conferenceType], float64(*r.NormalCount))
		}
	}
	return d
}

// typeOf is the conference type of the records that the tests meet.
func typeOf(r simulator.Record) string {
	if r.Webinar != nil && *r.Webinar {
		return "webinar"
	}
	return map[string]string{"IMMEDIATELY": "immediate", "FUTURE": "scheduled", "CYCLE": "recurring"}[r.ConfType]
}

// uuids returns the set of the records' confUUIDs.
func uuids(records []simulator.Record) map[string]bool {
	set := map[string]bool{}
	for _, r := range records {
		set[r.ConfUUID] = true
	}
	return set
}

// without returns the records whose confUUIDs are not in the set.
func without(records []simulator.Record, known map[string]bool) []simulator.Record {
	return slices.DeleteFunc(records, func(r simulator.Record) bool { return known[r.ConfUUID] })
}

// counts returns how many values each conference type has.
func counts(values map[string][]float64) series {
	return byType(values, func(v []float64) float64 { return float64(len(v)) })
}

// added returns what the values of each conference type add up to.
func added(values map[string][]float64) series {
	return byType(values, func(v []float64) (sum float64) {
		for _, x := range v {
			sum += x
		}
		return sum
	})
}

func byType(values map[string][]float64, of func([]float64) float64) series {
	reduced := series{}
	for conferenceType, v := range values {
		reduced[labelSet(map[string]string{"conference_type": conferenceType})] = of(v)
	}
	return reduced
}
