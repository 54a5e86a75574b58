// Package poller decides when to ask the service, and moves what it answers
// from the client to the ledger.
//
// It promises that polls never overlap, that a poll is taken in whole or not
// at all, and that a failed poll leaves the last good state in place, is
// recorded in the Status, and is logged in one line. Live, Resources and
// Attendance read beside the polls what these can do without. If one of them
// fails, polls go on.
package poller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

// Config says when to poll and how far back.
type Config struct {
	// Interval is the time between two polls.
	Interval time.Duration
	// SweepInterval is the maximum time between two sweeps. There are more of them
	// after an outage or a step of the wall clock.
	SweepInterval time.Duration
	// Tail is how far back a tail reads.
	Tail time.Duration
	// Delay is the time from the start of Run to the first poll.
	Delay time.Duration
	// Now is the wall clock, by which polls are dated. It must not be nil.
	Now func() time.Time
	// Logger receives one line for each failure. It must not be nil.
	Logger log.Logger
}

// Kind is the kind of a poll.
type Kind string

// The kinds of polls.
const (
	// Tail is an incremental poll: it reads the meetings that started within
	// Config.Tail.
	Tail Kind = "tail"
	// Sweep is a full poll: it reads every meeting that may still be counted.
	Sweep Kind = "sweep"
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{Tail, Sweep} }

// Result is what one poll did.
type Result struct {
	Kind Kind
	// Meetings is the number of meetings listed; 0 if the poll failed.
	Meetings int
}

// Poller reads the history of the service into the ledger.
type Poller struct {
	cfg    Config
	client *client.Client
	ledger *ledger.Ledger
	status atomic.Pointer[Status]

	sweepDue      time.Time // on the monotonic clock; zero before the first sweep
	lastBegan     time.Time // when the last complete poll began, by the wall clock
	failing       bool      // the last poll failed
	rewriteErr    error     // the last one logged
	warnedOfRole  bool
	warnedOfLimit bool
}

// New returns a poller. Nothing else may apply polls to the ledger.
func New(cfg Config, c *client.Client, l *ledger.Ledger) *Poller {
	p := &Poller{cfg: cfg, client: c, ledger: l}
	started := cfg.Now()
	p.status.Store(&Status{Started: started, Next: started.Add(cfg.Delay)})
	return p
}

// Run polls after Config.Delay and then at every interval, until ctx is done. A
// poll that falls due while another one is under way is skipped.
func (p *Poller) Run(ctx context.Context) {
	every(ctx, p.cfg.Delay, p.cfg.Interval, func() {
		_, _ = p.Poll(ctx) // the error is in the log and in the Status
	})
}

// every calls do after a delay and then at every interval, until ctx is done. A
// call that falls due during another one is skipped.
func every(ctx context.Context, delay, interval time.Duration, do func()) {
	due := time.Now().Add(delay)
	for {
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return
		}
		do()
		due = due.Add(interval * (time.Since(due)/interval + 1))
	}
}

// Poll makes one poll: a sweep if one is due, a tail otherwise. One goroutine
// at a time may call it. If ctx ends the poll, neither the Status nor the
// ledger changes.
func (p *Poller) Poll(ctx context.Context) (Result, error) {
	began, wall := time.Now(), p.wallClock()
	result := Result{Kind: p.kindDue(began, wall)}
	listing, err := p.read(ctx, result.Kind, wall)
	if ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	if err != nil {
		p.fail(result.Kind, err)
	} else {
		result.Meetings = len(listing.Meetings)
		p.succeed(result, wall)
	}
	session, sessionErr := p.client.Session(ctx)
	if sessionErr == nil {
		p.warnOfRole(session.Role)
	}
	p.record(outcome{
		kind: result.Kind, ended: p.wallClock(), duration: time.Since(began),
		err: err, listing: listing, session: session,
	})
	return result, err
}

