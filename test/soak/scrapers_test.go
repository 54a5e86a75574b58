package soak_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// scraper is one Prometheus server that scrapes at an interval.
type scraper struct {
	interval time.Duration
	next     time.Time
	known    map[series]bool // every cumulative series that was delivered to it
	last     time.Time       // its last delivery, or when the ledger began
	hold     time.Duration   // the shortest hold since then
}

// scrapers are all who scrape one life of a ledger. They know only what they
// saw.
type scrapers struct {
	all  []*scraper
	seen samples // the last value of every cumulative sample
	zero map[series]*firstZero
	// paused says that attendance was switched off at least once. Its series were
	// gone for a time, and came back as they were.
	paused bool
}

// firstZero is the first delivery of a series at 0 to anyone.
type firstZero struct {
	at   time.Time
	hold time.Duration // the shortest hold since then
}

func newScrapers(intervals []time.Duration, hold time.Duration) *scrapers {
	now := time.Now()
	sc := &scrapers{seen: samples{}, zero: map[series]*firstZero{}}
	for _, interval := range intervals {
		sc.all = append(sc.all, &scraper{interval: interval, next: now.Add(interval), known: map[series]bool{}, last: now, hold: hold})
	}
	return sc
}

// start begins a process with a hold, which may show attendance or not. Scrapes
// that were due before it have failed.
func (sc *scrapers) start(hold time.Duration, attendance bool) {
	sc.paused = sc.paused || !attendance
	for _, zero := range sc.zero {
		zero.hold = min(zero.hold, hold)
	}
	for _, s := range sc.all {
		s.hold = min(s.hold, hold)
		if missed := time.Since(s.next); missed >= 0 {
			s.next = s.next.Add(s.interval * (missed/s.interval + 1))
		}
	}
}

// pauses reports whether a series may have been gone for a time.
func (sc *scrapers) pauses(s series) bool { return sc.paused && s.ofAttendance() }

// mayBeginAgain reports whether the counter of a _created series may be created
// again: one of attendance that was switched on, is still 0, and may have been
// lost in a crash before the first turn.
func (sc *scrapers) mayBeginAgain(created series) bool {
	counter := series{strings.TrimSuffix(created.name, "_created"), created.LabelSet}
	histogram := series{counter.name + "_count", created.LabelSet}
	return sc.pauses(created) && sc.seen[counter] == 0 && sc.seen[histogram] == 0
}

// due returns the scraper that scrapes next.
func (sc *scrapers) due() *scraper {
	return slices.MinFunc(sc.all, func(a, b *scraper) int { return a.next.Compare(b.next) })
}

// check notes a scrape by one of them, and returns what must never be: a
// counter that falls, vanishes or is created again, or a series that leaves its 0
// too early.
func (sc *scrapers) check(by *scraper, got samples, delivered bool, hold time.Duration) (wrong []string) {
	now := time.Now()
	_, polled := got[series{name: "last_success_timestamp_seconds"}]
	for s, value := range got {
		before, known := sc.seen[s]
		if strings.HasSuffix(s.name, "_created") {
			if known && value != before && !sc.mayBeginAgain(s) {
				wrong = append(wrong, fmt.Sprintf("%v was created again", s))
			}
			if polled { // an empty ledger may begin again
				sc.seen[s] = value
			}
			continue
		}
		if !s.cumulative() {
			continue
		}
		zero := sc.zero[s]
		switch {
		case value < before:
			wrong = append(wrong, fmt.Sprintf("%v fell from %v to %v", s, before, value))
		case before == 0 && value > 0 && (zero == nil || now.Sub(zero.at) < zero.hold):
			wrong = append(wrong, fmt.Sprintf("%v left its 0 within the hold, or before it was delivered", s))
		}
		sc.seen[s] = value
		if !delivered {
			continue
		}
		if zero == nil && value == 0 {
			sc.zero[s] = &firstZero{now, hold}
		}
		if !by.known[s] && value > 0 && now.Sub(by.last) <= by.hold && !sc.pauses(s) {
			wrong = append(wrong, fmt.Sprintf("%v is new to a scraper that scraped %v ago, and not 0 but %v", s, now.Sub(by.last), value))
		}
		by.known[s] = true
	}
	for s := range sc.seen {
		if _, still := got[s]; !still && !sc.pauses(s) {
			wrong = append(wrong, fmt.Sprintf("%v is gone", s))
		}
	}
	if delivered {
		by.last, by.hold = now, hold
	}
	slices.Sort(wrong)
	return wrong
}
