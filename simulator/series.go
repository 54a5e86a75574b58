package simulator

import (
	"math/rand/v2"
	"time"
)

// series is a recurring meeting, held every working day or every week. Each
// occurrence has the same conferenceID and its own confUUID.
type series struct {
	meeting meeting // what all occurrences have in common
	daily   bool
	weekday time.Weekday  // of a weekly series
	begin   time.Duration // after local midnight
	planned time.Duration // how long it should last
}

// The number of series per meeting of a working day. About one meeting in six
// belongs to a series.
const (
	dailySeries  = 0.06
	weeklySeries = 0.5
)

func (e *enterprise) newSeries() []series {
	rng := stream(e.seed, forSeries)
	daily := roundRandomly(rng, e.perDay*dailySeries)
	all := make([]series, daily+roundRandomly(rng, e.perDay*weeklySeries))
	for i := range all {
		all[i] = e.oneSeries(rng, i < daily)
	}
	return all
}

func (e *enterprise) oneSeries(rng *rand.Rand, daily bool) series {
	m := meeting{kind: recurring, department: pickDepartment(rng), rng: rng}
	s := series{
		daily:   daily,
		weekday: e.pickWeekday(rng),
		planned: oneOf[time.Duration](rng, 30, 60, 60, 90) * time.Minute,
	}
	m.conferenceID = newConferenceID(rng)
	m.invited = peopleAround(rng, 8, 0.6, 3, 60)
	if daily {
		s.planned = oneOf[time.Duration](rng, 15, 15, 30) * time.Minute
	}
	m.office, s.begin = e.pickPlaceAndTime(rng)
	m.host = oneOf(rng, e.staffOf(m.department)...)
	m.subject = newSubject(rng, m.office.language, m.host.name)
	m.terminals = m.rooms()
	s.meeting = m
	return s
}

// pickWeekday returns a day from Monday to Friday. Worldwide it returns any
// day, because weekends differ between countries.
func (e *enterprise) pickWeekday(rng *rand.Rand) time.Weekday {
	if e.worldwide {
		return time.Weekday(rng.IntN(7))
	}
	return time.Weekday(1 + rng.IntN(5))
}

// pickPlaceAndTime returns an office and a full or half hour of its working
// day. Worldwide, the series are spread evenly over the hours in UTC.
func (e *enterprise) pickPlaceAndTime(rng *rand.Rand) (office, time.Duration) {
	o, hour := e.offices[0], pick(rng, hourlyLoad[:])
	if e.worldwide {
		at := time.Date(2020, 1, 1, rng.IntN(24), 0, 0, 0, time.UTC) // any Wednesday
		o = e.offices[pick(rng, e.officeLoads(at))]
		hour = at.Add(o.zone).Hour()
	}
	return o, time.Duration(hour)*time.Hour + oneOf[time.Duration](rng, 0, 30)*time.Minute
}

// occurrence returns the meeting of a series that ends on a day in UTC, and
// reports whether there is one. The local day may be the day before or after.
func (e *enterprise) occurrence(i int, d day) (*meeting, bool) {
	s := e.series[i]
	for local := d - 1; local <= d+1; local++ {
		weekday := local.begin().Weekday()
		if s.daily && isWeekend(weekday) || !s.daily && weekday != s.weekday {
			continue
		}
		rng := stream(e.seed, forOccurrence, uint64(i), uint64(local))
		if chance(rng, 0.05) { // cancelled
			continue
		}
		m := s.meeting
		m.start = local.begin().Add(s.begin - m.office.zone + seconds(rng, 0, 4*time.Minute))
		m.end = m.start.Add(s.planned - seconds(rng, -5*time.Minute, s.planned/4))
		if dayOf(m.end) != d {
			continue
		}
		m.recorded = chance(rng, 0.1)
		m.rng = rng
		return &m, true
	}
	return nil, false
}
