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
	"crypto/sha256"
	"maps"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

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
	Meetings     Batch
	// Next are meetings that the poll after this one will bring, as whoever
	// reads the past knows. Their series are shown at 0 by this poll, so that
	// nothing of them is held.
	Next Batch
}

// Ledger remembers which meetings were counted, and their sums. One goroutine
// may change it; Snapshot may be called from any.
type Ledger struct {
	cfg      Config
	state    state
	names    departments
	series   map[label]series
	meetings memory
	served   map[label]time.Time // when the 0 of a held series was first served
	snapshot atomic.Pointer[Snapshot]
	db       *bolt.DB          // nil if the ledger is in memory only
	owner    [sha256.Size]byte // hash of whose meetings the file counts
}

// state is what a ledger knows beside meetings and series. It is copied for
// every turn.
type state struct {
	created   time.Time
	horizon   time.Time // zero before the baseline
	lastPoll  time.Time // end of the last complete poll
	lastSweep time.Time // end of the last complete sweep
	newestEnd minute    // of the meetings remembered; 0 if there are none
	folded    int64
	// distributions are the histograms, by what they measure.
	distributions [measures][meeting.TypeCount]Distribution
}

// measure is what a histogram shows. The numbers are stored.
type measure uint8

const (
	durations measure = iota // seconds
	participants
	measures = iota
)

// New returns an empty ledger in memory, whose histograms begin at created.
func New(cfg Config, created time.Time) *Ledger {
	l := &Ledger{
		cfg:      cfg,
		state:    state{created: created},
		names:    newDepartments(),
		series:   map[label]series{},
		meetings: newMemory(),
		served:   map[label]time.Time{},
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

// Apply takes in a complete poll, commits the change if the ledger is kept in
// a file, and publishes the result. The first complete sweep is the baseline:
// its meetings are remembered and shown, not counted, since nobody knows what
// was counted before. Clock is a reading of time.Now, by which holds are
// measured. After an error, which is an ErrStorage, what was published stays
// and the poll is as if it had not been made.
func (l *Ledger) Apply(p Poll, clock time.Time) error {
	t := l.begin(clock)
	t.take(p)
	return l.finish(t)
}

// Idle commits and publishes the increments that fall due at a turn of the
// poll loop that brought no complete poll. Clock and error are as for Apply.
func (l *Ledger) Idle(clock time.Time) error {
	t := l.begin(clock)
	if len(t.series) == 0 {
		return nil
	}
	return l.finish(t)
}

// Seed takes over all that another ledger knows, whose last poll has read
// everything that is older than horizon: what is listed later and started
// before it is not counted. The ledger must be a new one; an error is an
// ErrStorage, after which it still is.
func (l *Ledger) Seed(from *Ledger, horizon time.Time) error {
	t := l.begin(time.Time{})
	t.state, t.names = from.state, from.names.clone()
	t.state.horizon = horizon.Truncate(time.Minute)
	t.series, t.meetings = maps.Clone(from.series), maps.Collect(from.meetings.all())
	for of, ofMeasure := range t.state.distributions {
		for typ, d := range ofMeasure {
			for value := range d {
				t.observed[observation{measure(of), meeting.Type(typ), value}] = true
			}
		}
	}
	return l.finish(t)
}

// Horizon is the start before which nothing is counted any more, zero before
// the baseline.
func (l *Ledger) Horizon() time.Time { return l.state.horizon }

func (l *Ledger) finish(t *turn) error {
	if err := l.commit(t); err != nil {
		return err
	}
	l.install(t)
	return nil
}
