package page

import (
	"time"

	"huaweicloud_meeting_exporter/ledger"
)

// course is the picture of the meetings that ended in each step of the window.
type course struct {
	Bars  []bar
	Most  bar
	Step  time.Duration
	Steps float64     // in the window; the first bar may be of a part of a step
	Dated bool        // times need a date
	Ticks []time.Time // evenly spread
}

type bar struct {
	From, To         time.Time
	Meetings         int64
	X, Y, Wide, Tall float64 // X and Wide in steps, Y and Tall of 100
}

// Hourly reports whether a step is an hour.
func (c course) Hourly() bool { return c.Step == time.Hour }

// Hours returns the hours of a step.
func (c course) Hours() int { return int(c.Step / time.Hour) }

// maxBars is how many bars are still told apart on a phone.
const maxBars = 48

func newCourse(snapshot *ledger.Snapshot, window time.Duration, now time.Time) course {
	c := course{Step: time.Hour * max(1, (window+maxBars*time.Hour-1)/(maxBars*time.Hour)), Dated: window > 24*time.Hour}
	inSteps := func(d time.Duration) float64 { return float64(d) / float64(c.Step) }
	c.Steps = inSteps(window)
	meetings := snapshot.Course(now, c.Step)
	end := now.Truncate(time.Minute)
	begin := end.Add(-window)
	for i, n := range meetings {
		to := end.Add(-c.Step * time.Duration(len(meetings)-1-i))
		b := bar{From: to.Add(-c.Step), To: to, Meetings: n}
		if b.From.Before(begin) {
			b.From = begin
		}
		b.X, b.Wide = inSteps(b.From.Sub(begin)), 0.8*inSteps(to.Sub(b.From))
		if c.Bars = append(c.Bars, b); n > c.Most.Meetings {
			c.Most = b
		}
	}
	for i := range c.Bars {
		b := &c.Bars[i]
		b.Tall = 100 * float64(b.Meetings) / float64(max(c.Most.Meetings, 1))
		b.Y = 100 - b.Tall
	}
	const intervals = 4
	for i := range intervals + 1 {
		c.Ticks = append(c.Ticks, end.Add(-window*time.Duration(intervals-i)/intervals))
	}
	return c
}
