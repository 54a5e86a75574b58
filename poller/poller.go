// Package poller decides when to ask the service, and moves what it answers
// from the client to the ledger.
//
// It promises that polls never overlap, that a poll is taken in whole or not
// at all, and that a failed poll leaves the last good state in place, is
// recorded in the Status, and is logged in one line.
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
	// SweepInterval is the time between two sweeps.
	SweepInterval time.Duration
	// Tail is how far back a tail reads.
	Tail time.Duration
	// Now is the wall clock that dates polls. It must not be nil.
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
	failing       bool      // the last poll failed
	warnedOfRole  bool
	warnedOfLimit bool
}

// New returns a poller. Nothing else may change the ledger.
func New(cfg Config, c *client.Client, l *ledger.Ledger) *Poller {
	p := &Poller{cfg: cfg, client: c, ledger: l}
	p.status.Store(&Status{Started: cfg.Now()})
	return p
}

// Run polls at once and then at every interval, until ctx is done. A poll that
// falls due while another one is under way is skipped.
func (p *Poller) Run(ctx context.Context) {
	due := time.Now()
	for {
		_, _ = p.Poll(ctx) // the error is in the log and in the Status
		due = due.Add(p.cfg.Interval * (time.Since(due)/p.cfg.Interval + 1))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return
		}
	}
}

// Poll makes one poll: a sweep if one is due, a tail otherwise. One goroutine
// at a time may call it. If ctx ends the poll, neither the Status nor the
// ledger changes.
func (p *Poller) Poll(ctx context.Context) (Result, error) {
	began := time.Now()
	result := Result{Kind: Tail}
	if !began.Before(p.sweepDue) {
		result.Kind = Sweep
	}
	listing, err := p.read(ctx, result.Kind)
	if ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	if err != nil {
		p.fail(result.Kind, err)
	} else {
		result.Meetings = len(listing.Meetings)
		p.succeed(result)
	}
	session, sessionErr := p.client.Session(ctx)
	if sessionErr == nil {
		p.warnOfRole(session.Role)
	}
	p.record(outcome{
		kind: result.Kind, ended: p.cfg.Now(), duration: time.Since(began),
		err: err, listing: listing, tokenExpiry: session.Expiry,
	})
	return result, err
}

// read lists the history and commits it to the ledger. It turns a panic into
// an error, so that polling goes on.
func (p *Poller) read(ctx context.Context, kind Kind) (listing *client.Listing, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	began := p.cfg.Now()
	from := began.Add(-p.cfg.Tail)
	if kind == Sweep {
		from = p.ledger.SweepFrom(began)
		p.logGap(began)
	}
	listing, err = p.client.History(ctx, from, began)
	if err != nil {
		return nil, err
	}
	poll := ledger.Poll{Sweep: kind == Sweep, From: from, Began: began, Ended: p.cfg.Now(), Meetings: listing.Meetings}
	if err := p.ledger.Apply(poll, time.Now()); err != nil {
		return nil, err
	}
	if kind == Sweep {
		p.warnOfLimit(listing, began)
	}
	return listing, nil
}

// fail logs a failed poll. It releases held increments that are due, unless
// storage failed: then they cannot be committed either.
func (p *Poller) fail(kind Kind, err error) {
	p.failing = true
	level.Error(p.cfg.Logger).Log("msg", "Poll failed; the last good state is served", "kind", kind, "reason", ReasonOf(err), "err", err)
	if errors.Is(err, ledger.ErrStorage) {
		return
	}
	if err := p.ledger.ReleaseHeld(time.Now()); err != nil {
		level.Error(p.cfg.Logger).Log("msg", "Held increments were not released; the next poll tries again", "err", err)
	}
}

func (p *Poller) succeed(r Result) {
	logger := level.Debug(p.cfg.Logger)
	if p.failing {
		logger = level.Info(p.cfg.Logger)
	}
	logger.Log("msg", "Poll succeeded", "kind", r.Kind, "meetings", r.Meetings, "remembered", p.ledger.Snapshot().Remembered())
	p.failing = false
	if r.Kind == Sweep {
		p.sweepDue = time.Now().Add(p.cfg.SweepInterval)
	}
}

// logGap logs the part of history that no sweep can reach any more.
func (p *Poller) logGap(now time.Time) {
	if from, to, lost := p.ledger.Gap(now); lost {
		level.Error(p.cfg.Logger).Log("msg", "Meetings that started in this gap are not counted; raise --history.max-catch-up before a longer outage",
			"from", from.Format(time.RFC3339), "to", to.Format(time.RFC3339))
	}
}

// warnOfRole logs once that the service shows only a part of the meetings.
func (p *Poller) warnOfRole(role client.Role) {
	if role == client.RoleUser && !p.warnedOfRole {
		level.Warn(p.cfg.Logger).Log("msg", "The user signed in as is not an administrator, so the service lists only this user's own meetings")
	}
	p.warnedOfRole = role == client.RoleUser
}
