package e2e_test

import (
	"maps"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

// brisk are flags for polls in quick succession, where the test itself
// scrapes. The tail misses what is published late, as that of fast does.
var brisk = []string{
	"--history.window=" + window.String(),
	"--history.max-meeting-duration=2h",
	"--history.interval=" + briskInterval.String(),
	"--history.sweep-interval=2s",
	"--history.tail=30m",
	"--huaweicloud.max-requests-per-minute=60000",
}

const briskInterval = time.Second

func TestRestartAmidASweepGoesOnFromTheStore(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	p, exporterURL := s.serve(t, brisk...)
	awaitReady(t, exporterURL)
	s.publish(t, ended("first", changing, 3, time.Now()), ended("second", newborn, 5, time.Now()))
	stored := s.truth()
	stored.await(t, exporterURL)
	lastSuccess := newScrape(t, exporterURL).series("last_success_timestamp_seconds")["{}"]

	// It is stopped in the midst of a sweep that has read a new meeting.
	open := make(chan struct{})
	fault, stuck := stuckSweep(open)
	s.SetFault(fault)
	late := ended("late", changing, 6, time.Now())
	late.Start, late.End = late.Start.Add(-time.Hour), late.End.Add(-time.Hour)
	s.publish(t, late)
	select {
	case <-stuck:
	case <-time.After(slowest):
		t.Fatal("no sweep came")
	}
	status, took := p.stop(t, syscall.SIGTERM)
	if status != 0 || took > stopWithin {
		t.Errorf("got exit status %d after %s, want 0 within %s", status, took, stopWithin)
	}
	if got := s.LiveTokens(); got != 0 {
		t.Errorf("got %d live tokens after the stop, want none", got)
	}

	// What the new process shows at once, it has from the store.
	s.SetFault(simulator.On(simulator.PathHistory, hold(open)))
	p, exporterURL = s.serve(t, brisk...)
	first := newScrape(t, exporterURL)
	if different := stored.differs(first); different != "" {
		t.Errorf("before the first poll: %s", different)
	}
	if got := first.series("last_success_timestamp_seconds")["{}"]; got < lastSuccess {
		t.Errorf("last_success_timestamp_seconds before the first poll: got %f, want at least the stored %f", got, lastSuccess)
	}
	for series, want := range map[string]string{"up": "0", `polls_total{kind="sweep"}`: "0", `polls_total{kind="tail"}`: "0"} {
		if got := first.sample(series); got != want {
			t.Errorf("%s before the first poll: got %q, want %s", series, got, want)
		}
	}
	for path, want := range map[string]int{"/-/healthy": http.StatusOK, "/-/ready": http.StatusServiceUnavailable} {
		if got := get(t, exporterURL+path); got.status != want {
			t.Errorf("%s before the first sweep of the process: got status %d, want %d", path, got.status, want)
		}
	}
	close(open)
	awaitReady(t, exporterURL)
	whole := s.truth()
	if different := whole.differs(newScrape(t, exporterURL)); different != "" {
		t.Errorf("after the first sweep: %s", different)
	}
	if status, _ := p.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
}

// patient are flags for one sweep and, for a long while, nothing after.
var patient = []string{
	"--history.window=" + window.String(),
	"--history.max-meeting-duration=2h",
	"--history.interval=20m",
	"--history.sweep-interval=20m",
	"--history.tail=30m",
	"--huaweicloud.max-requests-per-minute=60000",
}

func TestMeetingsOfAStopAreCaughtUp(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	p, exporterURL := s.serve(t, brisk...)
	awaitReady(t, exporterURL)
	s.publish(t, ended("first", changing, 3, time.Now()))
	s.truth().await(t, exporterURL)
	if status, _ := p.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}

	// Meetings that began before the stop or in it, and one record that grew.
	now := time.Now()
	within := ended("within the stop", changing, 4, now.Add(time.Second))
	within.Start, within.End = now, now.Add(500*time.Millisecond)
	across := ended("across its beginning", changing, 5, now)
	across.Start, across.End = now.Add(-5*time.Minute), now
	long := ended("late", changing, 6, now)
	long.Start, long.End = now.Add(-110*time.Minute), now.Add(-90*time.Minute)
	s.Edit("first", func(r *simulator.Record) { r.TerminalCount = new(9) })
	s.publish(t, within, across, long, ended("of a new department", newborn, 8, now))
	whole := s.truth()
	held := maps.Clone(whole.counters)
	held[newborn] = simulator.Totals{}

	p, exporterURL = s.serve(t, patient...)
	awaitReady(t, exporterURL)
	caughtUp := newScrape(t, exporterURL)
	if different := caughtUp.differentCounters(held); different != "" {
		t.Errorf("after the first sweep: %s", different)
	}
	if diff := cmp.Diff(series{`{kind="sweep"}`: 1, `{kind="tail"}`: 0}, caughtUp.series("polls_total")); diff != "" {
		t.Errorf("polls_total (-want +got):\n%s", diff)
	}

	// The 0 of the new department was served, but is held all the same when
	// the process ends before its time: whoever scrapes must see it again.
	p.kill(t)
	began := time.Now()
	p, exporterURL = s.serve(t, brisk...)
	if different := newScrape(t, exporterURL).differentCounters(held); different != "" {
		t.Errorf("after a crash: %s", different)
	}
	whole.await(t, exporterURL)
	if got := time.Since(began); got < briskInterval {
		t.Errorf("the new department is counted %s after a crash, want it held at 0 for %s", got, briskInterval)
	}

	// Now that it was released, it is not held again.
	p.kill(t)
	open := make(chan struct{})
	defer close(open)
	s.SetFault(simulator.On(simulator.PathHistory, hold(open)))
	_, exporterURL = s.serve(t, brisk...)
	if different := whole.differs(newScrape(t, exporterURL)); different != "" {
		t.Errorf("after another crash: %s", different)
	}
}
