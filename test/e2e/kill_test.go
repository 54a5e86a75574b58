package e2e_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

// The exporter is killed while it takes the baseline, then while new records
// are published, and last after records have changed.
const (
	killsOfBaseline = 6
	killsOfNew      = 24
	killsInAll      = 50
)

func TestKillsNeitherLoseNorRepeat(t *testing.T) {
	t.Parallel()
	rng := newRandom(t)
	e := newEnterprise(t, simulator.Config{
		Seed: 7, MeetingsPerDay: 6_000, Worldwide: true, History: 2 * time.Hour, PublicationDelay: time.Second,
		MaxLimit: 100, // several pages
	})
	var labels []simulator.Labels // of the simulated meetings
	departments := map[string]bool{}
	for l := range e.baseline {
		departments[l.Department] = true
		if l != existing {
			labels = append(labels, l)
		}
	}
	delete(departments, "unknown") // it takes no place under the cap
	slices.SortFunc(labels, func(a, b simulator.Labels) int {
		return strings.Compare(a.Department+"\n"+a.ConferenceType, b.Department+"\n"+b.ConferenceType)
	})

	k := newKilled(t, rng, e, fmt.Sprintf("--history.max-departments=%d", len(departments)+1))
	for k.kills < killsOfBaseline {
		k.killAndRestart(t)
	}
	awaitReady(t, k.url(t))
	// Prometheus has many chances to scrape the 0 of a new series, and to scrape
	// what must not be there.
	r := record(t, e, k.url(t), 400*time.Millisecond)

	e.resume()
	own := publishOwn(e)
	for k.kills < killsOfNew {
		publishRandom(e, rng, labels)
		k.killAndRestart(t)
	}
	r.changeOwn(t, e)
	// The cap leaves no place for this department.
	e.Add(ended("folded", simulator.Labels{Department: "Folded"}, 7, time.Now()))
	r.awaitMeetings(t, founded, 3)
	e.Edit("falls", func(r *simulator.Record) { r.NormalCount = new(8) }) // more than 4, less than 9
	for k.kills < killsInAll {
		publishRandom(e, rng, labels)
		k.killAndRestart(t)
	}
	awaitTime(t, own[len(own)-1].RecordingAt)
	e.stop()

	x := e.expected()
	x.histograms = observe(e.newRecords(), map[string]int{"rises": 3, "falls": 9})
	x.raise(existing, 9-8)
	x.counters = fold(x.counters)
	unfolded := x.gauges
	x.gauges = func(at time.Time) totals { return fold(unfolded(at)) }
	if got := len(e.newRecords()); got <= len(own)+killsInAll {
		t.Fatalf("got %d new meetings, want more than %d", got, len(own)+killsInAll)
	}
	r.awaitExpected(t, x)
	r.check(t, x)
	k.checkLeftovers(t)
	for _, job := range jobs {
		r.checkRise(t, job, "folded_meetings_total")
		got := r.query(t, r.ended, fmt.Sprintf("huaweicloud_meeting_folded_meetings_total{job=%q}", job))
		if diff := cmp.Diff(series{"{}": 1}, got); diff != "" {
			t.Errorf("folded_meetings_total of job %s (-want +got):\n%s", job, diff)
		}
	}
}

// checkLeftovers checks that interrupted writes leave no files behind.
func (k *killed) checkLeftovers(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(k.ledger), "*"))
	if diff := cmp.Diff([]string{k.ledger, k.ledger + ".lock"}, files); diff != "" || err != nil {
		t.Errorf("files beside the ledger: %v (-want +got):\n%s", err, diff)
	}
}

// fold moves the meetings of the department Folded to other.
func fold(all totals) totals {
	folded := totals{}
	for l, t := range all {
		if l.Department == "Folded" {
			l.Department = "other"
		}
		folded[l] = t
	}
	return folded
}

