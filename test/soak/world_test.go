package soak_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/oracle"
	"huaweicloud_meeting_exporter/test/stack"
)

// defaultsEvery is how often a seed has the defaults of the flags, for a
// shorter time.
const defaultsEvery = 65

// world is one seed: the enterprise and its service, a machine with its clock
// and its disk, the exporter on it, and the referees.
type world struct {
	t          *testing.T
	rng        *rand.Rand // of the driver
	clock      *clock
	trace      *trace
	service    *simulator.Service
	enterprise *enterprise
	conditions *conditions
	variant    simulator.Variant // how the service behaves now
	upgraded   simulator.Variant // how it does after an upgrade

	cfg      stack.Config
	defaults bool // the settings are the defaults of the flags
	loops    bool // meetings in progress and resources are read too
	length   time.Duration
	process  *process
	dir      string
	path     string // of the ledger's file, empty for none
	torn     []byte // the file after the last power cut, whole up to tornAt
	tornAt   int
	// The file at the start of the process, and the oracle of what it holds. The
	// series that a start begins are stored by its first turn.
	fileAtStart   []byte
	oracleAtStart *oracle.Oracle
	// The referees of one life of a ledger.
	oracle   *oracle.Oracle
	truth    *truth
	scrapers *scrapers
	folds    bool // departments may have been folded

	score map[string]int // what happened, and how often
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), clock: &clock{}, trace: newTrace(), dir: ramDir(t), score: map[string]int{}, length: 50 * time.Hour}
	maxLimit := oneOf(w.rng, 500, 500, 5)
	w.service = newService(w.rng, w.clock.trueTime, maxLimit)
	w.variant, w.upgraded = randomVariants(rand.New(rand.NewPCG(seed, 4)), maxLimit)
	w.service.SetVariant(w.variant)
	w.enterprise = &enterprise{
		service: w.service, rng: rand.New(rand.NewPCG(seed, 2)), now: w.clock.trueTime,
		// Where pages do not overlap, a meeting that is on two of them makes a
		// listing incomplete for as long as it stays there.
		twins: w.variant.Offset == simulator.OffsetRecord && w.upgraded.Offset == simulator.OffsetRecord,
		// On two pages, only count tells for certain that they are two.
		equalJoins: w.variant.CountCap == 0 && w.upgraded.CountCap == 0,
	}
	w.loops = seed%loopsEvery == 0
	w.conditions = &conditions{rng: rand.New(rand.NewPCG(seed, 3)), loops: rand.New(rand.NewPCG(seed, 6)), enterprise: w.enterprise, variant: &w.variant}
	w.service.SetFault(w.conditions.serve)
	w.trace.note("service: %+v, later %+v", w.variant, w.upgraded)
	w.cfg = randomSettings(w.rng)
	if w.defaults = seed%defaultsEvery == 0; w.defaults {
		w.cfg, w.length = stack.Defaults(nil), 5*time.Hour
		w.cfg.Client.PageLimit = 20
	}
	return w
}

func (w *world) oracleConfig() oracle.Config { return oracle.Config(w.cfg.Ledger) }

// ramDir returns a directory in memory if there is one: every poll syncs.
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

// fail reports a failure. The first one ends the seed.
func (w *world) fail(format string, args ...any) {
	w.trace.note("FAILED: "+format, args...)
	w.t.Errorf(format, args...)
}

// beginLife begins with an empty ledger, in a file or in memory only.
func (w *world) beginLife(stored bool) {
	w.score["lives"]++
	w.oracle, w.truth = oracle.New(w.oracleConfig()), &truth{}
	w.oracleAtStart = nil
	w.scrapers = newScrapers(w.scrapeIntervals(), w.cfg.Ledger.Hold)
	w.path, w.folds = "", false
	if stored {
		w.path = filepath.Join(w.dir, fmt.Sprint("ledger", w.score["lives"]))
	}
	w.trace.note("an empty ledger, stored: %v", stored)
}

// scrapeIntervals returns the intervals of two scrapers, to the nanosecond: no
// two random events fall on the same instant.
func (w *world) scrapeIntervals() []time.Duration {
	least := time.Minute
	if !w.defaults {
		least = oneOf[time.Duration](w.rng, 3, 8) * time.Minute
	}
	return []time.Duration{between(w.rng, least, 2*least), between(w.rng, 2*least, 6*least)}
}

// until sleeps until an instant, while the scrapers scrape and the poll under
// way goes on.
func (w *world) until(at time.Time) {
	for time.Now().Before(at) {
		due := w.scrapers.due()
		if w.process == nil || w.process.ended || !due.next.Before(at) {
			w.sleep(at)
		} else if w.sleep(due.next) {
			w.scrape(due)
		}
	}
}

// sleep sleeps until an instant, and lets everything else happen first. It
// returns false, perhaps earlier, if the poll under way has ended.
func (w *world) sleep(at time.Time) bool {
	p := w.process
	if p == nil || p.polling == nil {
		time.Sleep(time.Until(at))
		synctest.Wait()
		return true
	}
	select {
	case poll := <-p.polling:
		w.pollEnded(poll)
		return false
	case <-time.After(time.Until(at)):
	}
	synctest.Wait()
	if len(p.polling) > 0 {
		w.pollEnded(<-p.polling)
		return false
	}
	return true
}

