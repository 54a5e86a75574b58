package soak_test

import "time"

// run plays the whole history of a seed: trouble and quiet times in turn.
func (w *world) run() {
	defer time.Sleep(time.Minute) // the bubble must not end before the slowest handler of the service
	began, length := time.Now(), w.length
	w.enterprise.fill(began.Add(-reach(w.cfg)), began.Add(length+maxSuspended), 5+w.rng.IntN(56))
	time.Sleep(time.Minute) // nothing is listed at the instant of the first poll
	w.beginLife(chance(w.rng, 0.8))
	w.start()
	for time.Since(began) < length && !w.t.Failed() {
		troubleEnds := time.Now().Add(between(w.rng, length/12, length/3))
		for time.Now().Before(troubleEnds) && !w.t.Failed() {
			w.step()
		}
		w.settle()
	}
	if signOutErr, closeErr := w.process.stop(); (signOutErr != nil || closeErr != nil) && !w.t.Failed() {
		w.fail("stop: %v, %v", signOutErr, closeErr)
	}
}

// step plays one poll in times of trouble.
func (w *world) step() {
	p := w.process
	w.conditions.next(false)
	w.trace.note("conditions: %q", w.conditions.fault)
	w.waitBetweenPolls()
	switch x := w.rng.Float64(); {
	case x < 0.02: // a power cut before a poll or during it
		w.pollUntil(p.due.Add(between(w.rng, -20*time.Second, 20*time.Second)))
		w.kill()
	case x < 0.06 && w.path != "":
		w.powerCutDuringCommit(w.finishPoll)
		if chance(w.rng, 0.3) { // and another one soon
			w.finishPoll()
			w.kill()
		}
	case x < 0.075 && w.path != "":
		w.powerCutDuringCommit(func() { w.attendOnce() })
	case x < 0.09: // a power cut after the commit, before a scrape
		w.finishPoll()
		w.kill()
	case x < 0.11:
		w.finishPoll()
		if _, err := p.stop(); err != nil {
			w.fail("close: %v", err)
		}
		w.trace.note("stopped")
		w.restart()
	case x < 0.111:
		w.crashLoop()
	default:
		ended := false
		if chance(w.rng, 0.1) { // a scrape during the poll
			ended = w.pollUntil(p.due.Add(between(w.rng, 0, 10*time.Second)))
			w.scrape(w.scrapers.all[0])
		}
		if !ended {
			w.finishPoll()
		}
		if chance(w.rng, 0.2) {
			w.scrape(w.scrapers.all[1])
		}
	}
}

// waitBetweenPolls plays what happens before the next poll.
func (w *world) waitBetweenPolls() {
	for range w.rng.IntN(4) {
		w.attend()
		w.until(time.Now().Add(between(w.rng, 0, max(time.Until(w.process.due), 1)))) // attendance may last until then
		switch x := w.rng.Float64(); {
		case x < 0.45:
			w.enterprise.change(false)
		case x < 0.48:
			w.setClock()
		case x < 0.485 && w.clock.suspended.Load() < int64(maxSuspended/2):
			d := between(w.rng, 10*time.Minute, maxSuspended/2)
			w.clock.suspend(d)
			w.trace.note("suspended for %v", d)
		case x < 0.49 && w.variant != w.upgraded:
			w.variant = w.upgraded
			w.service.SetVariant(w.variant)
			w.trace.note("the service is upgraded: %+v", w.variant)
		}
	}
}

// maxSuspended is how long the machine is suspended in all, at most.
const maxSuspended = 20 * time.Hour

// setClock sets the wall clock of the machine: right, mostly, or ahead or
// behind by minutes, hours or days.
func (w *world) setClock() {
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

// kill ends the process at once, and starts it again.
func (w *world) kill() {
	w.process.kill()
	w.score["crashes"]++
	w.trace.note("killed")
	w.restart()
}

// crashLoop starts and kills the exporter more often than the service keeps
// tokens. No token is given back.
func (w *world) crashLoop() {
	for range 70 {
		w.finishPoll()
		w.conditions.next(false)
		w.process.kill()
		w.maybeLoseLedger()
		w.until(time.Now().Add(between(w.rng, time.Second, time.Minute)))
		w.start()
	}
	w.finishPoll()
}

// restart starts the exporter again, at once or after some time, perhaps with
// other settings.
func (w *world) restart() {
	w.maybeLoseLedger()
	wait := between(w.rng, time.Second, 10*time.Minute)
	if chance(w.rng, 0.15) {
		wait = between(w.rng, time.Hour, 30*time.Hour)
	}
	w.until(time.Now().Add(wait))
	if !w.defaults && chance(w.rng, 0.4) {
		w.cfg = randomSettings(w.rng)
	}
	w.start()
}

// maybeLoseLedger begins another life of the ledger if the last one was in
// memory, and sometimes if its file is lost.
func (w *world) maybeLoseLedger() {
	if w.path != "" && !chance(w.rng, 0.05) {
		return
	}
	w.checkTruth(true)
	if chance(w.rng, 0.8) {
		w.clock.set(0) // a baseline with a wrong clock is rare
	}
	w.beginLife(chance(w.rng, 0.6))
}

// settle is a quiet time: the service is good, the clock right, and every poll
// is scraped. Once a sweep is complete and all holds are over, everything in
// reach must have been counted.
func (w *world) settle() {
	w.trace.note("settle")
	w.clock.set(0)
	poll := &w.process.cfg.Poller
	// A sign-in in vain delays the next by up to 15 minutes. A dead token that the
	// service does not tell takes two polls, up to 15 minutes after the last.
	deadline := time.Now().Add(poll.SweepInterval + 2*longestDelay + 3*poll.Interval)
	sweeps := w.score["sweeps"]
	for polls := 0; !w.t.Failed() && (w.score["sweeps"] == sweeps || w.oracle.Holding()); polls++ {
		late := w.process.due.After(deadline) && !w.process.unusable
		w.conditions.next(true)
		w.finishPoll()
		w.attend()
		w.scrape(w.scrapers.all[0])
		if late && w.score["sweeps"] == sweeps {
			w.fail("no complete sweep although the service is good")
		}
		if polls > 100 {
			w.fail("increments are still held after %d polls", polls)
		}
	}
	w.checkTruth(false)
}
