// Package ledger counts ended meetings, each exactly once.
//
// It promises that counters never fall and never count a meeting twice,
// however often, in whatever order and with whatever changes the meeting is
// reported; that a new series is seen at 0 before it is seen at more; and that
// what is published is immutable and complete: a Snapshot holds the whole of
// one poll or nothing of it. The package knows meetings and time only; every
// wall-clock time is passed in.
package ledger

import (
	"sync/atomic"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Config holds the rules of a ledger that an operator may set.
type Config struct {
	// Window is how far back the sliding sums reach.
	Window time.Duration
	// MaxMeetingDuration is how long before its end a meeting may have
	// started: the service files it under its start.
	MaxMeetingDuration time.Duration
	// MaxCatchUp bounds how far back a sweep reaches after an outage.
	MaxCatchUp time.Duration
	// StaleAfter is how long the sliding sums are shown without a poll.
	StaleAfter time.Duration
	// Hold is how long a new series stays at 0 after that 0 was served.
	Hold time.Duration
	// MaxDepartments bounds the distinct departments; later ones are counted
	// as meeting.OtherDepartment.
	MaxDepartments int
}

// edge is the latest minute whose meetings lie outside the window at now.
func (c *Config) edge(now time.Time) minute {
	return minuteOf(now.Truncate(time.Minute).Add(-c.Window))
}

// Poll is one complete reading of history.
type Poll struct {
	// Sweep tells that the reading reaches back to SweepFrom, and so includes
	// whatever was published since the last one.
	Sweep bool
	// From is the earliest start that was read.
	From time.Time
	// Began and Ended are wall-clock times.
	Began, Ended time.Time
	// Meetings are valid ones. Of one UUID the last holds.
	Meetings []meeting.Meeting
}

// Ledger remembers which meetings were counted, and their sums. One goroutine
// may change it; Snapshot may be called from any.
type Ledger struct {
	cfg      Config
	state    state
	names    departments
	series   map[label]series
	meetings map[id]entry
	snapshot atomic.Pointer[Snapshot]
}

// state is what a ledger knows beside meetings and series. It is copied for
// every turn; the distributions are cloned before they are changed.
type state struct {
	created      time.Time
	horizon      time.Time // zero before the baseline
	lastPoll     time.Time // end of the last complete poll
	lastSweep    time.Time // end of the last complete sweep
	newestEnd    minute    // of the meetings remembered; 0 if there are none
	folded       int64
	durations    [meeting.TypeCount]Distribution // seconds, by meeting.Type
	participants [meeting.TypeCount]Distribution
}

// New returns an empty ledger, whose histograms begin at created.
func New(cfg Config, created time.Time) *Ledger {
	l := &Ledger{
		cfg:      cfg,
		state:    state{created: created},
		names:    newDepartments(),
		series:   map[label]series{},
		meetings: map[id]entry{},
	}
	l.publish()
	return l
}

// Snapshot returns what was last published.
func (l *Ledger) Snapshot() *Snapshot { return l.snapshot.Load() }

// SweepFrom returns the earliest start that a sweep at the given wall-clock
// time must read, so that it reaches every meeting that may still be counted,
// but not further back than MaxCatchUp allows.
func (l *Ledger) SweepFrom(now time.Time) time.Time {
	reach := l.cfg.Window + l.cfg.MaxMeetingDuration
	from := now.Add(-reach)
	if !l.state.horizon.IsZero() && l.state.horizon.Before(from) {
		from = l.state.horizon
	}
	if earliest := now.Add(-reach - l.cfg.MaxCatchUp); from.Before(earliest) {
		from = earliest
	}
	return from.Truncate(time.Minute)
}

// Gap returns the part of history that no sweep at the given time can reach
// any more, because the last complete one is longer ago than MaxCatchUp.
func (l *Ledger) Gap(now time.Time) (from, to time.Time, lost bool) {
	if l.state.lastSweep.IsZero() || now.Sub(l.state.lastSweep) <= l.cfg.MaxCatchUp {
		return time.Time{}, time.Time{}, false
	}
	return l.state.horizon, l.SweepFrom(now), l.state.horizon.Before(l.SweepFrom(now))
}

// Apply takes in a complete poll and publishes the result. The first complete
// sweep is the baseline: its meetings are remembered and shown, not counted,
// since nobody knows what was counted before. Clock is a reading of time.Now,
// by which holds are measured.
func (l *Ledger) Apply(p Poll, clock time.Time) {
	t := l.begin(clock)
	t.take(p)
	l.install(t)
}

// Idle publishes the increments that fall due at a turn of the poll loop that
// brought no complete poll. Clock is as for Apply.
func (l *Ledger) Idle(clock time.Time) {
	l.install(l.begin(clock))
}
