package simulator

import "time"

// enterprise generates meetings. It never changes, so it is safe for
// concurrent use: what ends on a day depends only on the seed and the day.
type enterprise struct {
	seed      uint64
	perDay    float64 // meetings on an ordinary working day
	worldwide bool
	delay     time.Duration // the least time from an end to the listing
	offices   []office
	people    []person
	byName    map[string]int // indexes of people
	// departmentOf holds the name of the department of each of people.
	departmentOf []string
	series       []series
}

// office is a place with a time zone. Its clock never changes for summer.
type office struct {
	zone       time.Duration // ahead of UTC
	share      float64       // of the staff, relative to the others
	timeZoneID string        // as on the wire
	language   string
}

var (
	singleOffice     = []office{{8 * time.Hour, 1, "56", "zh-CN"}}
	worldwideOffices = []office{
		{8 * time.Hour, 30, "56", "zh-CN"},
		{10 * time.Hour, 8, "64", "en-US"},
		{5*time.Hour + 30*time.Minute, 12, "47", "en-US"},
		{3 * time.Hour, 8, "35", "en-US"},
		{1 * time.Hour, 14, "24", "en-US"},
		{0, 8, "20", "en-US"},
		{-3 * time.Hour, 8, "15", "en-US"},
		{-5 * time.Hour, 10, "10", "en-US"},
		{-8 * time.Hour, 12, "4", "en-US"},
	}
)

// hourlyLoad is how busy each local hour of a working day is: a peak in the
// morning, one in the afternoon, and a break for lunch.
var hourlyLoad = [24]float64{
	.01, .01, .01, .01, .01, .02, .05, .2, .6, 1, 1.1, .9,
	.35, .7, 1.05, 1.1, .95, .7, .35, .2, .15, .1, .05, .02,
}

const (
	// weekendLoad is how busy a day of the weekend is, against a working day.
	weekendLoad = 0.08
	// loadSpread is how much the load of an hour varies from day to day (see
	// around).
	loadSpread = 0.08
)

func newEnterprise(cfg Config) *enterprise {
	e := &enterprise{
		seed:      cfg.Seed,
		perDay:    float64(max(cfg.MeetingsPerDay, 0)),
		worldwide: cfg.Worldwide,
		delay:     cfg.PublicationDelay,
		offices:   singleOffice,
		people:    newPeople(cfg.Seed),
	}
	if cfg.Worldwide {
		e.offices = worldwideOffices
	}
	e.byName = make(map[string]int, len(e.people))
	for i, p := range e.people {
		e.byName[p.name] = i
	}
	for i, d := range departments {
		for range e.staffOf(i) {
			e.departmentOf = append(e.departmentOf, d.name)
		}
	}
	e.series = e.newSeries()
	return e
}

// load returns how busy an office is at an instant.
func (o office) load(at time.Time) float64 {
	local := at.Add(o.zone)
	load := hourlyLoad[local.Hour()]
	if isWeekend(local.Weekday()) {
		load *= weekendLoad
	}
	return load
}

func isWeekend(d time.Weekday) bool { return d == time.Saturday || d == time.Sunday }

// officeLoads returns how busy each office is at an instant, weighted by size.
func (e *enterprise) officeLoads(at time.Time) []float64 {
	loads := make([]float64, len(e.offices))
	for i, o := range e.offices {
		loads[i] = o.share * o.load(at)
	}
	return loads
}

// expectedEnds returns how many meetings should end in the hour that begins at
// an instant. Worldwide it is the same for every hour.
func (e *enterprise) expectedEnds(hour time.Time) float64 {
	if e.worldwide {
		return e.perDay / 24
	}
	return e.perDay * e.offices[0].load(hour) / sum(hourlyLoad[:])
}

// endingOn returns the meetings that end on a day: those of the series, and
// single ones up to the number that should end in each hour.
func (e *enterprise) endingOn(d day) []*Record {
	if e.perDay == 0 {
		return nil
	}
	var (
		records []*Record
		inHour  [24]float64 // how many meetings of series end
	)
	for i := range e.series {
		if m, ok := e.occurrence(i, d); ok {
			inHour[m.end.Hour()]++
			records = append(records, m.record(e))
		}
	}
	for h := range inHour {
		hour := d.begin().Add(time.Duration(h) * time.Hour)
		rng := stream(e.seed, forHour, uint64(hour.Unix()))
		n := roundRandomly(rng, around(rng, e.expectedEnds(hour), loadSpread)-inHour[h])
		loads := e.officeLoads(hour)
		for k := range n {
			// One end in each n-th of the hour prevents long gaps.
			end := hour.Add(towardsHalfHour((float64(k) + rng.Float64()) / float64(n)))
			m := e.newSingle(rng, e.offices[pick(rng, loads)], end)
			records = append(records, m.record(e))
		}
	}
	return records
}
