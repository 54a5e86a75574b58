package simulator

import (
	"math/rand/v2"
	"time"
)

// enterprise invents meetings. It never changes: what ended on a day depends
// on the seed and the day alone.
type enterprise struct {
	seed      uint64
	perDay    float64 // meetings of an ordinary working day
	worldwide bool
	delay     time.Duration // from an end to the listing, at least
	offices   []office
	people    []person // by department; the first is whoever signs in
	series    []series
}

// office is where it is morning at the same time. Clocks never change.
type office struct {
	zone       time.Duration // ahead of UTC
	share      float64       // of the staff
	timeZoneID string
	language   string
}

var (
	oneOffice = []office{{8 * time.Hour, 1, "56", "zh-CN"}}
	allOver   = []office{
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

// department is a part of the enterprise, present in all of its offices.
type department struct {
	name    string
	share   float64 // of the staff
	roomful float64 // how likely a planned meeting uses terminals in rooms
}

// departments holds whoever signs in in the first. One has no name, and one
// an untidy name, as address books have.
var departments = []department{
	{"IT Operations", 3, 0.2},
	{"研发部", 28, 0.5},
	{"市场部", 16, 0.35},
	{"Customer Service", 12, 0},
	{"Sales ", 11, 0.2},
	{"质量部", 8, 0.4},
	{"Finance", 6, 0.25},
	{"人力资源部", 5, 0.3},
	{"Product Design", 4, 0.6},
	{"Logistics", 3, 0},
	{"法务部", 2, 0.2},
	{"Executive Office", 1, 0.9},
	{"", 1, 0},
}

// course is how busy each hour of a working day is, by the local clock: a
// peak in the morning, one in the afternoon, and lunch between.
var course = [24]float64{
	.01, .01, .01, .01, .01, .02, .05, .2, .6, 1, 1.1, .9,
	.35, .7, 1.05, 1.1, .95, .7, .35, .2, .15, .1, .05, .02,
}

// unrest is the spread of the load from hour to hour beyond the course.
const unrest = 0.08

// weekend is how busy a day of a weekend is, against a working day.
const weekend = 0.08

func newEnterprise(cfg Config) *enterprise {
	e := &enterprise{
		seed:      cfg.Seed,
		perDay:    float64(max(cfg.MeetingsPerDay, 0)),
		worldwide: cfg.Worldwide,
		delay:     cfg.PublicationDelay,
		offices:   oneOffice,
		people:    newPeople(cfg.Seed),
	}
	if cfg.Worldwide {
		e.offices = allOver
	}
	e.series = e.newSeries()
	return e
}

// activity is how busy an office is at an instant.
func (o office) activity(at time.Time) float64 {
	local := at.Add(o.zone)
	busy := course[local.Hour()]
	if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
		busy *= weekend
	}
	return busy
}

// activities is how busy each office is at an instant, its size considered.
func (e *enterprise) activities(at time.Time) []float64 {
	busy := make([]float64, len(e.offices))
	for i, o := range e.offices {
		busy[i] = o.share * o.activity(at)
	}
	return busy
}

// endsIn is how many meetings should end in the hour that begins at an
// instant. Worldwide, the offices that are awake share a constant load.
func (e *enterprise) endsIn(hour time.Time) float64 {
	if e.worldwide {
		return e.perDay / 24
	}
	return e.perDay * e.offices[0].activity(hour) / sum(course[:])
}

// endingOn returns the meetings that end on a day: those of the series, and
// as many others as make up what should end in each hour.
func (e *enterprise) endingOn(d day) []*Record {
	if e.perDay == 0 {
		return nil
	}
	var (
		records []*Record
		inHour  [24]float64
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
		n := wholeNumber(rng, around(rng, e.endsIn(hour), unrest)-inHour[h])
		busy := e.activities(hour)
		for k := range n {
			// One end in each n-th of the hour, so that none is long without.
			end := hour.Add(towardsHalfHour((float64(k) + rng.Float64()) / float64(n)))
			m := e.single(rng, e.offices[pick(rng, busy)], end)
			records = append(records, m.record(e))
		}
	}
	return records
}

// towardsHalfHour maps a fraction of an hour to a time after its beginning
// so that evenly spread fractions come to crowd before the half and the hour.
func towardsHalfHour(fraction float64) time.Duration {
	half, rest := int(fraction*2), fraction*2
	rest -= float64(half)
	minutes := 30 * (float64(half) + crowd(rest))
	return time.Duration(minutes * 60 * float64(time.Second)).Truncate(time.Second)
}

// wholeNumber rounds up or down at random, so that the mean stays the same.
func wholeNumber(rng *rand.Rand, x float64) int { return int(max(x, 0) + rng.Float64()) }
