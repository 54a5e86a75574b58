package soak_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

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
	clock      clock
	trace      *trace
	service    *simulator.Service
	enterprise *enterprise
	conditions *conditions

	cfg      stack.Config
	defaults bool // the settings are the defaults of the flags
	length   time.Duration
	process  *process
	dir      string
	path     string // of the ledger's file, empty for none
	torn     []byte // the file after the last power cut, whole up to tornAt
	tornAt   int
	// The referees of one life of a ledger.
	oracle  *oracle.Oracle
	truth   *truth
	scraper *scraper
	folds   bool // departments may have been folded

	score map[string]int // what happened, and how often
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), trace: newTrace(), dir: ramDir(t), score: map[string]int{}, length: 50 * time.Hour}
	w.service = newService(w.rng)
	w.enterprise = &enterprise{service: w.service, rng: rand.New(rand.NewPCG(seed, 2))}
	w.conditions = &conditions{rng: rand.New(rand.NewPCG(seed, 3)), enterprise: w.enterprise}
	w.service.SetFault(w.conditions.serve)
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
	w.oracle, w.truth, w.scraper = oracle.New(w.oracleConfig()), &truth{}, newScraper()
	w.path, w.folds = "", false
	if stored {
		w.path = filepath.Join(w.dir, fmt.Sprint("ledger", w.score["lives"]))
	}
	w.trace.note("an empty ledger, stored: %v", stored)
}

// until sleeps until an instant, and lets everything else happen first.
func (w *world) until(at time.Time) {
	time.Sleep(time.Until(at))
	synctest.Wait()
}

// pollUntil sleeps until an instant, and begins the poll that falls due
// meanwhile. It reports whether that poll has ended.
func (w *world) pollUntil(at time.Time) (ended bool) {
	if !at.Before(w.process.due) {
		w.process.begin()
	}
	w.until(at)
	if len(w.process.polling) == 0 {
		return false
	}
	w.finishPoll()
	return true
}

// finishPoll waits for the poll under way, or makes the next, and tells the
// referees how it ended.
func (w *world) finishPoll() {
	p := w.process
	if p.polling == nil {
		p.begin()
	}
	poll := p.wait()
	w.trace.note("poll: %v", poll)
	w.score["polls"]++
	pages := p.transport.takePages()
	w.checkRange(poll, pages)
	if poll.err == nil {
		w.applyPoll(poll, pages)
		return
	}
	w.score["failed"]++
	if reason := poller.ReasonOf(poll.err); reason == poller.Internal || reason == poller.Storage {
		w.fail("a poll failed without a cause: %v", poll.err)
	}
	w.oracle.ReleaseHeld(poll.ended)
}

// checkRange checks that a poll was a sweep if one was due, and from when on it
// read.
func (w *world) checkRange(poll outcome, pages []page) {
	if due := w.process.sweepDue(poll.began); due != poll.isSweep() {
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
	listing, err := listingOf(pages)
	if err != nil {
		w.fail("%v", err)
		return
	}
	from, began := pages[0].from, pages[0].to
	baseline := w.oracle.LastSweep().IsZero()
	w.oracle.Apply(oracle.Poll{Sweep: poll.isSweep(), From: from, Began: began, Ended: poll.wall, Meetings: listing}, poll.ended)
	for _, uuid := range w.oracle.CountedTwice() {
		w.fail("the rules would count %s twice", uuid)
	}
	w.truth.read = poll.ended
	if !poll.isSweep() {
		return
	}
	w.score["sweeps"]++
	w.process.swept = poll.ended
	w.truth.addSweep(sweep{began: poll.began, ended: poll.ended, from: from, to: began, honest: w.conditions.honest()}, reach(w.cfg), w.enterprise)
	if baseline {
		for set := range w.oracle.Totals() {
			w.scraper.baseline[set] = true
		}
	}
}

// scrape scrapes, and asks the referees.
func (w *world) scrape() {
	w.score["scrapes"]++
	families, err := w.process.Meetings.Gather()
	if err != nil {
		w.fail("gather: %v", err)
	}
	got := readSamples(families)
	w.trace.noteScrape(got)
	for _, wrong := range append(w.compare(got, w.clock.now()), w.scraper.see(got, w.cfg.Ledger.Hold)...) {
		w.fail("%s", wrong)
	}
	w.oracle.MarkDelivered(time.Now())
}

// checkTruth compares what was scraped last with what the service offered.
// Held reports whether increments may be held, or not scraped yet.
func (w *world) checkTruth(held bool) {
	wrong, exact := w.truth.check(w.enterprise, w.scraper.seen, w.folds, held)
	for _, one := range wrong {
		w.fail("%s", one)
	}
	if !held {
		w.score["checks"]++
	}
	if !held && exact {
		w.score["exact checks"]++
	}
}
