package poller

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/client"
)

// keepRounds is for how many intervals without success a value is shown.
const keepRounds = 5

// OptionalConfig says when an Optional reads.
type OptionalConfig struct {
	// Interval is the time between two rounds.
	Interval time.Duration
	// HistoryInterval is the time between two polls of the history, one of which
	// replaces a dead token.
	HistoryInterval time.Duration
	// Delay is the time from the start of Run to the first round.
	Delay time.Duration
	// Now is the wall clock, by which values are dated. It must not be nil.
	Now func() time.Time
	// Logger receives a line when something begins or ceases to fail. It must not
	// be nil.
	Logger log.Logger
}

// Optional reads in rounds what the polls of the history can do without. It
// never signs in because of a rejected token, and its requests let those of the
// history go first, so it does not affect them.
type Optional struct {
	name    string // a value of the label collector
	cfg     OptionalConfig
	sources []*source
	status  atomic.Pointer[OptionalStatus]
}

// source is one thing that a round reads.
type source struct {
	name  string // in the log
	every int    // it is read in one of so many rounds
	read  func(ctx context.Context) error

	due     time.Time // the earliest next attempt, on the monotonic clock
	done    bool      // it was read at least once
	err     error     // of the last attempt
	refusal refusal
	logged  client.Reason // of the last failure that was logged; empty since a success
}

// OptionalStatus is the record of the rounds since the start. It is immutable.
type OptionalStatus struct {
	// Name is the value of the label collector.
	Name string
	// Started is when the collector was made.
	Started time.Time
	// Success reports whether the last attempt at each source succeeded; false
	// before the first.
	Success bool
	// LastSuccess is when the last round ended after which Success was true, zero
	// if there was none.
	LastSuccess time.Time
	// Failures counts failed attempts.
	Failures map[client.Reason]int
}

func newOptional(name string, cfg OptionalConfig, sources ...*source) *Optional {
	o := &Optional{name: name, cfg: cfg, sources: sources}
	o.status.Store(&OptionalStatus{Name: name, Started: cfg.Now()})
	return o
}

// Status returns the current status. It may be called from any goroutine.
func (o *Optional) Status() *OptionalStatus { return o.status.Load() }

// Run makes a round after OptionalConfig.Delay and then at every interval, until
// ctx is done. A round that falls due during another one is skipped.
func (o *Optional) Run(ctx context.Context) {
	every(ctx, o.cfg.Delay, o.cfg.Interval, func() { o.Round(ctx) })
}

// Round reads each source that is due. One goroutine at a time may call it. If
// ctx ends the round, the attempt under way does not count.
func (o *Optional) Round(ctx context.Context) {
	began, status, read := time.Now(), *o.Status(), false
	for _, s := range o.sources {
		if began.Before(s.due) {
			continue
		}
		err := attempt(func() error { return s.read(ctx) })
		if ctx.Err() != nil {
			return
		}
		if read = true; err != nil {
			status.Failures = increment(status.Failures, ReasonOf(err))
		}
		o.note(s, began, err)
	}
	if !read {
		return
	}
	status.Success = true
	for _, s := range o.sources {
		status.Success = status.Success && s.done && s.err == nil
	}
	if status.Success {
		status.LastSuccess = o.cfg.Now()
	}
	o.status.Store(&status)
}

// note takes in the result of an attempt, and logs what changes.
func (o *Optional) note(s *source, began time.Time, err error) {
	wait := time.Duration(0)
	s.err = err
	reason := ReasonOf(err)
	logger := log.With(o.cfg.Logger, "collector", o.name)
	switch refused := s.refusal.note(err, s.name, o.name, logger); {
	case err == nil:
		if s.logged != "" {
			level.Info(logger).Log("msg", "Reading "+s.name+" succeeds again")
		}
		s.done, s.logged = true, ""
		wait = o.cfg.Interval * time.Duration(s.every)
	case refused && s.refusal.believed:
		wait, s.logged = max(refusedInterval, o.cfg.Interval), reason
	case refused:
		wait = o.cfg.HistoryInterval + o.cfg.Interval
	case s.logged != reason:
		s.logged = reason
		level.Warn(logger).Log("msg", "Reading "+s.name+" fails; it is tried again at every interval", "reason", reason, "err", err)
	default:
		level.Debug(logger).Log("msg", "Reading "+s.name+" still fails", "err", err)
	}
	// Rounds do not begin exactly one interval apart.
	s.due = began.Add(wait - o.cfg.Interval/2)
}

// latest is the value that was read last.
type latest[T any] struct {
	keep  time.Duration // how long it is shown
	value atomic.Pointer[dated[T]]
}

type dated[T any] struct {
	value T
	at    time.Time
}

func (l *latest[T]) set(value T, at time.Time) { l.value.Store(&dated[T]{value, at}) }

// get returns the value, and false if there is none or if it is too old.
func (l *latest[T]) get(now time.Time) (value T, ok bool) {
	v := l.value.Load()
	if v == nil || now.Sub(v.at) > l.keep {
		return value, false
	}
	return v.value, true
}

// reads returns a source that keeps what it reads.
func reads[T any](into *latest[T], cfg OptionalConfig, name string, every int, read func(context.Context) (T, error)) *source {
	into.keep = keepRounds * cfg.Interval * time.Duration(every)
	return &source{name: name, every: every, read: func(ctx context.Context) error {
		value, err := read(ctx)
		if err == nil {
			into.set(value, cfg.Now())
		}
		return err
	}}
}
