package poller

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

const (
	// lookInterval is the longest time until Attendance looks again for a meeting
	// that is due.
	lookInterval = 10 * time.Second
	// The backoff of a reading that failed doubles between these.
	minBackoff = 5 * time.Second
	maxBackoff = time.Minute
	// longBacklog is how long after its time a reading must begin for a warning.
	longBacklog = time.Hour
	// refusalRetry is the least time after a first refusal. Meanwhile a poll of the
	// history replaces a dead token, which may look like one.
	refusalRetry = 5 * time.Minute
)

// emptyRetries are the times after which an attendance without rows is read again
// (rule 9). The service may list it late.
var emptyRetries = [...]time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}

// AttendanceConfig says when an Attendance reads.
type AttendanceConfig struct {
	// Delay is the time from the first sight of a meeting to the first reading of
	// its attendance.
	Delay time.Duration
	// HistoryInterval is the time between two polls of the history, one of which
	// replaces a dead token.
	HistoryInterval time.Duration
	// MaxRequestsPerMinute is the share of the limit that attendance may use, for
	// the warning that it is too small.
	MaxRequestsPerMinute int
	// Now is the wall clock, by which meetings are due. It must not be nil.
	Now func() time.Time
	// Logger receives a line when readings begin or cease to fail. It must not be
	// nil.
	Logger log.Logger
}

// Attendance reads the attendance of pending meetings into the ledger, one meeting
// after the other, the oldest first (rule 9). It never signs in because of a
// rejected token, and its requests let those of the history go first.
type Attendance struct {
	cfg    AttendanceConfig
	client *client.Client
	ledger *ledger.Ledger
	status atomic.Pointer[OptionalStatus]

	pending int            // meetings at the last look
	behind  bool           // the warning of the backlog was logged
	tries   map[string]try // of pending meetings that were asked for, by UUID
	inARow  int            // failures since the last success
	refusal refusal
	logged  client.Reason // of the last failure that was logged; empty if readings succeed
}

// try is what came of the readings of one meeting that is still pending.
type try struct {
	due             time.Time // on the monotonic clock
	failures, empty int
	failed          bool // the last one
}

// NewAttendance returns an Attendance, which has read nothing.
func NewAttendance(cfg AttendanceConfig, c *client.Client, l *ledger.Ledger) *Attendance {
	a := &Attendance{cfg: cfg, client: c, ledger: l, tries: map[string]try{}}
	a.status.Store(&OptionalStatus{Name: "attendance", Started: cfg.Now()})
	return a
}

// Status returns the current status. It may be called from any goroutine.
func (a *Attendance) Status() *OptionalStatus { return a.status.Load() }

// Run reads whatever falls due, until ctx is done.
func (a *Attendance) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-time.After(a.Round(ctx)):
		case <-ctx.Done():
		}
	}
}

