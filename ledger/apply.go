package ledger

import (
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// applyPoll counts the meetings of a poll and moves the horizon.
func (t *turn) applyPoll(p Poll) {
	// A monotonic reading would hide the steps of the wall clock.
	p.Began, p.Ended = p.Began.Round(0), p.Ended.Round(0)
	baseline := t.state.lastSweep.IsZero()
	if baseline && !p.Sweep {
		return // nobody knows yet which meetings are new (rule 4)
	}
	if baseline {
		t.state.horizon = p.From.Truncate(time.Minute)
	}
	t.admitDepartments(p.Meetings)
	for i := range p.Meetings {
		t.applyReport(&p.Meetings[i], baseline, p.Ended)
	}
	t.announce(p.Upcoming, p.Ended)
	for key, changes := range t.windows {
		s := t.seriesOf(key)
		s.window = s.window.merge(changes)
		t.series[key] = s
	}
	t.state.newestEnd = t.newestEnd()
	t.state.lastPoll = p.Ended
	t.expirePending(p.Ended)
	if p.Sweep {
		t.state.lastSweep, t.state.sweptReach = p.Ended, t.base.cfg.reach()
		t.advanceHorizon(p.Began)
	}
	t.state.running = t.state.running.merge(t.running)
}

// admitDepartments gives numbers to new departments while there is room: first
// to those with the most reports, then by name.
func (t *turn) admitDepartments(meetings []meeting.Meeting) {
	reports := map[string]int{}
	for i := range meetings {
		if name := meetings[i].Department; !t.names.has(name) {
			reports[name]++
		}
	}
	t.admit(reports)
}

// admit gives numbers to the new departments while there is room: first to those
// with the highest number here, then by name.
func (t *turn) admit(reports map[string]int) {
	for _, name := range t.names.admissible(reports, t.base.cfg.MaxDepartments) {
		t.names.add(name)
	}
}

// applyReport applies one report of one meeting (rules 4, 5 and 8).
func (t *turn) applyReport(m *meeting.Meeting, baseline bool, now time.Time) {
	department, folded := t.names.lookup(m.Department)
	set, key := newSetID(department, m.Type), idOf(m.UUID)
	old, known := t.meetingOf(key)
	e := old
	if !known {
		e = entry{countedSet: noSet, highest: nothing}
		switch horizon := t.state.horizon; {
		case !m.Start.Before(horizon):
			e.countedSet = set
			t.startCounters(set, now)
		case !baseline && !m.End.Before(horizon):
			// A meeting with such an end is never forgotten, so it was not counted,
			// unless its end was corrected.
			t.state.tooLate++
		}
	}
	e.shownSet, e.end, e.shown = set, minuteOf(m.End), valuesOf(m)
	switch {
	case baseline:
		e.highest = e.highest.max(e.shown)
	case e.countedSet != noSet:
		t.count(&e, !known, folded)
	}
	if known && e == old {
		return
	}
	if known {
		t.windows.add(old.shownSet, old.end, Sums{}.minus(old.shownSums()))
		t.running.add(&old, -1)
	}
	t.windows.add(set, e.end, e.shownSums())
	t.running.add(&e, 1)
	t.meetings[key] = e
	t.awaitAttendance(key, m.UUID, &e, !known && !baseline && e.countedSet != noSet, now)
}

// announce starts the counters of meetings that the next poll brings. They
// stand at 0 until then.
func (t *turn) announce(upcoming []meeting.Meeting, now time.Time) {
	t.admitDepartments(upcoming)
	for i := range upcoming {
		m := &upcoming[i]
		if department, _ := t.names.lookup(m.Department); !m.Start.Before(t.state.horizon) {
			t.startCounters(newSetID(department, m.Type), now)
		}
	}
}

// startCounters makes sure that a label set has counters. New ones start at 0,
// and are held (rule 6).
func (t *turn) startCounters(key setID, now time.Time) {
	s := t.seriesOf(key)
	if !s.counted {
		s.counted, s.held, s.created = true, true, now
	}
	t.series[key] = s
	if t.base.cfg.Attendance {
		t.startAttended(key, now)
	}
}

// count adds to the counters what the latest report of the meeting has beyond
// all earlier ones, and the meeting itself if it is new (rule 5).
func (t *turn) count(e *entry, isNew, folded bool) {
	high := e.highest.max(e.shown)
	if high == e.highest && !isNew {
		return
	}
	s, typ := t.seriesOf(e.countedSet), e.countedSet.typ()
	s.total = s.total.Plus(high.sums().minus(e.highest.sums()))
	if isNew {
		s.total.Meetings++
		t.observe(durations, typ, int64(e.shown.Minutes)*60)
		if folded {
			t.state.folded++
		}
	}
	if e.highest.Participants == meeting.Absent && high.Participants != meeting.Absent {
		t.observe(participants, typ, int64(high.Participants))
	}
	e.highest = high
	t.series[e.countedSet] = s
}

// observe adds a value to a distribution. The first change makes a copy,
// because snapshots share the distribution of base.
func (t *turn) observe(of measure, typ meeting.Type, value int64) {
	d := &t.state.distributions[of][typ]
	if !t.copied[of][typ] {
		t.copied[of][typ] = true
		*d = d.clone()
	}
	(*d)[value]++
	t.observed[observation{of, typ, value}] = true
}
