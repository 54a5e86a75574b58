package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// series is a meeting that is held every working day or every week, each
// time with the same conferenceID and another confUUID.
type series struct {
	office       office
	department   int
	daily        bool
	weekday      time.Weekday  // of a weekly one
	begin        time.Duration // after midnight, by the local clock
	planned      time.Duration
	invited      int
	terminals    int
	conferenceID string
	host         person
	subject      string
}

// The number of series against that of the meetings of a working day: about
// one meeting in six is of a series.
const (
	dailySeries  = 0.06
	weeklySeries = 0.5
)

func (e *enterprise) newSeries() []series {
	rng := stream(e.seed, forSeries)
	daily := wholeNumber(rng, e.perDay*dailySeries)
	all := make([]series, daily+wholeNumber(rng, e.perDay*weeklySeries))
	for i := range all {
		all[i] = e.oneSeries(rng, i < daily)
	}
	return all
}

func (e *enterprise) oneSeries(rng *rand.Rand, daily bool) series {
	s := series{
		department:   pickDepartment(rng),
		daily:        daily,
		weekday:      e.workday(rng),
		planned:      oneOf[time.Duration](rng, 30, 60, 60, 90) * time.Minute,
		conferenceID: newConferenceID(rng),
		invited:      int(min(max(around(rng, 8, 0.6), 3), 60)),
	}
	if daily {
		s.planned = oneOf[time.Duration](rng, 15, 15, 30) * time.Minute
	}
	s.office, s.begin = e.place(rng)
	s.host = oneOf(rng, e.of(s.department)...)
	s.subject = newSubject(rng, s.office.language, s.host.name)
	m := meeting{kind: recurring, department: s.department, rng: rng}
	s.terminals = m.rooms()
	return s
}

// workday chooses a day from Monday to Friday or, worldwide, any day: weekends
// are not the same everywhere.
func (e *enterprise) workday(rng *rand.Rand) time.Weekday {
	if e.worldwide {
		return time.Weekday(rng.IntN(7))
	}
	return time.Weekday(1 + rng.IntN(5))
}

// place chooses an office and a full or half hour of its working day.
// Worldwide, the series are spread evenly over the hours of a day in UTC.
func (e *enterprise) place(rng *rand.Rand) (office, time.Duration) {
	o, hour := e.offices[0], pick(rng, course[:])
	if e.worldwide {
		at := time.Date(2020, 1, 1, rng.IntN(24), 0, 0, 0, time.UTC) // some Wednesday
		o = e.offices[pick(rng, e.activities(at))]
		hour = at.Add(o.zone).Hour()
	}
	return o, time.Duration(hour)*time.Hour + oneOf[time.Duration](rng, 0, 30)*time.Minute
}

// occurrence returns the meeting of a series that ends on a day in UTC, if
// there is one. By the local clock of the office that may be the day before
// or after.
func (e *enterprise) occurrence(i int, d day) (meeting, bool) {
	s := e.series[i]
	for local := d - 1; local <= d+1; local++ {
		weekday := local.begin().Weekday()
		if s.daily && (weekday == time.Saturday || weekday == time.Sunday) || !s.daily && weekday != s.weekday {
			continue
		}
		rng := stream(e.seed, forOccurrence, uint64(i), uint64(local))
		if chance(rng, 0.05) { // cancelled
			continue
		}
		start := local.begin().Add(s.begin - s.office.zone + seconds(rng, 0, 4*time.Minute))
		end := start.Add(s.planned - seconds(rng, -5*time.Minute, s.planned/4))
		if dayOf(end) != d {
			continue
		}
		return meeting{
			kind:         recurring,
			office:       s.office,
			department:   s.department,
			start:        start,
			end:          end,
			invited:      s.invited,
			terminals:    s.terminals,
			recorded:     chance(rng, 0.1),
			conferenceID: s.conferenceID,
			host:         s.host,
			subject:      s.subject,
			rng:          rng,
		}, true
	}
	return meeting{}, false
}

func newConferenceID(rng *rand.Rand) string { return fmt.Sprintf("9%08d", rng.IntN(1e8)) }
