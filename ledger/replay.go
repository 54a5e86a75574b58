package ledger

import (
	"bytes"
	"errors"
	"fmt"

	"huaweicloud_meeting_exporter/meeting"
)

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
	return l.replayMeetings(r)
}

func (l *Ledger) replayState(r *turnRecord, first bool) error {
	created, horizon := loadTime(r.Created), loadTime(r.Horizon)
	switch {
	case !first && !created.Equal(l.state.created):
		return errors.New("the ledger is created twice")
	case horizon.Before(l.state.horizon):
		return errors.New("the horizon goes back")
	case r.Folded < l.state.folded:
		return errors.New("the number of folded meetings falls")
	}
	l.state.created, l.state.horizon, l.state.folded = created, horizon, r.Folded
	l.state.lastPoll, l.state.lastSweep = loadTime(r.LastPoll), loadTime(r.LastSweep)
	return nil
}

func (l *Ledger) replaySeries(r seriesRecord) error {
	old := l.series[r.Set]
	now := series{counted: r.Counted, held: r.Held, created: loadTime(r.Created), total: Sums(r.Total)}
	switch {
	case int(r.Set.department()) >= len(l.names.names) || r.Set.typ() >= meeting.TypeCount:
		return fmt.Errorf("label set %d is unknown", r.Set)
	case !now.counted && (now.held || now.total != Sums{}), old.counted && !now.counted:
		return fmt.Errorf("label set %d has no counters", r.Set)
	case old.counted && (now.held && !old.held || !now.created.Equal(old.created)):
		return fmt.Errorf("the counters of label set %d begin twice", r.Set)
	case !now.total.atLeast(old.total):
		return fmt.Errorf("a counter of label set %d falls", r.Set)
	}
	l.series[r.Set] = now
	return nil
}

func (l *Ledger) replayValue(r valueRecord) error {
	if r.Measure >= measures || r.Type >= meeting.TypeCount || r.Value < 0 {
		return errors.New("a value belongs to no histogram")
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
	case nothing.max(now.shown) != now.shown || nothing.max(now.highest) != now.highest:
		return errors.New("a meeting has a negative number")
	case counts && now.highest.max(now.shown) != now.highest, known && now.highest.max(old.highest) != now.highest:
		return errors.New("the highest number of a meeting falls")
	}
	l.meetings[r.ID] = now
	return nil
}

// sumWindows computes the windows and the newest end from the meetings.
func (l *Ledger) sumWindows() {
	changes := windowChanges{}
	l.state.newestEnd = 0
	for _, e := range l.meetings {
		changes.add(e.shownSet, e.end, e.shownSums())
		l.state.newestEnd = max(l.state.newestEnd, e.end)
	}
	for key, s := range l.series {
		s.window = window(nil).merge(changes[key])
		l.series[key] = s
	}
}
