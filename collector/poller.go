package collector

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

// PollerConfig says when to poll and how far back.
type PollerConfig struct {
	// Interval is the time between polls.
	Interval time.Duration
	// SweepInterval is the time between full sweeps.
	SweepInterval time.Duration
	// Tail is how far back a poll between two sweeps reaches.
	Tail time.Duration
	// Now is the wall clock that dates polls.
	Now    func() time.Time
	Logger log.Logger
}

// Poller reads the history of the service into the ledger, in the background.
type Poller struct {
	cfg    PollerConfig
	client *client.Client
	ledger *ledger.Ledger
	health *Health

	ready    atomic.Bool
	sweepDue time.Time // on the monotonic clock; zero at the start
	failing  bool
	warned   bool // that the user is no administrator
	short    bool // of requests, at the last sweep
}

// NewPoller returns a poller, which is the only one that may change the
// ledger.
func NewPoller(cfg PollerConfig, c *client.Client, l *ledger.Ledger, h *Health) *Poller {
	return &Poller{cfg: cfg, client: c, ledger: l, health: h}
}

// Ready tells whether a sweep was completed since the start. It may be called
// from any goroutine.
func (p *Poller) Ready() bool { return p.ready.Load() }

// Run polls at once and then at every interval, until ctx is done. A poll that
// falls due while another is under way is skipped.
func (p *Poller) Run(ctx context.Context) {
	due := time.Now()
	for {
		p.turn(ctx)
		due = due.Add(p.cfg.Interval * (time.Since(due)/p.cfg.Interval + 1))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return
		}
	}
}

// turn makes one poll: a sweep while one is due, a tail otherwise. A failed one
// leaves the last good state in place.
func (p *Poller) turn(ctx context.Context) {
	kind, began := kindTail, time.Now()
	if !began.Before(p.sweepDue) {
		kind = kindSweep
	}
	err := p.poll(ctx, kind == kindSweep)
	if ctx.Err() != nil {
		return // stopped, which is no failure
	}
	var failure client.Reason
	if err != nil {
		failure = p.fail(kind, err)
	} else {
		p.succeed(kind)
	}
	p.health.polled(kind, p.cfg.Now(), time.Since(began), failure)
	if expiry, role, err := p.client.Session(ctx); err == nil {
		p.health.signedIn(expiry)
		p.warnOf(role)
	}
}

func (p *Poller) fail(kind string, err error) client.Reason {
	p.failing = true
	reason := reasonOf(err)
	level.Error(p.cfg.Logger).Log("msg", "Poll failed; the last good state is served", "kind", kind, "reason", reason, "err", err)
	if reason == reasonStorage {
		return reason // what is due cannot be committed either
	}
	if err := p.ledger.Idle(time.Now()); err != nil {
		level.Error(p.cfg.Logger).Log("msg", "Increments that are due wait for the next poll", "err", err)
	}
	return reason
}

func reasonOf(err error) client.Reason {
	if errors.Is(err, ledger.ErrStorage) {
		return reasonStorage
	}
	if reason, ok := client.ReasonOf(err); ok {
		return reason
	}
	return reasonInternal
}

func (p *Poller) succeed(kind string) {
	if p.failing {
		level.Info(p.cfg.Logger).Log("msg", "Poll succeeded again", "kind", kind)
	}
	p.failing = false
	if kind == kindSweep {
		p.sweepDue = time.Now().Add(p.cfg.SweepInterval)
		p.ready.Store(true)
	}
}

// warnOf says once that only a part of the meetings is seen.
func (p *Poller) warnOf(role client.Role) {
	if role == client.RoleUser && !p.warned {
		level.Warn(p.cfg.Logger).Log("msg", "The user signed in as is not an administrator, so that the service lists only this user's own meetings")
	}
	p.warned = role == client.RoleUser
}

// poll reads once and takes in what it read. A panic becomes an error, so that
// polling goes on.
func (p *Poller) poll(ctx context.Context, sweep bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	began := p.cfg.Now()
	from := began.Add(-p.cfg.Tail)
	if sweep {
		from = p.ledger.SweepFrom(began)
		if lostFrom, lostTo, lost := p.ledger.Gap(began); lost {
			level.Error(p.cfg.Logger).Log("msg", "Meetings that started in this gap are not caught up, see --history.max-catch-up",
				"from", lostFrom.Format(time.RFC3339), "to", lostTo.Format(time.RFC3339))
		}
	}
	listing := p.client.History(from, began)
	var meetings ledger.Batch
	for m, err := range listing.Meetings(ctx) {
		if err != nil {
			return err
		}
		meetings.Add(m)
	}
	ended := p.cfg.Now()
	if err := p.ledger.Apply(ledger.Poll{Sweep: sweep, From: from, Began: began, Ended: ended, Meetings: meetings}, time.Now()); err != nil {
		return err
	}
	if sweep {
		p.health.swept(listing.Defects())
		p.warnOfNeed(listing, began)
	}
	level.Debug(p.cfg.Logger).Log("msg", "Poll complete", "sweep", sweep, "meetings", meetings.Len(), "remembered", p.ledger.Snapshot().Size())
	return nil
}