// publishRandom adds a few meetings that are listed within a second, some of
// them long after their end, some with a recording that appears later. It also
// changes one that is listed already.
func publishRandom(e *enterprise, rng *rand.Rand, known []simulator.Labels) {
	confTypes := map[string]string{"immediate": "IMMEDIATELY", "scheduled": "FUTURE", "recurring": "CYCLE", "webinar": "FUTURE"}
	now := time.Now()
	for range 2 + rng.IntN(6) {
		labels := oneOf(rng, known...)
		r := ended(fmt.Sprintf("random-%016x", rng.Uint64()), labels, rng.IntN(20), now.Add(upTo(rng, time.Second)))
		r.End = r.ListedAt.Add(-oneOf(rng, upTo(rng, time.Minute), upTo(rng, 90*time.Minute)))
		r.Start = r.End.Add(-upTo(rng, 20*time.Minute))
		r.IsHasRecordFile, r.RecordingAt = new(rng.IntN(2) == 0), r.ListedAt.Add(upTo(rng, 5*time.Second))
		r.ConfType, r.Webinar = confTypes[labels.ConferenceType], new(labels.ConferenceType == "webinar")
		e.Add(r)
	}
	e.Edit(oneOf(rng, e.Records(now)...).ConfUUID, func(r *simulator.Record) {
		if r.TerminalCount != nil {
			r.TerminalCount = new(*r.TerminalCount + rng.IntN(5))
		}
	})
}

// killed is an exporter with storage that is killed and restarted again and
// again, at the same address and with the same ledger.
type killed struct {
	*process
	rng    *rand.Rand
	ledger string
	args   []string
	kills  int
	// A poll has asked for its first page, and has got its last one.
	began, read chan struct{}
}

func newKilled(t *testing.T, rng *rand.Rand, e *enterprise, args ...string) *killed {
	t.Helper()
	k := &killed{rng: rng, ledger: e.ledger, began: make(chan struct{}, 1), read: make(chan struct{}, 1)}
	e.SetFault(onHistory(k.watch))
	k.args = slices.Concat(e.flags, forScrapes, args, []string{"--web.listen-address=" + freeAddress(t)})
	k.process = start(t, exporter, k.args...)
	return k
}

// watch is a fault that changes nothing. It notes the progress of polls.
func (k *killed) watch(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.FormValue("offset") == "0" {
		note(k.began)
	}
	recorded := httptest.NewRecorder()
	next.ServeHTTP(recorded, r)
	maps.Copy(w.Header(), recorded.Header())
	w.WriteHeader(recorded.Code)
	body := recorded.Body.String()
	_, _ = w.Write([]byte(body))
	if limit, _ := strconv.Atoi(r.FormValue("limit")); strings.Count(body, `"confUUID"`) < min(limit, 100) {
		_ = http.NewResponseController(w).Flush()
		note(k.read)
	}
}

func note(happened chan struct{}) {
	select {
	case happened <- struct{}{}:
	default:
	}
}

// killAndRestart kills the exporter at a random moment of its life.
func (k *killed) killAndRestart(t *testing.T) {
	t.Helper()
	switch k.rng.IntN(10) {
	case 0, 1: // it starts
		k.run(t, nil, upTo(k.rng, 300*time.Millisecond))
	case 2, 3, 4: // it polls
		k.run(t, k.began, upTo(k.rng, 300*time.Millisecond))
	case 5, 6, 7, 8: // it is about to commit, or has just committed
		k.run(t, k.read, 0)
		if k.rng.IntN(4) > 0 {
			k.awaitWrite()
		}
		k.run(t, nil, upTo(k.rng, oneOf(k.rng, 500*time.Microsecond, 10*time.Millisecond)))
	default: // it has made a poll or two
		k.run(t, k.read, upTo(k.rng, 4*time.Second))
	}
	k.kill(t)
	k.kills++
	for _, happened := range []chan struct{}{k.began, k.read} {
		select {
		case <-happened:
		default:
		}
	}
	k.process = start(t, exporter, k.args...)
}

// run lets the exporter run until something has happened and a time has passed.
func (k *killed) run(t *testing.T, happened <-chan struct{}, then time.Duration) {
	t.Helper()
	if happened != nil {
		select {
		case <-happened:
		case <-k.ended:
		case <-time.After(deadline):
			t.Fatal("no poll came")
		}
	}
	select {
	case <-time.After(then):
	case <-k.ended:
		t.Fatalf("after %d kills the exporter ended by itself: %s\n%s", k.kills, k.cmd.ProcessState, k.stderr.String())
	}
}

// awaitWrite waits for a moment until the exporter writes its ledger.
func (k *killed) awaitWrite() {
	written := func() (at time.Time) {
		if info, err := os.Stat(k.ledger); err == nil {
			at = info.ModTime()
		}
		return at
	}
	for began, before := time.Now(), written(); written().Equal(before) && time.Since(began) < 100*time.Millisecond; {
		time.Sleep(50 * time.Microsecond)
	}
}
