package soak_test

import (
	"maps"
	"os"
	"time"
)

// run lives through the whole history of a seed: rough times and quiet ones by
// turns, the last of them quiet.
func (w *world) run(length time.Duration) {
	began := time.Now()
	w.enterprise.found(began.Add(-w.flags.reach()), began.Add(length), 5+w.rng.IntN(56))
	w.until(began.Add(time.Minute)) // nothing is listed at the very instant of the first poll
	w.beginLife(chance(w.rng, 0.8))
	w.start()
	for time.Since(began) < length && !w.t.Failed() {
		rough := time.Now().Add(between(w.rng, length/12, length/3))
		for time.Now().Before(rough) && !w.t.Failed() {
			w.step()
		}
		w.rest()
	}
	if err := w.process.stop(); err != nil && !w.t.Failed() {
		w.fail("stop: %v", err)
	}
}

// step lives through one poll in rough times.
func (w *world) step() {
	p := w.process
	w.weather.turn()
	w.trace.note("weather: %s", w.weather.name)
	w.idle()
	switch x := w.rng.Float64(); {
	case x < 0.02: // a power cut, before the poll or in the middle of it
		w.until(p.next.Add(between(w.rng, -p.interval/2, 20*time.Second)))
		w.hear()
		w.crash()
	case x < 0.04 && w.path != "":
		w.tear()
	case x < 0.06: // after the commit, before anybody saw it
		w.finishPoll()
		w.crash()
	case x < 0.08:
		w.finishPoll()
		_ = p.stop() // the service may be out of order
		w.trace.note("stopped")
		w.goOn()
	case x < 0.081:
		w.crashLoop()
	default:
		ended := false
		if chance(w.rng, 0.1) { // scraped in the middle of the poll
			w.until(p.next.Add(between(w.rng, 0, 10*time.Second)))
			ended = w.hear()
			w.scrape()
		}
		if !ended {
			w.finishPoll()
		}
		if chance(w.rng, 0.5) {
			w.scrape()
		}
	}
}

// idle lives through the time before the next poll.
func (w *world) idle() {
	for range w.rng.IntN(3) {
		w.until(time.Now().Add(between(w.rng, 0, time.Until(w.process.next))))
		switch x := w.rng.Float64(); {
		case x < 0.6:
			w.enterprise.change()
		case x < 0.65:
			w.stepClock()
		default:
			w.scrape()
		}
	}
}

// stepClock sets the wall clock of the machine: right, mostly, or ahead or
// behind by minutes, hours or days.
func (w *world) stepClock() {
	ahead := time.Duration(0)
	switch w.rng.IntN(8) {
	case 0:
		ahead = between(w.rng, -30*time.Minute, 30*time.Minute)
	case 1:
		ahead = between(w.rng, -8*time.Hour, 8*time.Hour)
	case 2:
		ahead = between(w.rng, -24*time.Hour, 60*time.Hour)
	}
	w.clock.set(ahead)
	w.trace.note("clock is ahead by %v", ahead)
}

// crash kills the process.
func (w *world) crash() {
	w.process.kill()
	w.score.crashes++
	w.trace.note("crashed")
	w.goOn()
}

// tear kills the process in the middle of the commit of the next poll.
func (w *world) tear() {
	before, book, born, sweeps := read(w.path), w.book.clone(), maps.Clone(w.born), len(w.truth.sweeps)
	w.finishPoll()
	after := read(w.path)
	w.process.kill()
	if err := os.WriteFile(w.path, torn(w.rng, before, after), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.book, w.born = book, born
	w.truth.unsweep(sweeps)
	w.score.crashes++
	w.trace.note("crashed in the commit")
	w.goOn()
}

// crashLoop starts and kills the exporter more often than the service keeps
// tokens, none of which is given back.
func (w *world) crashLoop() {
	for range 70 {
		w.finishPoll()
		w.weather.turn()
		w.process.kill()
		w.nextLife()
		w.until(time.Now().Add(between(w.rng, time.Second, time.Minute)))
		w.start()
	}
	w.finishPoll()
}

// goOn starts the exporter again, at once or after some time, perhaps with
// other flags.
func (w *world) goOn() {
	w.nextLife()
	wait := between(w.rng, time.Second, 10*time.Minute)
	if chance(w.rng, 0.15) {
		wait = between(w.rng, time.Hour, 30*time.Hour)
	}
	w.until(time.Now().Add(wait))
	if w.seed%usualEvery != 0 && chance(w.rng, 0.4) {
		w.flags = randomFlags(w.rng)
	}
	w.start()
}

// nextLife decides whether the ledger lives on: in memory it does not, and a
// file may be lost.
func (w *world) nextLife() {
	if w.path != "" && !chance(w.rng, 0.05) {
		return
	}
	w.checkTruth(true)
	if chance(w.rng, 0.8) {
		w.clock.set(0) // a baseline with a wrong clock is rare
	}
	w.beginLife(chance(w.rng, 0.6))
}

// rest is a time in which the service is well, the clock right and the
// exporter scraped. Once a sweep was complete and all holds are over,
// everything that was in reach must have been counted.
func (w *world) rest() {
	w.trace.note("rest")
	w.weather.clear()
	w.clock.set(0)
	p := w.process
	// A refused sign-in may be held back for 15 minutes.
	patience := time.Now().Add(p.sweepInterval + 15*time.Minute + 3*p.interval)
	sweeps := w.score.sweeps
	for polls := 0; !w.t.Failed(); polls++ {
		w.weather.turnFair()
		began := p.next
		w.finishPoll()
		w.scrape()
		if w.score.sweeps > sweeps && !w.book.holds() {
			break
		}
		if w.score.sweeps == sweeps && began.After(patience) {
			w.fail("no complete sweep although the service is well")
		}
		if polls > 100 {
			w.fail("increments are still held after %d polls", polls)
		}
	}
	w.checkTruth(false)
}
