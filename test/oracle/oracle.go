// Package oracle restates the counting rules of docs/architecture.md in the
// plainest way. Tests compare the ledger, and what a scrape shows, with it.
//
// It shares no code with the ledger. It remembers every meeting for ever, and
// adds everything up again whenever it is asked. It knows nothing of files: a
// test that takes a poll back keeps a Clone from before that poll.
package oracle

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Config holds what an operator may set. Its fields are those of
// ledger.Config, so that one converts to the other.
type Config struct {
	Window             time.Duration
	MaxMeetingDuration time.Duration
	MaxCatchUp         time.Duration
	StaleAfter         time.Duration
	Hold               time.Duration
	MaxDepartments     int
	Attendance         bool
}

// reach is how far back a sweep reads.
func (c *Config) reach() time.Duration { return c.Window + c.MaxMeetingDuration }

// Poll is one complete poll. Its fields are those of ledger.Poll, so that one
// converts to the other. A UUID that comes twice is two reports of one
// meeting, in order.
type Poll struct {
	Sweep              bool
	From               time.Time // the earliest start that was read
	Began, Ended       time.Time // by the wall clock
	Meetings, Upcoming []meeting.Meeting
}

// Oracle is one life of a ledger. It is not safe for concurrent use.
type Oracle struct {
	cfg                 Config
	horizon             time.Time // rule 8; zero before the baseline
	lastPoll, lastSweep time.Time
	sweptReach          time.Duration   // of the last sweep: rule 3
	departments         map[string]bool // those that have a label
	sightings           []sighting      // in the order of first sight
	remembered          map[string]int  // index in sightings, by UUID: rule 1
	counters            map[LabelSet]counter
	fixed               counter           // the fixed series: rule 6
	shown               map[LabelSet]bool // label sets of the window gauges: rule 3
	attendance          attendance        // rule 9
}

// sighting is a meeting from its first sight until it is forgotten.
type sighting struct {
	first   meeting.Meeting
	latest  meeting.Meeting // its department as shown: rule 5
	set     LabelSet        // of the first sight, which the counters keep: rule 5
	counts  bool            // false if it started before the horizon: rule 8
	folded  bool            // its department had no label at first sight
	tooLate bool            // it does not count, and was surely never listed before: rule 8
	inBase  bool            // first seen by the baseline: rule 4
	base    Sums            // what the baseline had of it: rule 4
	highest Sums            // the highest value of each field so far: rule 5
	// invited is the first number of participants, and observed says that it
	// came after the baseline: rule 5.
	invited  meeting.Count
	observed bool
}

// counter says how the counters of one label set, or the fixed series, are
// published: rule 6.
type counter struct {
	held      bool
	delivered time.Time // when its 0 was delivered, zero if it was not
	created   time.Time // zero for the fixed series
}

func (c *counter) restart() { c.delivered = time.Time{} }

func (c *counter) deliver(clock time.Time) {
	if c.held && c.delivered.IsZero() {
		c.delivered = clock
	}
}

func (c *counter) release(clock time.Time, hold time.Duration) {
	if !c.delivered.IsZero() && clock.Sub(c.delivered) >= hold {
		c.held = false
	}
}

// New returns the oracle of an empty ledger.
func New(cfg Config) *Oracle {
	o := &Oracle{
		cfg: cfg, departments: map[string]bool{meeting.UnknownDepartment: true, meeting.OtherDepartment: true},
		remembered: map[string]int{}, counters: map[LabelSet]counter{}, fixed: counter{held: true}, shown: map[LabelSet]bool{},
		attendance: newAttendance(),
	}
	o.beginAttendance(time.Time{})
	return o
}

// Clone returns an independent copy.
func (o *Oracle) Clone() *Oracle {
	c := *o
	c.departments, c.sightings, c.remembered = maps.Clone(o.departments), slices.Clone(o.sightings), maps.Clone(o.remembered)
	c.counters, c.shown = maps.Clone(o.counters), maps.Clone(o.shown)
	c.attendance = o.attendance.clone()
	return &c
}

// Unheld returns a copy in which nothing is held. It publishes all that was
// counted.
func (o *Oracle) Unheld() *Oracle {
	c := o.Clone()
	c.eachCounter(func(one *counter) { one.held = false })
	return c
}

// Restart is a new start of the process on the same file. The file does not
// say which zeros were delivered: rule 6. Now is the wall clock.
func (o *Oracle) Restart(cfg Config, now time.Time) {
	o.cfg = cfg
	o.eachCounter((*counter).restart)
	o.beginAttendance(now)
}

// MarkDelivered is a scrape whose whole answer was written: rule 6. Clock is a
// reading of the monotonic clock.
func (o *Oracle) MarkDelivered(clock time.Time) {
	deliver := func(c *counter) { c.deliver(clock) }
	o.eachCounterOfPolls(deliver)
	if o.cfg.Attendance {
		o.attendance.eachCounter(deliver)
	}
}

