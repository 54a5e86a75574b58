package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Bounds of what a turn may hold. No ledger reaches them. Below them, nothing
// that adds the numbers up can overflow.
const (
	maxSum   = 1 << 60
	maxCount = 1 << 40 // of one value of a histogram
)

// maxTime is later than any clock tells.
var maxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// replay applies a turn of the journal to a ledger that is being read. It
// refuses whatever contradicts the turns before: a ledger that forgot a meeting
// would count it again. The windows are summed at the end, by sumWindows.
func (l *Ledger) replay(r *turnRecord, first bool) error {
	if err := l.replayState(r, first); err != nil {
		return err
	}
	for _, name := range r.Departments {
		if l.names.has(name) {
			return errors.New("a department comes twice")
		}
		if meeting.Department(name) != name {
			return errors.New("a department has an impossible name")
		}
		l.names.add(name)
	}
	for i, s := range r.Series {
		if i > 0 && r.Series[i-1].Set >= s.Set {
			return errors.New("label sets are out of order")
		}
		if err := l.replaySeries(s); err != nil {
			return err
		}
	}
	for i, v := range r.Values {
		if i > 0 && r.Values[i-1].compare(v) >= 0 {
			return errors.New("values of a histogram are out of order")
		}
		if err := l.replayValue(v); err != nil {
			return err
		}
	}
	if err := l.replayMeetings(r); err != nil {
		return err
	}
	return l.replayAttendance(r)
}

func (l *Ledger) replayState(r *turnRecord, first bool) error {
	created, horizon := loadTime(r.Created), loadTime(r.Horizon)
	switch latest := max(r.Created, r.Horizon, r.LastPoll, r.LastSweep); {
	case r.Created <= 0 || r.LastPoll < 0 || r.LastSweep < 0 || r.SweptReach < 0 || loadTime(latest).After(maxTime):
		return errors.New("it holds an impossible time")
	case r.LastSweep == 0 && !l.state.lastSweep.IsZero():
		return errors.New("the baseline is gone")
	case r.Folded > maxSum || r.TooLate > maxSum:
		return errors.New("it holds an impossible number")
	case !first && !created.Equal(l.state.created):
		return errors.New("the ledger is created twice")
	case horizon.Before(l.state.horizon):
		return errors.New("the horizon goes back")
	case r.Folded < l.state.folded:
		return errors.New("the number of folded meetings falls")
	case r.TooLate < l.state.tooLate:
		return errors.New("the number of meetings that were too late falls")
	case l.state.fixedReleased && !r.FixedReleased:
		return errors.New("the fixed series begin twice")
	}
	l.state.created, l.state.horizon, l.state.folded = created, horizon, r.Folded
	l.state.tooLate, l.state.fixedReleased = r.TooLate, r.FixedReleased
	l.state.lastPoll, l.state.lastSweep = loadTime(r.LastPoll), loadTime(r.LastSweep)
	l.state.sweptReach = time.Duration(r.SweptReach)
	return nil
}

func (l *Ledger) replaySeries(r seriesRecord) error {
	old := l.series[r.Set]
	now := series{counted: r.Counted, held: r.Held, created: loadTime(r.Created), total: Sums(r.Total)}
	a := r.Attended
	now.attended = attended{loadTime(a.Created), a.Held, AttendanceSums{a.Meetings, a.Joins, a.People, a.Seconds}}
	switch {
	case int(r.Set.department()) >= len(l.names.names) || r.Set.typ() >= meeting.TypeCount:
		return fmt.Errorf("label set %d is unknown", r.Set)
	case !now.counted && (now.held || now.total != Sums{}), old.counted && !now.counted:
		return fmt.Errorf("label set %d has no counters", r.Set)
	case old.counted && (now.held && !old.held || !now.created.Equal(old.created)):
		return fmt.Errorf("the counters of label set %d begin twice", r.Set)
	case !now.total.atLeast(old.total):
		return fmt.Errorf("a counter of label set %d falls", r.Set)
	case !(Sums{maxSum, maxSum, maxSum, maxSum, maxSum}).atLeast(now.total):
		return fmt.Errorf("a counter of label set %d is impossibly high", r.Set)
	case !now.counted && now.attended != attended{}, !now.attended.follows(old.attended):
		return fmt.Errorf("the attendance of label set %d is impossible", r.Set)
	}
	l.series[r.Set] = now
	return nil
}