// Round reads the attendance of the meeting that is due first, if one is due. It
// returns after what time to make the next round. One goroutine at a time may call
// it. If ctx ends the round, it does not count.
func (a *Attendance) Round(ctx context.Context) (wait time.Duration) {
	next, due, ok := a.next()
	switch untilDue := time.Until(due); {
	case !ok:
		a.idle()
		return lookInterval
	case untilDue > 0:
		a.idle()
		return min(untilDue, lookInterval)
	}
	a.warnOfBacklog(time.Since(due))
	settled := false
	err := attempt(func() (err error) {
		settled, err = a.read(ctx, next)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		return a.fail(next.UUID, err)
	case settled:
		delete(a.tries, next.UUID)
	}
	a.inARow, a.refusal = 0, refusal{}
	a.succeed()
	return 0
}

// warnOfBacklog logs once that attendance is behind: after an outage, or because
// more meetings end than the share of the limit can read.
func (a *Attendance) warnOfBacklog(waits time.Duration) {
	if waits > longBacklog && !a.behind && !a.refusal.believed {
		a.behind = true
		level.Warn(a.cfg.Logger).Log("msg", "Attendance is behind; if this is not after an outage, raise --attendance.max-requests-per-minute",
			"waits", waits.Round(time.Minute), "pending_meetings", a.pending, "allowed_per_minute", a.cfg.MaxRequestsPerMinute)
	}
	a.behind = a.behind && waits > longBacklog/2
}

// next returns the pending meeting that is due first, and when, on the monotonic
// clock. One whose last reading failed comes behind all others that are due. A
// meeting that was first seen in the future is due at once: the wall clock was ahead
// then. It forgets the tries of meetings that are not pending any more.
func (a *Attendance) next() (next ledger.Pending, due time.Time, ok bool) {
	const never = 100 * 365 * 24 * time.Hour
	clock, wall, pending := time.Now(), a.cfg.Now().Round(0), map[string]try{}
	var failed ledger.Pending // that is due first of those
	failedDue := clock.Add(never)
	a.pending = 0
	next, due, ok = a.ledger.NextPending(func(p ledger.Pending) time.Time {
		a.pending++
		if t, tried := a.tries[p.UUID]; tried {
			pending[p.UUID] = t
			if !t.failed {
				return t.due
			}
			if cmp.Or(t.due.Compare(failedDue), cmp.Compare(p.UUID, failed.UUID)) < 0 {
				failed, failedDue = p, t.due
			}
			return clock.Add(never)
		}
		age := wall.Sub(p.Seen)
		if age < 0 {
			age = a.cfg.Delay
		}
		return clock.Add(a.cfg.Delay - age)
	})
	a.tries = pending
	if due.After(clock) && failedDue.Before(due) {
		next, due = failed, failedDue
	}
	return next, due, ok
}

// read reads an attendance and takes it into the ledger. Settled reports whether
// the meeting is not pending any more.
func (a *Attendance) read(ctx context.Context, p ledger.Pending) (settled bool, err error) {
	attendance, err := a.client.Attendance(ctx, p.UUID, p.End)
	t := a.tries[p.UUID]
	switch {
	case errors.Is(err, client.ErrGone):
		return true, a.ledger.GiveUpAttendance(p.UUID, ledger.Gone, time.Now())
	case errors.Is(err, client.ErrUnusable):
		return true, a.ledger.GiveUpAttendance(p.UUID, ledger.Invalid, time.Now())
	case err != nil:
		return false, err
	case attendance.Joins == 0 && p.Lasted && t.empty < len(emptyRetries):
		a.tries[p.UUID] = try{due: time.Now().Add(emptyRetries[t.empty]), empty: t.empty + 1}
		return false, nil
	}
	return true, a.ledger.CountAttendance(p.UUID, attendance, a.cfg.Now(), time.Now())
}

// fail notes a failed reading, and returns how long to wait before the next one.
// The meeting goes behind the others.
func (a *Attendance) fail(uuid string, err error) (wait time.Duration) {
	t := a.tries[uuid]
	t.failures, t.failed = t.failures+1, true
	t.due = time.Now().Add(backoffAfter(t.failures))
	a.tries[uuid] = t
	if a.inARow++; a.inARow > 1 { // one failing meeting does not delay the others
		wait = backoffAfter(a.inARow - 1)
	}
	reason := ReasonOf(err)
	status := *a.Status()
	status.Success, status.Failures = false, increment(status.Failures, reason)
	a.status.Store(&status)

	logger := log.With(a.cfg.Logger, "collector", status.Name)
	all := a.concernsAll(t)
	if all && a.refusal.note(err, status.Name, status.Name, logger) {
		if !a.refusal.believed {
			return max(refusalRetry, a.cfg.HistoryInterval+time.Minute)
		}
		a.logged = reason
		return refusedInterval
	}
	if !all && t.failures == 1 && isRefusal(err) {
		return wait // it may come from a dead token
	}
	if reason != a.logged {
		a.logged = reason
		level.Warn(logger).Log("msg", "Reading attendance fails; it is tried again", "reason", reason, "err", err)
	} else {
		level.Debug(logger).Log("msg", "Reading attendance still fails", "reason", reason, "err", err)
	}
	return wait
}

// concernsAll reports whether a refusal is taken for one of all attendance. Where
// the service has listed attendance before, it may concern one meeting only, which
// this user may not see: only other meetings that are refused right after it show
// more.
func (a *Attendance) concernsAll(t try) bool {
	return a.refusal.believed || t.failures == 1 && a.inARow > 1 || a.ledger.Snapshot().AttendanceSoFar().Meetings == 0
}

// backoffAfter returns the backoff after a number of failures.
func backoffAfter(failures int) time.Duration {
	return min(minBackoff<<min(failures-1, 10), maxBackoff)
}

// succeed notes a reading without an error.
func (a *Attendance) succeed() {
	status := *a.Status()
	status.Success, status.LastSuccess = true, a.cfg.Now()
	a.status.Store(&status)
	for _, t := range a.tries {
		if t.failed {
			return
		}
	}
	if a.logged != "" {
		level.Info(a.cfg.Logger).Log("msg", "Reading attendance succeeds again", "collector", status.Name)
	}
	a.logged = ""
}

// idle notes that nothing is due. That is a success, unless a reading that failed
// waits for its next attempt.
func (a *Attendance) idle() {
	for _, t := range a.tries {
		if t.failed {
			return
		}
	}
	a.succeed()
}
