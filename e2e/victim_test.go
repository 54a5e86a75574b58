package e2e_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// watch stands before a service and tells of the exporter's polls.
type watch struct {
	http.Handler
	began chan struct{} // the first page was asked for
	read  chan struct{} // the last page was answered
}

func newWatch(service http.Handler) *watch {
	return &watch{service, make(chan struct{}, 1), make(chan struct{}, 1)}
}

// ServeHTTP implements http.Handler.
func (w *watch) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != simulator.PathHistory {
		w.Handler.ServeHTTP(rw, r)
		return
	}
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	if offset == 0 {
		tell(w.began)
	}
	answer := httptest.NewRecorder()
	w.Handler.ServeHTTP(answer, r)
	var page struct {
		Data  []json.RawMessage `json:"data"`
		Count int               `json:"count"`
	}
	last := json.Unmarshal(answer.Body.Bytes(), &page) == nil && offset+len(page.Data) >= page.Count
	for name, values := range answer.Header() {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes())
	if last {
		_ = http.NewResponseController(rw).Flush()
		tell(w.read)
	}
}

// tell notes in a channel of one place that something happened.
func tell(happened chan struct{}) {
	select {
	case happened <- struct{}{}:
	default:
	}
}

// victim is an exporter with storage that is killed again and again, and
// started again each time at once, at the same address with the same file.
type victim struct {
	*process
	web    string // address
	ledger string // path
	args   []string
	polls  *watch
	rng    *rand.Rand
	deaths int
}

func newVictim(t *testing.T, rng *rand.Rand, service http.Handler, args ...string) *victim {
	t.Helper()
	v := &victim{web: lastingAddress(t), ledger: filepath.Join(t.TempDir(), "ledger"), polls: newWatch(service), rng: rng}
	v.args = append(signIn(t, listen(t, v.polls), testAppKey), fast...)
	v.args = append(v.args, "--storage.path="+v.ledger, "--web.listen-address="+v.web)
	v.args = append(v.args, args...)
	return v
}

func (v *victim) live(t *testing.T) {
	t.Helper()
	for _, happened := range []chan struct{}{v.polls.began, v.polls.read} {
		select {
		case <-happened:
		default:
		}
	}
	v.process = start(t, exporter, v.args...)
}

// dieAndLive kills the exporter at a random instant of its life: while it
// starts, while it polls, while it commits or just has, or some polls later.
func (v *victim) dieAndLive(t *testing.T) {
	t.Helper()
	switch v.rng.IntN(10) {
	case 0, 1:
		v.outlive(t, nil, upTo(v.rng, 300*time.Millisecond))
	case 2, 3, 4:
		v.outlive(t, v.polls.began, upTo(v.rng, 300*time.Millisecond))
	case 5, 6, 7, 8:
		v.outlive(t, v.polls.read, 0)
		v.awaitWrite()
		v.outlive(t, nil, upTo(v.rng, oneOf(v.rng, 500*time.Microsecond, 10*time.Millisecond)))
	default:
		v.outlive(t, v.polls.read, upTo(v.rng, 4*time.Second))
	}
	v.kill(t)
	v.deaths++
	v.live(t)
}

// awaitWrite waits until the exporter writes to its ledger, or has done so
// unnoticed.
func (v *victim) awaitWrite() {
	before, err := os.Stat(v.ledger)
	for began := time.Now(); err == nil && time.Since(began) < 100*time.Millisecond; runtime.Gosched() {
		if now, err := os.Stat(v.ledger); err != nil || now.ModTime() != before.ModTime() {
			return
		}
	}
}

// outlive waits until something has happened and a time has passed since,
// during all of which the exporter must run.
func (v *victim) outlive(t *testing.T, happened <-chan struct{}, then time.Duration) {
	t.Helper()
	if happened != nil {
		select {
		case <-happened:
		case <-v.ended:
		case <-time.After(slowest):
			t.Fatal("no poll came")
		}
	}
	select {
	case <-time.After(then):
	case <-v.ended:
		t.Fatalf("after %d kills the exporter ended by itself: %s\n%s", v.deaths, v.cmd.ProcessState, v.stderr.String())
	}
}

// awaitReady waits for the first sweep of the process that lives.
func (v *victim) awaitReady(t *testing.T) {
	t.Helper()
	v.address(t)
	awaitReady(t, "http://"+v.web)
}

// kill ends the process without warning, and makes sure that it did not end by
// itself before.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.stop(t, syscall.SIGKILL)
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%v ended by itself: %s", p.cmd.Args, p.cmd.ProcessState)
	}
}