func (l *Ledger) replayValue(r valueRecord) error {
	if r.Measure >= measures || r.Type >= meeting.TypeCount || r.Value < 0 {
		return errors.New("a value belongs to no histogram")
	}
	if r.Value > highestValue[r.Measure] || r.Count > maxCount {
		return errors.New("a histogram holds an impossible number")
	}
	d := &l.state.distributions[r.Measure][r.Type]
	if *d == nil {
		*d = Distribution{}
	}
	if r.Count <= (*d)[r.Value] {
		return errors.New("a histogram falls")
	}
	(*d)[r.Value] = r.Count
	return nil
}

func (l *Ledger) replayMeetings(r *turnRecord) error {
	if len(l.meetings) == 0 {
		l.meetings = make(map[id]entry, len(r.Meetings)) // there may be a million
	}
	for i := range r.Meetings {
		if i > 0 && bytes.Compare(r.Meetings[i-1].ID[:], r.Meetings[i].ID[:]) >= 0 {
			return errors.New("meetings are out of order")
		}
		if err := l.replayMeeting(&r.Meetings[i]); err != nil {
			return err
		}
	}
	for _, key := range r.Forgotten {
		if _, known := l.meetings[key]; !known {
			return errors.New("an unknown meeting is forgotten")
		}
		delete(l.meetings, key)
	}
	return nil
}

func (l *Ledger) replayMeeting(r *meetingRecord) error {
	now := entry{countedSet: r.CountedSet, shownSet: r.ShownSet, end: r.End, shown: r.Shown, highest: r.Shown}
	if r.Highest != nil {
		now.highest = *r.Highest
	}
	old, known := l.meetings[r.ID]
	counts := now.countedSet != noSet
	_, shown := l.series[now.shownSet]
	switch {
	case !shown, counts && !l.series[now.countedSet].counted:
		return errors.New("a meeting has an unknown label set")
	case known && now.countedSet != old.countedSet:
		return errors.New("a meeting changes the label set that counts it")
	case now.end.time().After(maxTime):
		return errors.New("a meeting has an impossible time")
	case !now.shown.possible() || !now.highest.possible():
		return errors.New("a meeting has an impossible number")
	case counts && now.highest.max(now.shown) != now.highest, known && now.highest.max(old.highest) != now.highest:
		return errors.New("the highest number of a meeting falls")
	}
	l.meetings[r.ID] = now
	return nil
}

// highestValue is the highest value of each histogram.
var highestValue = [measures]int64{
	durations:    int64(meeting.MaxDuration / time.Second),
	participants: meeting.MaxCount,
	attendees:    meeting.MaxCount,
}

// possible reports whether a valid meeting can have the values.
func (v values) possible() bool {
	return nothing.max(v) == v && v.Participants <= meeting.MaxCount && v.Terminals <= meeting.MaxCount &&
		v.Minutes <= uint16(meeting.MaxDuration/time.Minute)
}

// sumWindows computes the windows, the concurrency and the newest end from the
// meetings.
func (l *Ledger) sumWindows() {
	changes, running := windowChanges{}, concurrencyChanges{}
	l.state.newestEnd = 0
	for _, e := range l.meetings {
		changes.add(e.shownSet, e.end, e.shownSums())
		running.add(&e, 1)
		l.state.newestEnd = max(l.state.newestEnd, e.end)
	}
	l.state.running = concurrency(nil).merge(running)
	for key, s := range l.series {
		s.window = window(nil).merge(changes[key])
		l.series[key] = s
	}
}
