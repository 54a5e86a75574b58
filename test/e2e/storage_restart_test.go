package e2e_test

import (
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

func TestRestartDuringSweep(t *testing.T) {
	t.Parallel()
	e := newQuietEnterprise(t)
	p, exporterURL := e.serve(t, everySecond)
	awaitReady(t, exporterURL)
	e.publish(t, ended("first", existing, 3, time.Now()), ended("second", founded, 5, time.Now()))
	stored := e.expected()
	lastSuccess := stored.await(t, exporterURL).series("last_success_timestamp_seconds")["{}"]

	// The exporter stops in the middle of a sweep that has read a new meeting.
	open := make(chan struct{})
	fault, waiting := holdSweeps(open)
	e.SetFault(fault)
	e.publish(t, endedBefore(ended("late", existing, 6, time.Now()), time.Hour))
	select {
	case <-waiting:
	case <-time.After(deadline):
		t.Fatal("no sweep came")
	}
	p.stop(t, syscall.SIGTERM)
	if got := e.LiveTokens(); got != 0 {
		t.Errorf("got %d live tokens after the stop, want none", got)
	}

	// Before its first poll the new process shows what is stored.
	e.SetFault(onHistory(holdUntil(open)))
	p, exporterURL = e.serve(t, everySecond)
	first := newScrape(t, exporterURL)
	stored.check(t, "before the first poll", first)
	if got := first.series("last_success_timestamp_seconds")["{}"]; got < lastSuccess {
		t.Errorf("last success before the first poll: got %v, want %v or later", got, lastSuccess)
	}
	first.checkUp(t, "before the first poll", 0)
	if diff := cmp.Diff(series{`{kind="sweep"}`: 0, `{kind="tail"}`: 0}, first.series("polls_total")); diff != "" {
		t.Errorf("polls_total before the first poll (-want +got):\n%s", diff)
	}
	checkStatus(t, exporterURL, map[string]int{"/-/healthy": http.StatusOK, "/-/ready": http.StatusServiceUnavailable})
	close(open)
	awaitReady(t, exporterURL)
	e.expected().check(t, "after the first sweep", newScrape(t, exporterURL))
	p.stop(t, syscall.SIGTERM)
}

// holdSweeps returns a fault that holds the second page of sweeps until open is
// closed, and a channel that is closed when the fault occurs.
func holdSweeps(open <-chan struct{}) (fault simulator.Fault, occurred <-chan struct{}) {
	waiting := make(chan struct{})
	var once sync.Once
	return onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		from, _ := strconv.ParseInt(r.FormValue("startDate"), 10, 64)
		if r.FormValue("offset") == "0" || time.Since(time.UnixMilli(from)) < 2*window {
			next.ServeHTTP(w, r)
			return
		}
		once.Do(func() { close(waiting) })
		holdUntil(open)(w, r, next)
	}), waiting
}

func TestRestartCatchesUp(t *testing.T) {
	t.Parallel()
	e := newQuietEnterprise(t)
	p, exporterURL := e.serve(t, everySecond)
	awaitReady(t, exporterURL)
	e.publish(t, ended("first", existing, 3, time.Now()))
	e.expected().await(t, exporterURL)
	p.stop(t, syscall.SIGTERM)

	// Meetings start before the stop or after it, and one record changes.
	now := time.Now()
	during := ended("during the stop", existing, 4, now.Add(time.Second))
	during.Start, during.End = now, now.Add(500*time.Millisecond)
	across := ended("across the stop", existing, 5, now)
	across.Start, across.End = now.Add(-5*time.Minute), now
	late := endedBefore(ended("late", existing, 6, now), 80*time.Minute)
	e.Edit("first", func(r *simulator.Record) { r.TerminalCount = new(9) })
	e.publish(t, during, across, late, ended("founded", founded, 8, now))
	x := e.expected()
	held := counters(x.counters)
	for _, sum := range sums {
		held[sum.counter][dims(founded)] = 0
	}

	p, exporterURL = e.serve(t, oneSweepOnly)
	awaitReady(t, exporterURL)
	caughtUp := newScrape(t, exporterURL)
	if different := held.different(caughtUp.series); different != "" {
		t.Errorf("after the first sweep: %s", different)
	}
	if diff := cmp.Diff(series{`{kind="sweep"}`: 1, `{kind="tail"}`: 0}, caughtUp.series("polls_total")); diff != "" {
		t.Errorf("polls_total (-want +got):\n%s", diff)
	}

	// The 0 of the new department was delivered, but the process ended before
	// the release. So the next process must hold the 0 and deliver it again.
	p.kill(t)
	began := time.Now()
	p, exporterURL = e.serve(t, everySecond)
	if different := held.different(newScrape(t, exporterURL).series); different != "" {
		t.Errorf("after a crash: %s", different)
	}
	x.await(t, exporterURL)
	if got := time.Since(began); got < shortInterval {
		t.Errorf("the new department was counted %s after a crash, want it held for %s", got, shortInterval)
	}

	// The next process does not hold what was released.
	p.kill(t)
	open := make(chan struct{})
	defer close(open)
	e.SetFault(onHistory(holdUntil(open)))
	_, exporterURL = e.serve(t, everySecond)
	x.check(t, "after another crash", newScrape(t, exporterURL))
}

// A crash of the machine can leave the last turn half written.
func TestRestartAfterTornWrite(t *testing.T) {
	t.Parallel()
	e := newQuietEnterprise(t)
	p, exporterURL := e.serve(t, everySecond)
	awaitReady(t, exporterURL)
	e.publish(t, ended("first", existing, 3, time.Now()))
	e.expected().await(t, exporterURL)
	for _, participants := range []int{4, 5, 6} {
		// The first turn after a start rewrites the file, and is never torn. The
		// next ones are appended.
		rewritten := size(t, e.ledger)
		await(t, deadline, func() string {
			if size(t, e.ledger) <= rewritten {
				return "the ledger's file does not grow"
			}
			return ""
		})
		p.kill(t)
		if err := os.Truncate(e.ledger, size(t, e.ledger)-int64(participants)); err != nil {
			t.Fatal(err)
		}
		p, exporterURL = e.serve(t, everySecond)
		e.publish(t, ended("after "+strconv.Itoa(participants), existing, participants, time.Now()))
		e.expected().await(t, exporterURL)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
