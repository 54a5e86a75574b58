package soak_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/test/stack"
)

// process is one run of the exporter. The driver makes its polls, one after
// the other, at the times at which Poller.Run would make them.
type process struct {
	*stack.Stack
	cfg          stack.Config
	transport    *transport
	closeNetwork func()
	cancel       context.CancelFunc
	ctx          context.Context
	started      time.Time    // when the first poll is due
	due          time.Time    // when the next poll is due
	polling      chan outcome // nil if no poll is under way
	swept        time.Time    // when the last complete sweep ended
}

// outcome is the end of a poll.
type outcome struct {
	poller.Result
	err   error
	began time.Time // by the monotonic clock, like ended
	ended time.Time
	wall  time.Time // the end by the wall clock of the machine
}

func (o outcome) isSweep() bool { return o.Kind == poller.Sweep }

// String leaves out the text of the error: request IDs differ from run to run.
func (o outcome) String() string {
	if o.err != nil {
		return fmt.Sprintf("%s failed: %s", o.Kind, poller.ReasonOf(o.err))
	}
	return fmt.Sprintf("%s with %d meetings", o.Kind, o.Meetings)
}

// clock is the wall clock of the machine, which may be wrong. The monotonic
// clock never is.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(c.offset()) }
func (c *clock) offset() time.Duration   { return time.Duration(c.ahead.Load()) }
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// start starts a process. Its first poll is due after a second.
func (w *world) start() {
	w.oracle.Restart(w.oracleConfig())
	w.folds = w.folds || w.cfg.Ledger.MaxDepartments < len(departmentNames)
	w.trace.note("start with %+v, sweeps every %v, tail %v, %d rows a page, clock ahead by %v",
		w.cfg.Ledger, w.cfg.Poller.SweepInterval, w.cfg.Poller.Tail, w.cfg.Client.PageLimit, w.clock.offset())
	network, closeNetwork := w.service.Pipe()
	p := &process{cfg: w.cfg, closeNetwork: closeNetwork, started: time.Now().Add(time.Second)}
	p.due = p.started
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.transport = &transport{
		RoundTripper: network.Transport, now: w.clock.now, trace: w.trace,
		rules: requestRules{fail: w.fail, interval: p.cfg.Poller.Interval, perMinute: p.cfg.Client.MaxRequestsPerMinute},
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], w.rng.Uint64())
	p.cfg.Client.Random = rand.NewChaCha8(seed)
	p.cfg.Client.Transport, p.cfg.Now, p.cfg.Path = p.transport, w.clock.now, w.path
	var err error
	if p.Stack, err = stack.New(p.cfg); err != nil {
		closeNetwork()
		w.t.Fatal("start: ", err)
	}
	w.process = p
}

// begin begins the next poll once it is due.
func (p *process) begin() {
	time.Sleep(time.Until(p.due))
	p.polling = make(chan outcome, 1)
	go func() {
		o := outcome{began: time.Now()}
		o.Result, o.err = p.Poller.Poll(p.ctx)
		o.ended, o.wall = time.Now(), p.cfg.Now()
		p.polling <- o
	}()
}

// wait returns the outcome of the poll under way. Polls that fall due
// meanwhile are skipped.
func (p *process) wait() outcome {
	o := <-p.polling
	synctest.Wait()
	p.polling = nil
	interval := p.cfg.Poller.Interval
	p.due = p.started.Add(interval * (o.ended.Sub(p.started)/interval + 1))
	return o
}

// sweepDue reports whether a poll that begins at a time must be a sweep.
func (p *process) sweepDue(began time.Time) bool {
	return p.swept.IsZero() || began.Sub(p.swept) >= p.cfg.Poller.SweepInterval
}

// kill ends the process at once: it does not sign out. Only its file is left.
func (p *process) kill() {
	p.interrupt()
	p.closeNetwork()
	p.Ledger.Close()
}

// stop ends the process in order. The service may refuse the sign-out.
func (p *process) stop() (signOutErr, closeErr error) {
	p.interrupt()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer p.closeNetwork()
	return p.Client.Close(ctx), p.Ledger.Close()
}

// interrupt ends the poll under way, if there is one.
func (p *process) interrupt() {
	p.cancel()
	if p.polling != nil {
		<-p.polling
	}
}
