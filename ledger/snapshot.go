package ledger

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// maxAhead is how far in the future the last complete poll may lie, by a clock
// that is corrected by seconds (rule 3).
const maxAhead = time.Minute

// Snapshot is what the ledger published after a turn. It never changes, except
// that it notes its delivery. It may be used from any goroutine.
type Snapshot struct {
	cfg        Config
	state      state
	names      departments          // which never change: a turn makes a copy
	series     []publishedSeries    // by department and type
	attendees  []publishedAttendees // by department
	held       []hold               // the counters that are shown at 0 (rule 6)
	remembered int
	pending    int
	delivered  atomic.Pointer[time.Time] // nil before the first delivery
	deliveries *deliveries
}

// deliveries are the snapshots that were delivered since the last turn.
type deliveries struct {
	mu        sync.Mutex
	snapshots []*Snapshot
}

func (d *deliveries) add(s *Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snapshots = append(d.snapshots, s)
}

func (d *deliveries) takeAll() []*Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.snapshots
	d.snapshots = nil
	return all
}

type publishedSeries struct {
	LabelSet
	series
}

// LabelSet is the label values of one series.
type LabelSet struct {
	Department string
	Type       meeting.Type
}

// LabeledSums are the sums of one label set.
type LabeledSums struct {
	LabelSet
	Sums
	// Created is when a counter began at 0. It is zero for window gauges.
	Created time.Time
}

// publish makes the state of the ledger visible.
func (l *Ledger) publish() { l.snapshot.Store(l.newSnapshot()) }

func (l *Ledger) newSnapshot() *Snapshot {
	s := &Snapshot{
		cfg: l.cfg, state: l.state, names: l.names, held: l.holds(), remembered: len(l.meetings), pending: len(l.pending),
		deliveries: l.deliveries, series: make([]publishedSeries, 0, len(l.series)),
	}
	for key, one := range l.series {
		s.series = append(s.series, publishedSeries{LabelSet{l.names.names[key.department()], key.typ()}, one})
	}
	for department, one := range l.attendees {
		s.attendees = append(s.attendees, publishedAttendees{l.names.names[department], one})
	}
	slices.SortFunc(s.attendees, func(a, b publishedAttendees) int { return cmp.Compare(a.Department, b.Department) })
	slices.SortFunc(s.series, func(a, b publishedSeries) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Type, b.Type))
	})
	return s
}

// LabelSets returns every label set ever seen, by department and type.
func (s *Snapshot) LabelSets() []LabelSet {
	sets := make([]LabelSet, len(s.series))
	for i, one := range s.series {
		sets[i] = one.LabelSet
	}
	return sets
}

// DepartmentLabels returns the label of each department of meetings that are not
// to be counted, such as those in progress. Their numbers of meetings are given. A
// name is its own label if the ledger knows it, or if the cap has room for it:
// first for the names with the most meetings. All others are
// meeting.OtherDepartment. The ledger does not remember these names.
func (s *Snapshot) DepartmentLabels(meetings map[string]int) map[string]string {
	labels, unknown := map[string]string{}, map[string]int{}
	for name, n := range meetings {
		labels[name] = name
		if !s.names.has(name) {
			labels[name], unknown[name] = meeting.OtherDepartment, n
		}
	}
	for _, name := range s.names.admissible(unknown, s.cfg.MaxDepartments) {
		labels[name] = name
	}
	return labels
}

// MarkDelivered notes that a scrape was given all metrics of this snapshot or of
// a later one (rule 6). Clock is a reading of time.Now. Only the first call
// counts.
func (s *Snapshot) MarkDelivered(clock time.Time) {
	if s.delivered.CompareAndSwap(nil, &clock) {
		s.deliveries.add(s)
	}
}

// Totals returns the counters (rule 5). Those that are held stand at 0 (rule
// 6).
func (s *Snapshot) Totals() []LabeledSums {
	totals := make([]LabeledSums, 0, len(s.series))
	for _, one := range s.series {
		if !one.counted {
			continue
		}
		sums := one.total
		if one.held {
			sums = Sums{}
		}
		totals = append(totals, LabeledSums{LabelSet: one.LabelSet, Sums: sums, Created: one.created})
	}
	return totals
}

