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
	"errors"
	"maps"
	"sync"
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
	// Attendance makes counted meetings pending until their attendance is counted
	// (rule 9).
	Attendance bool
}

// reach is how long after its start a meeting may still change the window.
func (c *Config) reach() time.Duration { return c.Window + c.MaxMeetingDuration }

// windowBegin returns the first minute whose meetings lie in the window at now.
func (c *Config) windowBegin(now time.Time) minute {
	return minuteOf(now.Truncate(time.Minute).Add(-c.Window)) + 1
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
	// the past can know. This poll shows their series at 0, so that the 0 is
	// delivered before they count (rule 6).
	Upcoming []meeting.Meeting
}

// Ledger remembers which meetings were counted, and their sums. Its methods may
// be called concurrently. Each change waits for the one before, its storage
// included. Snapshot never waits.
type Ledger struct {
	cfg      Config
	snapshot atomic.Pointer[Snapshot]

	mu         sync.Mutex // of all that follows
	state      state
	names      departments
	series     map[setID]series
	meetings   map[id]entry
	attendees  map[uint32]attendeeSeconds // by the number of the department
	pending    map[id]pending             // a part of meetings, or forgotten meanwhile
	deliveries *deliveries
	delivered  map[hold]time.Time // when the 0 of what is held was first delivered
	storage    *storage           // nil if the ledger is in memory only
}

// state is what a ledger knows beside meetings and series. Every turn copies
// it.
type state struct {
	created   time.Time
	horizon   time.Time // zero before the baseline
	lastPoll  time.Time // end of the last complete poll
	lastSweep time.Time // end of the last complete sweep
	// sweptReach is the Config.reach of the last complete sweep.
	sweptReach time.Duration
	newestEnd  minute // of the meetings remembered; 0 if there are none
	running    concurrency

	// The fixed series exist from the creation of the ledger: folded, tooLate and
	// the histograms. They are held until fixedReleased is set (rule 6).
	fixedReleased bool
	folded        int64 // meetings counted under OtherDepartment because of the cap
	tooLate       int64 // meetings that did not count because they were first listed too late (rule 8)
	distributions [measures][meeting.TypeCount]Distribution

	attendance attendanceState
}

// New returns an empty ledger in memory, whose histograms begin at created.
func New(cfg Config, created time.Time) *Ledger {
	l := newLedger(cfg, created)
	l.beginAttendance(created)
	l.publish()
	return l
}

func newLedger(cfg Config, created time.Time) *Ledger {
	return &Ledger{
		cfg:        cfg,
		state:      state{created: created},
		names:      newDepartments(),
		series:     map[setID]series{},
		meetings:   map[id]entry{},
		attendees:  map[uint32]attendeeSeconds{},
		pending:    map[id]pending{},
		deliveries: &deliveries{},
		delivered:  map[hold]time.Time{},
	}
}

// Snapshot returns what was last published.
func (l *Ledger) Snapshot() *Snapshot { return l.snapshot.Load() }

// Apply takes in a complete poll, stores the change if the ledger is kept in a
// file, and publishes the result. The first complete sweep is the baseline: its
// meetings are remembered and shown, not counted (rule 4). Clock is a reading
// of time.Now; holds are measured by it.
//
// An error is an ErrStorage. The ledger is then as it was, and the poll counts
// as not made. If the process ends before the next change, the file may hold the
// poll nevertheless (rule 7).
func (l *Ledger) Apply(p Poll, clock time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.begin(clock)
	t.applyPoll(p)
	return l.finish(t)
}

// ReleaseHeld stores and publishes the series whose hold has passed (rule 6).
// It is for a poll that failed; Apply does the same. Clock and error are as for
// Apply.
func (l *Ledger) ReleaseHeld(clock time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.begin(clock)
	if !t.released {
		return nil
	}
	return l.finish(t)
}

// Seed makes a new ledger know all that another one knows, whose last poll has
// read everything older than horizon: a meeting that started before it and is
// listed later is not counted (rule 8). What the other one has released stays
// released (rule 6). Seed refuses a ledger that has its baseline. Any other
// error is an ErrStorage. After an error the ledger is as it was. Nothing else may
// use the other one meanwhile.
func (l *Ledger) Seed(from *Ledger, horizon time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.state.lastSweep.IsZero() {
		return errors.New("seed: the ledger already counts")
	}
	t := l.newTurn()
	t.state, t.names = from.state, from.names.clone()
	if t.state.attendance.began.IsZero() {
		t.state.attendance = l.state.attendance
	}
	t.state.horizon = horizon.Truncate(time.Minute)
	t.series, t.meetings = maps.Clone(from.series), maps.Clone(from.meetings)
	t.attendees, t.pending = maps.Clone(from.attendees), maps.Clone(from.pending)
	if l.storage != nil {
		l.storage.close() // a rewrite may change what a turn cannot
	}
	err := l.finish(t)
	if err != nil {
		_ = l.commit(l.newTurn()) // the file may hold the seed; the error of finish says more
	}
	return err
}