// pollUntil sleeps until an instant, and begins the poll that falls due
// meanwhile. It reports whether that poll has ended.
func (w *world) pollUntil(at time.Time) (ended bool) {
	p := w.process
	if at.Before(p.due) {
		w.until(at)
		return false
	}
	w.until(p.due)
	p.begin()
	w.until(at)
	return p.polling == nil
}

// finishPoll makes the next poll, or waits for the end of the one under way.
func (w *world) finishPoll() {
	p := w.process
	if p.polling == nil {
		w.until(p.due)
		p.begin()
	}
	for p.polling != nil {
		if due := w.scrapers.due(); w.sleep(due.next) {
			w.scrape(due)
		}
	}
}

// pollEnded tells the referees how a poll ended.
func (w *world) pollEnded(poll outcome) {
	p := w.process
	p.finish(poll)
	w.trace.note("poll: %v", poll)
	w.score["polls"]++
	w.score["requests of loops"] += p.transport.takeLoops()
	pages := p.transport.takePages(poll.err)
	w.checkRange(poll, pages)
	if live, most := w.service.LiveTokens(), p.tokensBefore+p.transport.lostTokens()+3; live > most {
		w.fail("%d tokens live; no more than %d may", live, most)
	}
	if poll.err == nil {
		w.applyPoll(poll, pages)
	} else {
		w.noteFailed(poll, pages)
	}
	w.comparePending()
	if got, err := w.gather(); err == nil {
		w.failAll(w.compare(got, w.clock.wall()))
	}
}

// noteFailed tells the referees about a poll that failed.
func (w *world) noteFailed(poll outcome, pages []page) {
	w.score["failed"]++
	reason := poller.ReasonOf(poll.err)
	if reason == poller.Internal || reason == poller.Storage {
		w.fail("a poll failed without a cause: %v", poll.err)
	}
	l, err := listingOf(pages, w.variant)
	w.process.unusable = reason == client.Response && err == nil && l.unusable
	w.oracle.ReleaseHeld(poll.ended)
}

// checkRange checks that a poll was a sweep if one was due, and from when on it
// read.
func (w *world) checkRange(poll outcome, pages []page) {
	if due := w.process.sweepDue(poll); due != poll.isSweep() {
		w.fail("a poll was a sweep: %v; due was one: %v", poll.isSweep(), due)
	}
	for _, page := range pages {
		from := page.to.Add(-w.cfg.Poller.Tail)
		if poll.isSweep() {
			from = w.oracle.SweepFrom(page.to)
		}
		if !page.from.Equal(from) {
			w.fail("a poll (sweep: %v) read from %v to %v; it must begin at %v", poll.isSweep(), page.from, page.to, from)
		}
	}
}

// applyPoll tells the referees about a complete poll.
func (w *world) applyPoll(poll outcome, pages []page) {
	l, err := listingOf(pages, w.variant)
	switch {
	case err != nil:
		w.fail("%v", err)
		return
	case l.unusable:
		w.fail("a poll passed for complete although no row is usable")
	}
	from, began := pages[0].from, pages[0].to
	w.oracle.Apply(oracle.Poll{Sweep: poll.isSweep(), From: from, Began: began, Ended: poll.wallEnded, Meetings: l.meetings}, poll.ended)
	for _, uuid := range w.oracle.CountedTwice() {
		w.fail("the rules would count %s twice", uuid)
	}
	w.process.unusable, w.process.lastWall = false, poll.wallBegan
	w.truth.read = w.clock.at(poll.ended)
	if !poll.isSweep() {
		return
	}
	w.score["sweeps"]++
	w.process.swept = poll.ended
	s := sweep{began: w.clock.at(poll.began), ended: w.clock.at(poll.ended), from: from, to: began}
	// Without an overlap, nobody sees that a record slips from one page to the
	// one before.
	s.certain = w.conditions.honest() && (l.overlapped || w.enterprise.steady(s.began, s.ended))
	w.truth.addSweep(s, reach(w.cfg), w.enterprise)
}

// gather returns what a scrape shows now.
func (w *world) gather() (samples, error) {
	families, err := w.process.Meetings.Gather()
	if err != nil {
		w.fail("gather: %v", err)
	}
	return readSamples(families), err
}

// scrape makes the next scrape of a scraper. Seldom it does not deliver: it is
// broken off, or asks for the head or for some metrics only.
func (w *world) scrape(by *scraper) {
	w.score["scrapes"]++
	delivers := !chance(w.rng, 0.1)
	for !by.next.After(time.Now()) {
		by.next = by.next.Add(by.interval)
	}
	snapshot := w.process.Ledger.Snapshot()
	got, err := w.gather()
	if err != nil {
		return
	}
	w.trace.noteScrape(got, delivers)
	w.failAll(w.compare(got, w.clock.wall()))
	w.failAll(w.scrapers.check(by, got, delivers, w.cfg.Ledger.Hold))
	if delivers {
		snapshot.MarkDelivered(time.Now())
		w.oracle.MarkDelivered(time.Now())
	}
}

func (w *world) failAll(wrong []string) {
	for _, one := range wrong {
		w.fail("%s", one)
	}
}

// checkTruth compares what was scraped last with what the service offered.
// Held reports whether increments may be held, or not scraped yet.
func (w *world) checkTruth(held bool) {
	if w.t.Failed() {
		return // what follows from the first failure says nothing
	}
	wrong, exact := w.truth.check(w.enterprise, w.scrapers.seen, w.folds, held)
	w.failAll(wrong)
	if !held {
		w.score["checks"]++
	}
	if !held && exact {
		w.score["exact checks"]++
	}
}
