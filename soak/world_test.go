package soak_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// world is one seed: the enterprise, the machine with its clock and its disk,
// the exporter on it, and the referees.
type world struct {
	t          *testing.T
	seed       uint64
	rng        *rand.Rand // of the driver
	clock      clock
	trace      *trace
	service    *simulator.Service
	enterprise *enterprise
	weather    *weather
	dir        string
	lives      int

	flags   flags
	process *process
	path    string // of the storage, empty for none
	// What is known of the life of the storage.
	book     *book
	truth    *truth
	audience *audience
	born     map[labels]bool // label sets of the baseline
	folds    bool            // departments may have been folded

	score score
}

// score is what a seed was worth.
type score struct{ polls, failed, sweeps, scrapes, crashes, lives, checks, exact int }

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), trace: newTrace(), dir: ramDir(t)}
	w.service = newService(w.rng)
	w.enterprise = &enterprise{service: w.service, rng: rand.New(rand.NewPCG(seed, 2))}
	w.weather = &weather{rng: rand.New(rand.NewPCG(seed, 3)), enterprise: w.enterprise}
	w.service.SetFault(w.weather.meet)
	w.flags = randomFlags(w.rng)
	if seed%usualEvery == 0 {
		w.flags = defaultFlags()
	}
	return w
}

// ramDir is a directory in memory where there is one: every poll commits.
func ramDir(t *testing.T) string {
	const ram = "/dev/shm"
	if _, err := os.Stat(ram); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(ram, "soak")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// fail tells of a failure, the first of which ends the seed: what comes after
// follows from it.
func (w *world) fail(format string, args ...any) {
	w.trace.note("FAILED: "+format, args...)
	w.t.Errorf(format, args...)
}

// beginLife starts with an empty ledger, in a file or in memory only.
func (w *world) beginLife(stored bool) {
	w.lives++
	w.score.lives++
	w.book, w.truth, w.audience, w.born = newBook(), &truth{}, newAudience(), map[labels]bool{}
	w.path, w.folds = "", false
	if stored {
		w.path = filepath.Join(w.dir, fmt.Sprint("ledger", w.lives))
	}
	w.trace.note("a new life, stored: %v", stored)
}

// start starts the exporter.
func (w *world) start() {
	w.book.restart()
	w.folds = w.folds || w.flags.departments < len(departmentNames)
	w.trace.note("start with %+v, clock %v", w.flags, w.clock.offset())
	var err error
	if w.process, err = start(w, w.flags, w.path); err != nil {
		w.t.Fatal("start: ", err)
	}
}

// until sleeps up to an instant, and lets everything else happen first.
func (w *world) until(at time.Time) {
	time.Sleep(time.Until(at))
	synctest.Wait()
}

// finishPoll waits for the poll under way, or the next, and lets the referees
// know of it.
func (w *world) finishPoll() {
	began := w.process.next
	o := w.process.wait()
	w.account(began, o)
}

// hear does the same if the poll has ended by now, and tells whether it has.
func (w *world) hear() bool {
	if len(w.process.ended) == 0 {
		return false
	}
	w.finishPoll()
	return true
}

// account tells the referees what a poll came to.
func (w *world) account(began time.Time, o outcome) {
	p := w.process
	w.trace.note("poll %v", o)
	w.score.polls++
	pages := p.wire.collect()
	if due := p.sweepDue(began); due != o.sweep {
		w.fail("a poll was a sweep: %v; due was one: %v", o.sweep, due)
	}
	for _, page := range pages {
		if err := w.book.checkRange(p.flags, o.sweep, page); err != nil {
			w.fail("%v", err)
		}
	}
	if o.failed {
		w.score.failed++
		if o.reason == "internal" || o.reason == "storage" {
			w.fail("a poll failed for a reason that was not given: %s", o.reason)
		}
		w.book.turn(p.flags, o.at)
		return
	}
	if err := whole(pages); err != nil {
		w.fail("%v", err)
	}
	r := reading{sweep: o.sweep, from: pages[0].from, began: pages[0].to, ended: o.wall, clock: o.at}
	for _, page := range pages {
		r.rows = append(r.rows, page.rows...)
	}
	baseline := w.book.lastSweep.IsZero()
	w.truth.read = o.at
	w.book.take(p.flags, r)
	for _, uuid := range w.book.twice {
		w.fail("the rules would count %s twice", uuid)
	}
	if !o.sweep {
		return
	}
	w.score.sweeps++
	p.swept = o.at
	w.truth.swept(sweep{began: began, ended: o.at, from: r.from, to: r.began, honest: !w.weather.confess()}, p.flags, w.enterprise)
	if baseline {
		for l := range w.book.series {
			w.born[l] = true
		}
	}
}

// scrape scrapes and compares with what the referees say.
func (w *world) scrape() {
	w.score.scrapes++
	families, err := w.process.gatherer.Gather()
	if err != nil {
		w.fail("gather: %v", err)
	}
	got, created := readSamples(families)
	w.trace.note("scrape of %d samples", len(got))
	w.trace.noteSilently(textOf(families))
	for _, wrong := range w.book.compare(got, w.process.flags, w.clock.now()) {
		w.fail("%s", wrong)
	}
	for _, wrong := range w.audience.look(got, created, w.process.interval, func(l labels) bool { return w.born[l] }) {
		w.fail("%s", wrong)
	}
	w.book.scraped(time.Now())
}

// checkTruth compares what was seen last with what the service offered. Where
// increments are held, or were not scraped yet, only the upper bounds hold.
func (w *world) checkTruth(held bool) {
	byLabels, all := w.audience.sums()
	wrong, exact := w.truth.check(w.enterprise, byLabels, all, w.folds, held)
	for _, one := range wrong {
		w.fail("%s", one)
	}
	if held {
		return
	}
	if w.score.checks++; exact {
		w.score.exact++
	}
}
