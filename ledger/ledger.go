// Package ledger counts ended meetings, each exactly once.
//
// It implements the counting rules of docs/architecture.md, which comments cite
// by their numbers. Counters never fall and never count a meeting twice,
// however often a meeting is reported, in which order and with which changes.
// A new series is seen at 0 before it is seen at more. A Snapshot is immutable
// and holds the whole of a poll or nothing of it. The package knows meetings
// and time only, and every wall-clock time is passed in.
package ledger

import (
	"maps"
	"sync/atomic"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Config holds what an operator may set.
type Config struct {
	// Window is how far back the window gauges reach (rule 3).
	Window time.Duration
	// MaxMeetingDuration is how long before its end a meeting may have
	// started: the service lists it by its start.
	MaxMeetingDuration time.Duration
	// MaxCatchUp bounds how far back a sweep reaches after an outage.
	MaxCatchUp time.Duration
	// StaleAfter is how long the window gauges are shown without a poll.
	StaleAfter time.Duration
	// Hold is how long a new series stays at 0 after that 0 was delivered
	// (rule 6).
	Hold time.Duration
	// MaxDepartments bounds the number of departments. Later ones are counted
	// as meeting.OtherDepartment.
	MaxDepartments int
}

// reach is how long after its start a meeting may still change the window.
func (c *Config) reach() time.Duration { return c.Window + c.MaxMeetingDuration }

// edge is the latest minute whose meetings lie outside the window at now.
func (c *Config) edge(now time.Time) minute {
	return minuteOf(now.Truncate(time.Minute).Add(-c.Window))
}

// Poll is one complete poll.
type Poll struct {
	// Sweep is set for a full poll, which reads back to SweepFrom. A tail, which
	// is an incremental poll, reads less.
	Sweep bool
	// From is the earliest start that was read.
	From time.Time
	// Began and Ended are wall-clock times.
	Began, Ended time.Time
	// Meetings are the valid meetings that were listed. A UUID that comes twice
	// is two reports of one meeting, in order.
	Meetings []meeting.Meeting
	// Upcoming are meetings that the next poll brings, which only a reader of
	// the past can know. This poll shows their series at 0, so that nothing of
	// them is held (rule 6).
	Upcoming []meeting.Meeting
}

// Ledger remembers which meetings were counted, and their sums. One goroutine
// may change it. Snapshot may be called from any goroutine.
type Ledger struct {
	cfg       Config
	state     state
	names     departments
	series    map[setID]series
	meetings  map[id]entry
	delivered map[setID]time.Time // when the 0 of a held series was first delivered
	snapshot  atomic.Pointer[Snapshot]
	storage   *storage // nil if the ledger is in memory only
}

// state is what a ledger knows beside meetings and series. Every turn copies
// it.
type state struct {
	created   time.Time
	horizon   time.Time // zero before the baseline
	lastPoll  time.Time // end of the last complete poll
	lastSweep time.Time // end of the last complete sweep
	newestEnd minute    // of the meetings remembered; 0 if there are none
	folded    int64     // meetings counted under OtherDepartment because of the cap
	// distributions are the values of the histograms.
	distributions [measures][meeting.TypeCount]Distribution
}

// New returns an empty ledger in memory, whose histograms begin at created.
func New(cfg Config, created time.Time) *Ledger {
	l := &Ledger{
		cfg:       cfg,
		state:     state{created: created},
		names:     newDepartments(),
		series:    map[setID]series{},
		meetings:  map[id]entry{},
		delivered: map[setID]time.Time{},
	}
	l.publish()
	return l
}

// Snapshot returns what was last published.
func (l *Ledger) Snapshot() *Snapshot { return l.snapshot.Load() }

// Apply takes in a complete poll, stores the change if the ledger is kept in a
// file, and publishes the result. The first complete sweep is the baseline: its
// meetings are remembered and shown, not counted (rule 4). Clock is a reading
// of time.Now; holds are measured by it.
//
// An error is an ErrStorage. What was published then stays. The poll counts as
// not made, unless the file holds it although its sync failed (rule 7).
func (l *Ledger) Apply(p Poll, clock time.Time) error {
	t, err := l.begin(clock)
	if err != nil {
		return err
	}
	t.applyPoll(p)
	return l.finish(t)
}

// ReleaseHeld stores and publishes the series whose hold has passed (rule 6).
// It is for a poll that failed; Apply does the same. Clock and error are as for
// Apply.
func (l *Ledger) ReleaseHeld(clock time.Time) error {
	t, err := l.begin(clock)
	if err != nil || len(t.series) == 0 {
		return err
	}
	return l.finish(t)
}

// Seed makes a new ledger know all that another one knows, whose last poll has
// read everything older than horizon: a meeting that started before it and is
// listed later is not counted (rule 8). An error is an ErrStorage; the ledger
// is still new then.
func (l *Ledger) Seed(from *Ledger, horizon time.Time) error {
	t, err := l.begin(time.Time{})
	if err != nil {
		return err
	}
	t.state, t.names = from.state, from.names.clone()
	t.state.horizon = horizon.Truncate(time.Minute)
	t.series, t.meetings = maps.Clone(from.series), maps.Clone(from.meetings)
	for of, byType := range t.state.distributions {
		for typ, d := range byType {
			for value := range d {
				t.observed[observation{measure(of), meeting.Type(typ), value}] = true
			}
		}
	}
	return l.finish(t)
}
