package simulator

import (
	"math/rand/v2"
	"time"
)

// kind is a kind of meeting, as the people who hold it see it.
type kind int

const (
	immediate kind = iota
	scheduled
	webinar
	recurring
)

// meeting is what matters of a meeting; its row follows from it.
type meeting struct {
	kind         kind
	office       office
	department   int
	start, end   time.Time
	invited      int // people
	terminals    int // in rooms
	recorded     bool
	conferenceID string
	host         person
	subject      string
	rng          *rand.Rand // for the rest of the row
}

// Shares of the meetings that are not of a series.
const (
	webinars   = 0.03
	immediates = 0.52
)

// single invents a meeting of no series that ends at an instant.
func (e *enterprise) single(rng *rand.Rand, o office, end time.Time) meeting {
	d := pickDepartment(rng)
	host := oneOf(rng, e.of(d)...)
	m := meeting{
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
	case x < webinars:
		m.kind = webinar
	case x < webinars+immediates:
		m.kind = immediate
	}
	m.start = end.Add(-m.length())
	m.invite()
	return m
}

// length invents how long a single meeting lasts.
func (m *meeting) length() time.Duration {
	rng := m.rng
	switch {
	case m.kind == webinar:
		return oneOf[time.Duration](rng, 45, 60, 90, 120)*time.Minute + seconds(rng, -5*time.Minute, 15*time.Minute)
	case m.kind == scheduled && chance(rng, 0.05): // workshops
		return seconds(rng, 3*time.Hour, 9*time.Hour)
	case m.kind == scheduled:
		return oneOf[time.Duration](rng, 30, 30, 45, 60, 60, 60, 90, 120)*time.Minute + seconds(rng, -8*time.Minute, 8*time.Minute)
	case chance(rng, 0.12): // nobody came, or the wrong button
		return seconds(rng, 5*time.Second, 2*time.Minute)
	default:
		minutes := min(around(rng, 17, 0.8), 170)
		return time.Duration(minutes * float64(time.Minute)).Truncate(time.Second)
	}
}

// invite invents who is invited to a single meeting, and whether it is recorded.
func (m *meeting) invite() {
	rng := m.rng
	switch m.kind {
	case webinar:
		m.invited = int(min(max(around(rng, 150, 0.7), 40), 900))
		m.recorded = chance(rng, 0.7)
	case scheduled:
		m.invited = int(min(max(around(rng, 7, 0.8), 2), 200))
		m.recorded = chance(rng, 0.15)
	default:
		m.invited = int(min(max(around(rng, 3.5, 0.5), 1), 20))
	}
	m.terminals = m.rooms()
}

// rooms invents how many rooms with terminals take part. Rooms are booked
// for planned meetings rather than for calls on the spot.
func (m *meeting) rooms() int {
	roomful := departments[m.department].roomful
	if m.kind == immediate {
		roomful /= 5
	}
	if !chance(m.rng, roomful) {
		return 0
	}
	most := 3
	if m.kind == webinar {
		most = 12
	}
	return 1 + m.rng.IntN(most)
}

func pickDepartment(rng *rand.Rand) int {
	shares := make([]float64, len(departments))
	for i, d := range departments {
		shares[i] = d.share
	}
	return pick(rng, shares)
}