// Recent returns the sums of the meetings that ended within the window before
// now, for every label set ever seen (rule 3). It returns nil before the first
// complete sweep, and while the sums may be wrong: when the last complete poll
// is longer ago than StaleAfter or lies more than a minute in the future, and
// when the last complete sweep read less far back than the configuration now
// asks for. Now counts in whole minutes, like the times of the meetings.
func (s *Snapshot) Recent(now time.Time) []LabeledSums {
	if s.withholds(now) {
		return nil
	}
	begin := s.cfg.windowBegin(now)
	recent := make([]LabeledSums, len(s.series))
	for i, one := range s.series {
		recent[i] = LabeledSums{LabelSet: one.LabelSet, Sums: one.window.sumsSince(begin)}
	}
	return recent
}

// Course returns how many meetings of the window ended in each step of it, the
// oldest first. The last step ends now; the first is shorter if the window is no
// multiple of a step. Meetings that end ahead of the clock belong to the last
// step. Course returns nil where Recent does. A step is a multiple of a minute.
func (s *Snapshot) Course(now time.Time, step time.Duration) []int64 {
	if s.withholds(now) {
		return nil
	}
	begin, width := s.cfg.windowBegin(now), minute(step/time.Minute)
	var course []int64
	var later int64 // the meetings of the later steps
	for from := minuteOf(now) + 1; from > begin; {
		from = max(from-width, begin)
		var since int64
		for _, one := range s.series {
			since += one.window.sumsSince(from).Meetings
		}
		course, later = append(course, since-later), since
	}
	slices.Reverse(course)
	return course
}

// PeakConcurrent returns the most meetings that ran in any one minute of the
// window before now. A meeting covers the minutes from its start up to its end,
// and at least one. The minute in which the window begins counts. PeakConcurrent
// returns false where Recent returns nil (rule 3).
func (s *Snapshot) PeakConcurrent(now time.Time) (meetings int64, ok bool) {
	if s.withholds(now) {
		return 0, false
	}
	return s.state.running.since(s.cfg.windowBegin(now) - 1), true
}

// withholds reports whether the window gauges may be wrong (rule 3).
func (s *Snapshot) withholds(now time.Time) bool {
	age := now.Sub(s.state.lastPoll)
	return s.state.lastSweep.IsZero() || age > s.cfg.StaleAfter || age < -maxAhead || s.state.sweptReach < s.cfg.reach()
}

// Durations returns the durations in seconds of the counted meetings whose
// first report had the conference type (rule 5). It returns nil while they are
// held (rule 6). The caller must not change them.
func (s *Snapshot) Durations(t meeting.Type) Distribution { return s.distribution(durations, t) }

// Participants returns the numbers of participants invited to the same
// meetings. It returns nil while they are held (rule 6). The caller must not
// change them.
func (s *Snapshot) Participants(t meeting.Type) Distribution { return s.distribution(participants, t) }

func (s *Snapshot) distribution(of measure, t meeting.Type) Distribution {
	if !s.state.fixedReleased {
		return nil
	}
	return s.state.distributions[of][t]
}

// Created returns when the ledger, and with it the histograms, Folded and
// TooLate, began.
func (s *Snapshot) Created() time.Time { return s.state.created }

// Folded returns how many meetings are counted under OtherDepartment because of
// the cap on departments. It returns 0 while the number is held (rule 6).
func (s *Snapshot) Folded() int64 {
	if !s.state.fixedReleased {
		return 0
	}
	return s.state.folded
}

// TooLate returns how many meetings are not counted because the horizon had
// passed their start when they were first listed (rule 8). Those of the baseline
// are not among them, nor those that ended before the horizon: they may have
// been counted and forgotten. It returns 0 while the number is held (rule 6).
func (s *Snapshot) TooLate() int64 {
	if !s.state.fixedReleased {
		return 0
	}
	return s.state.tooLate
}

// Remembered returns how many meetings are remembered (rule 8).
func (s *Snapshot) Remembered() int { return s.remembered }

// LastPoll returns when the last complete poll ended, zero before the first.
func (s *Snapshot) LastPoll() time.Time { return s.state.lastPoll }

// LastSweep returns when the last complete sweep ended, zero before the first.
func (s *Snapshot) LastSweep() time.Time { return s.state.lastSweep }

// NewestEnd returns the latest end of the meetings remembered, and false if
// there are none.
func (s *Snapshot) NewestEnd() (time.Time, bool) {
	return s.state.newestEnd.time(), s.state.newestEnd > 0
}