// ReleaseHeld is a failed poll: it releases what was held for long enough
// after the delivery of its 0 (rule 6).
func (o *Oracle) ReleaseHeld(clock time.Time) {
	o.eachCounter(func(c *counter) { c.release(clock, o.cfg.Hold) })
}

func (o *Oracle) eachCounter(change func(*counter)) {
	o.eachCounterOfPolls(change)
	o.attendance.eachCounter(change)
}

func (o *Oracle) eachCounterOfPolls(change func(*counter)) {
	change(&o.fixed)
	for set, c := range o.counters {
		change(&c)
		o.counters[set] = c
	}
}

// Apply is a complete poll that ended at a reading of the monotonic clock.
func (o *Oracle) Apply(p Poll, clock time.Time) {
	o.ReleaseHeld(clock)
	baseline := o.lastSweep.IsZero()
	if baseline {
		if !p.Sweep {
			return // nobody knows yet what is new: rule 4
		}
		o.horizon = p.From.Truncate(time.Minute)
	}
	o.admitDepartments(p.Meetings)
	for _, m := range p.Meetings {
		o.report(m, baseline, p.Ended)
	}
	o.admitDepartments(p.Upcoming)
	for _, m := range p.Upcoming {
		if set, _ := o.labelSet(m); !m.Start.Before(o.horizon) {
			o.startCounters(set, p.Ended)
			o.shown[set] = true
		}
	}
	o.lastPoll = p.Ended
	o.expire(p.Ended)
	if p.Sweep {
		o.lastSweep, o.sweptReach = p.Ended, o.cfg.reach()
		o.advanceHorizon(p.Began)
	}
}

// admitDepartments gives new departments a label while there is room. Those
// with the most reports come first.
func (o *Oracle) admitDepartments(meetings []meeting.Meeting) {
	reports := map[string]int64{}
	for _, m := range meetings {
		reports[m.Department]++
	}
	o.admit(reports)
}

// admit gives departments a label while there is room, those with the highest
// number here first.
func (o *Oracle) admit(reports map[string]int64) {
	busiestFirst := slices.SortedFunc(maps.Keys(reports), func(a, b string) int {
		return cmp.Or(cmp.Compare(reports[b], reports[a]), cmp.Compare(a, b))
	})
	const reserved = 2 // unknown and other
	for _, name := range busiestFirst {
		if !o.departments[name] && len(o.departments)-reserved < o.cfg.MaxDepartments {
			o.departments[name] = true
		}
	}
}

// labelSet returns the label set of a meeting, and whether its department is
// folded into meeting.OtherDepartment.
func (o *Oracle) labelSet(m meeting.Meeting) (set LabelSet, folded bool) {
	if !o.departments[m.Department] {
		return LabelSet{meeting.OtherDepartment, m.Type}, true
	}
	return LabelSet{m.Department, m.Type}, false
}

// report takes in one report of a meeting: rules 1, 4, 5 and 8.
func (o *Oracle) report(m meeting.Meeting, baseline bool, now time.Time) {
	set, folded := o.labelSet(m)
	m.Department = set.Department
	o.shown[set] = true
	i, known := o.remembered[m.UUID]
	if !known {
		i = len(o.sightings)
		o.remembered[m.UUID] = i
		counts := !m.Start.Before(o.horizon)
		o.sightings = append(o.sightings, sighting{
			first: m, set: set, counts: counts, folded: folded, inBase: baseline, invited: meeting.Absent,
			tooLate: !counts && !baseline && !m.End.Before(o.horizon),
		})
		if counts {
			o.startCounters(set, now)
		}
	}
	s := &o.sightings[i]
	s.latest = m
	s.highest = s.highest.Max(SumsOf(m))
	if baseline {
		s.base = s.highest
	}
	if s.invited == meeting.Absent && m.Participants != meeting.Absent {
		s.invited, s.observed = m.Participants, !baseline
	}
	o.await(m, set, !known && !baseline && s.counts, now)
}

// startCounters makes sure that a label set has counters: rule 6.
func (o *Oracle) startCounters(set LabelSet, now time.Time) {
	if _, started := o.counters[set]; !started {
		o.counters[set] = counter{held: true, created: now}
	}
	if o.cfg.Attendance {
		o.startAttended(set, now)
	}
}

// advanceHorizon moves the horizon after a sweep that began at the given time,
// and forgets meetings: rule 8.
func (o *Oracle) advanceHorizon(began time.Time) {
	newest, ok := o.NewestEnd()
	if !ok {
		return
	}
	if began.Before(newest) {
		newest = began
	}
	if h := newest.Add(-o.cfg.reach()).Truncate(time.Minute); h.After(o.horizon) {
		o.horizon = h
	}
	maps.DeleteFunc(o.remembered, func(_ string, i int) bool {
		end := o.sightings[i].latest.End
		return end.Before(o.horizon) && !o.inWindow(end, began)
	})
}

// inWindow reports whether an end lies in the window. Time counts in whole
// minutes, like the times of the service: rules 2 and 3.
func (o *Oracle) inWindow(end, now time.Time) bool {
	return end.After(now.Truncate(time.Minute).Add(-o.cfg.Window))
}
