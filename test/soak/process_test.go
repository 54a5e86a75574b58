package soak_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/test/oracle"
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
	started      time.Time       // when the first poll is due
	due          time.Time       // when the next poll is due
	attendAt     time.Time       // when the next round of attendance is due
	tried        map[string]bool // whose attendance could not be asked for, by UUID
	loops        sync.WaitGroup
	polling      chan outcome // nil if no poll is under way
	swept        time.Time    // when the last complete sweep ended
	lastWall     time.Time    // when the last complete poll began, by the wall clock
	tokensBefore int          // tokens of earlier processes that still lived at the start
	unusable     bool         // the last poll failed because no row of its listing is usable
	ended        bool
}

// outcome is the end of a poll.
type outcome struct {
	poller.Result
	err                  error
	began, ended         time.Time // by the monotonic clock
	wallBegan, wallEnded time.Time // by the wall clock of the machine
}

func (o outcome) isSweep() bool { return o.Kind == poller.Sweep }

// String leaves out the text of the error: request IDs differ from run to run.
func (o outcome) String() string {
	if o.err != nil {
		return fmt.Sprintf("%s failed: %s", o.Kind, poller.ReasonOf(o.err))
	}
	return fmt.Sprintf("%s with %d meetings", o.Kind, o.Meetings)
}

// clock is the time that passes. Virtual time is the monotonic clock of the
// machine, which stands still while the machine is suspended. The wall clock of
// the machine may be wrong.
type clock struct{ suspended, ahead atomic.Int64 }

// at returns the true time at a reading of the monotonic clock since the last
// suspension.
func (c *clock) at(monotonic time.Time) time.Time {
	return monotonic.Add(time.Duration(c.suspended.Load()))
}

func (c *clock) trueTime() time.Time     { return c.at(time.Now()) }
func (c *clock) wall() time.Time         { return c.trueTime().Add(c.offset()) }
func (c *clock) offset() time.Duration   { return time.Duration(c.ahead.Load()) }
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }
func (c *clock) suspend(d time.Duration) { c.suspended.Add(int64(d)) }

// start starts a process. Its first poll is due after a second.
func (w *world) start() {
	file, _ := os.ReadFile(w.path) // nil if there is none
	w.oracle = w.stored(w.oracle, file)
	w.fileAtStart, w.oracleAtStart = file, w.oracle.Clone()
	w.oracle.Restart(w.oracleConfig(), w.clock.wall())
	w.folds = w.folds || w.cfg.Ledger.MaxDepartments < len(departmentNames)
	w.trace.note("start with %+v, sweeps every %v, tail %v, %d rows a page, clock ahead by %v",
		w.cfg.Ledger, w.cfg.Poller.SweepInterval, w.cfg.Poller.Tail, w.cfg.Client.PageLimit, w.clock.offset())
	network, closeNetwork := w.service.Pipe()
	p := &process{cfg: w.cfg, tried: map[string]bool{}, closeNetwork: closeNetwork, started: time.Now().Add(time.Second), tokensBefore: w.service.LiveTokens()}
	p.due = p.started
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.transport = &transport{
		RoundTripper: network.Transport, now: w.clock.wall, trace: w.trace, mayAsk: w.mayAsk, asked: map[string]bool{}, answers: map[string]attendanceAnswer{},
		rules: requestRules{fail: w.fail, interval: p.cfg.Poller.Interval, perMinute: p.cfg.Client.MaxRequestsPerMinute, loops: w.loops},
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], w.rng.Uint64())
	p.cfg.Client.Random = rand.NewChaCha8(seed)
	p.cfg.Client.Transport, p.cfg.Now, p.cfg.Path = p.transport, w.clock.wall, w.path
	var err error
	if p.Stack, err = stack.New(p.cfg); err != nil {
		closeNetwork()
		w.t.Fatal("start: ", err)
	}
	w.process = p
	w.runLoops()
	w.scrapers.start(p.cfg.Ledger.Hold, p.cfg.Ledger.Attendance)
}

// stored returns the oracle of what a file holds: one from the time when it was
// read, or that of the start if no turn was stored since then.
func (w *world) stored(then *oracle.Oracle, file []byte) *oracle.Oracle {
	if w.oracleAtStart != nil && bytes.Equal(file, w.fileAtStart) {
		return w.oracleAtStart
	}
	return then
}

// begin begins the next poll.
func (p *process) begin() {
	p.polling = make(chan outcome, 1)
	go func() {
		o := outcome{began: time.Now(), wallBegan: p.cfg.Now()}
		o.Result, o.err = p.Poller.Poll(p.ctx)
		o.ended, o.wallEnded = time.Now(), p.cfg.Now()
		p.polling <- o
	}()
}

// finish ends the poll under way. Polls that fell due meanwhile are skipped.
func (p *process) finish(poll outcome) {
	p.polling = nil
	interval := p.cfg.Poller.Interval
	p.due = p.started.Add(interval * (poll.ended.Sub(p.started)/interval + 1))
}

// sweepDue reports whether a poll must be a sweep: tails may have left a gap, or
// the last sweep is long ago.
func (p *process) sweepDue(poll outcome) bool {
	sinceLast, most := poll.wallBegan.Sub(p.lastWall), p.cfg.Poller.Tail-p.cfg.Poller.Interval
	return p.swept.IsZero() || poll.began.Sub(p.swept) >= p.cfg.Poller.SweepInterval || sinceLast > most || sinceLast < 0
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

// interrupt ends the poll under way, if there is one, and the loops.
func (p *process) interrupt() {
	p.ended = true
	p.cancel()
	p.loops.Wait()
	if p.polling != nil {
		<-p.polling
	}
}
