package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
)

// process is one run of the exporter, wired as main does it.
type process struct {
	flags
	path      string // of the storage; empty for memory only
	client    *client.Client
	ledger    *ledger.Ledger
	gatherer  prometheus.Gatherer
	wire      *wire
	started   time.Time
	next      time.Time // when the next poll is due
	swept     time.Time // when the last complete sweep of this process ended
	ended     chan outcome
	cancel    context.CancelFunc
	stopped   chan struct{}
	closePipe func()
}

// outcome is what a poll came to, by the poller's own log.
type outcome struct {
	at     time.Time // by the monotonic clock
	wall   time.Time // by the wall clock
	sweep  bool
	failed bool
	reason string
}

func (o outcome) String() string {
	return fmt.Sprintf("ended at %s, sweep: %v, failure: %q", o.at.UTC().Format(time.TimeOnly), o.sweep, o.reason)
}

// clock is the wall clock of the machine, which may be wrong. The monotonic
// clock never is.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(c.offset()) }
func (c *clock) offset() time.Duration   { return time.Duration(c.ahead.Load()) }
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// boot is how long a start takes before the first poll begins.
const boot = time.Second

// start runs the exporter.
func start(w *world, f flags, path string) (*process, error) {
	p := &process{
		flags: f, path: path,
		started: time.Now().Add(boot), next: time.Now().Add(boot),
		ended: make(chan outcome, 1), stopped: make(chan struct{}),
	}
	cfg := ledger.Config{
		Window: f.window, MaxMeetingDuration: f.maxMeeting, MaxCatchUp: f.catchUp,
		StaleAfter: f.staleAfter, Hold: f.interval, MaxDepartments: f.departments,
	}
	if path == "" {
		p.ledger = ledger.New(cfg, w.clock.now())
	} else {
		var err error
		if p.ledger, err = ledger.Open(path, cfg, "owner", w.clock.now()); err != nil {
			return nil, err
		}
	}
	health := collector.NewHealth(w.clock.now)
	var key [32]byte
	for i := range key {
		key[i] = byte(w.rng.Uint32())
	}
	httpClient, closePipe := w.service.Pipe()
	p.closePipe = closePipe
	p.wire = &wire{RoundTripper: httpClient.Transport, now: w.clock.now, trace: w.trace, etiquette: etiquette{fail: w.fail, interval: f.interval, perMinute: f.requestsPerMinute}}
	var err error
	p.client, err = client.New(client.Config{
		Endpoint: "http://service", AppID: "app", Secret: func() (string, error) { return "key", nil },
		Timeout: 30 * time.Second, MaxRequestsPerMinute: f.requestsPerMinute, SignInInterval: f.interval,
		PageLimit: f.pageLimit, UserAgent: "soak", Observe: health.Observe,
		Transport: p.wire, Now: w.clock.now, Random: rand.NewChaCha8(key),
	})
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.New(p.ledger, f.window, w.clock.now))
	p.gatherer = collector.NewGatherer(registry, p.ledger, w.clock.now)
	poller := collector.NewPoller(collector.PollerConfig{
		Interval: f.interval, SweepInterval: f.sweepInterval, Tail: f.tail,
		Now: w.clock.now, Logger: p,
	}, p.client, p.ledger, health)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.stopped)
		time.Sleep(boot)
		poller.Run(ctx)
	}()
	return p, nil
}

// Log is the poller's logger: it hears there how each poll ended.
func (p *process) Log(keyvals ...any) error {
	said := map[string]string{}
	for i := 0; i+1 < len(keyvals); i += 2 {
		said[fmt.Sprint(keyvals[i])] = fmt.Sprint(keyvals[i+1])
	}
	switch {
	case said["msg"] == "Poll complete":
		p.ended <- outcome{at: time.Now(), wall: p.wire.now(), sweep: said["sweep"] == "true"}
	case strings.HasPrefix(said["msg"], "Poll failed"):
		p.ended <- outcome{at: time.Now(), wall: p.wire.now(), sweep: said["kind"] == "sweep", failed: true, reason: said["reason"]}
	}
	return nil
}

// wait returns how the poll under way, or the next one, ends; all that
// follows from it has then been done. Polls keep to the interval, and those
// that fall due while one is under way are skipped.
func (p *process) wait() outcome {
	o := <-p.ended
	synctest.Wait()
	p.next = p.started.Add(p.interval * (o.at.Sub(p.started)/p.interval + 1))
	return o
}

// sweepDue tells whether a poll that begins at an instant must be a sweep.
func (p *process) sweepDue(began time.Time) bool {
	return p.swept.IsZero() || began.Sub(p.swept) >= p.sweepInterval
}

// kill ends the process where it stands: nobody signs out. What is in the file
// is all that is left of it.
func (p *process) kill() {
	p.cancel()
	<-p.stopped
	p.closePipe()
	p.ledger.Close()
}

// stop ends the process in good order.
func (p *process) stop() error {
	p.cancel()
	<-p.stopped
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := p.client.Close(ctx)
	p.closePipe()
	p.ledger.Close()
	return err
}
