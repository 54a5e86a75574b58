package simulator

import (
	"math/rand/v2"
	"time"
)

// The shares of the meetings that belong to no series. The rest are scheduled.
const (
	webinarShare   = 0.03
	immediateShare = 0.52
)

// newSingle returns a meeting that belongs to no series and ends at an instant.
func (e *enterprise) newSingle(rng *rand.Rand, o office, end time.Time) *meeting {
	d := pickDepartment(rng)
	host := oneOf(rng, e.staffOf(d)...)
	m := &meeting{
		kind:         scheduled,
		office:       o,
		department:   d,
		end:          end,
		conferenceID: newConferenceID(rng),
		host:         host,
		subject:      newSubject(rng, o.language, host.name),
		rng:          rng,
	}
	switch x := rng.Float64(); {
	case x < webinarShare:
		m.kind = webinar
	case x < webinarShare+immediateShare:
		m.kind = immediate
	}
	m.start = end.Add(-m.singleDuration())
	m.invite()
	return m
}

// singleDuration draws how long a single meeting lasts.
func (m *meeting) singleDuration() time.Duration {
	rng := m.rng
	switch {
	case m.kind == webinar:
		return oneOf[time.Duration](rng, 45, 60, 90, 120)*time.Minute + seconds(rng, -5*time.Minute, 15*time.Minute)
	case m.kind == scheduled && chance(rng, 0.05): // workshops
		return seconds(rng, 3*time.Hour, 9*time.Hour)
	case m.kind == scheduled:
		return oneOf[time.Duration](rng, 30, 30, 45, 60, 60, 60, 90, 120)*time.Minute + seconds(rng, -8*time.Minute, 8*time.Minute)
	case chance(rng, 0.12): // started by mistake, or nobody came
		return seconds(rng, 5*time.Second, 2*time.Minute)
	default:
		minutes := min(around(rng, 17, 0.8), 170)
		return time.Duration(minutes * float64(time.Minute)).Truncate(time.Second)
	}
}

// invite draws who is invited to a single meeting and whether it is recorded.
func (m *meeting) invite() {
	rng := m.rng
	switch m.kind {
	case webinar:
		m.invited = peopleAround(rng, 150, 0.7, 40, 900)
		m.recorded = chance(rng, 0.7)
	case scheduled:
		m.invited = peopleAround(rng, 7, 0.8, 2, 200)
		m.recorded = chance(rng, 0.15)
	default:
		m.invited = peopleAround(rng, 3.5, 0.5, 1, 20)
	}
	m.terminals = m.rooms()
}