// kindDue returns the kind of a poll that begins now. It is a sweep if one is
// due, and whenever tails may have left a gap: after an outage, after a poll
// that took too long, and after a step of the wall clock, which says what a tail
// reads. A suspended machine is such a step.
func (p *Poller) kindDue(began, wall time.Time) Kind {
	sinceLast := wall.Sub(p.lastBegan)
	if !began.Before(p.sweepDue) || sinceLast > p.cfg.Tail-p.cfg.Interval || sinceLast < 0 {
		return Sweep
	}
	return Tail
}

// wallClock reads the wall clock without the monotonic reading, by which times
// would be compared otherwise: it hides the steps.
func (p *Poller) wallClock() time.Time { return p.cfg.Now().Round(0) }

// read lists the history as it is at a time of the wall clock, and commits it
// to the ledger. It turns a panic into an error, so that polling goes on.
func (p *Poller) read(ctx context.Context, kind Kind, began time.Time) (listing *client.Listing, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	from := began.Add(-p.cfg.Tail)
	if kind == Sweep {
		from = p.ledger.SweepFrom(began)
	}
	listing, err = p.client.History(ctx, from, began)
	if err != nil {
		return nil, err
	}
	poll := ledger.Poll{Sweep: kind == Sweep, From: from, Began: began, Ended: p.wallClock(), Meetings: listing.Meetings}
	gapFrom, gapTo, gap := p.ledger.Gap(began)
	if err := p.ledger.Apply(poll, time.Now()); err != nil {
		return nil, err
	}
	if listing.Readings > 1 {
		level.Warn(p.cfg.Logger).Log("msg", "The listing had to be read again until it was whole", "kind", kind, "readings", listing.Readings, "err", listing.Dropped)
	}
	if kind == Sweep {
		p.warnOfLimit(listing, began)
		if gap { // no later sweep reads it
			level.Error(p.cfg.Logger).Log("msg", "Meetings that started in this gap were missed; to survive a longer outage, raise --history.max-catch-up",
				"from", gapFrom.Format(time.RFC3339), "to", gapTo.Format(time.RFC3339))
		}
	}
	return listing, nil
}

// fail logs a failed poll. It releases held increments that are due, unless
// storage failed: then they cannot be committed either.
func (p *Poller) fail(kind Kind, err error) {
	p.failing = true
	level.Error(p.cfg.Logger).Log("msg", "Poll failed; the last good numbers, if any, are served", "kind", kind, "reason", ReasonOf(err), "err", err)
	if errors.Is(err, ledger.ErrStorage) {
		return
	}
	if err := p.ledger.ReleaseHeld(time.Now()); err != nil {
		level.Error(p.cfg.Logger).Log("msg", "The release of held counters was not stored; the next poll tries again", "err", err)
	}
}

// succeed logs a complete poll, and notes when it began by the wall clock.
func (p *Poller) succeed(r Result, began time.Time) {
	p.lastBegan = began
	logger := level.Debug(p.cfg.Logger)
	if p.failing {
		logger = level.Info(p.cfg.Logger)
	}
	if err := p.ledger.RewriteError(); err != p.rewriteErr { //nolint:errorlint // is it another failure?
		if p.rewriteErr = err; err != nil {
			level.Warn(p.cfg.Logger).Log("msg", "The ledger's file could not be rewritten; it grows, and polls are stored", "err", err)
		}
	}
	logger.Log("msg", "Poll succeeded", "kind", r.Kind, "meetings", r.Meetings, "remembered", p.ledger.Snapshot().Remembered())
	p.failing = false
	if r.Kind == Sweep {
		p.sweepDue = time.Now().Add(p.cfg.SweepInterval)
	}
}

// warnOfRole logs once that the service shows only a part of the meetings.
func (p *Poller) warnOfRole(role client.Role) {
	if role == client.RoleUser && !p.warnedOfRole {
		level.Warn(p.cfg.Logger).Log("msg", "The signed-in user is not an administrator; the service lists only this user's own meetings")
	}
	p.warnedOfRole = role == client.RoleUser
}
