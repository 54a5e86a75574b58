package ledger

import (
	"bytes"
	"errors"
)

// follows reports whether attendance counters may be what others have become.
func (a attended) follows(old attended) bool {
	begins := old == attended{}
	switch {
	case a.created.IsZero():
		return begins && a == attended{}
	case a.created.Before(loadTime(1)) || a.created.After(maxTime) || !(AttendanceSums{maxSum, maxSum, maxSum, maxSum}).atLeast(a.total):
		return false
	}
	return a.total.atLeast(old.total) && (begins || a.created.Equal(old.created) && (old.held || !a.held))
}

// replayAttendance applies what a turn of the journal says of attendance.
func (l *Ledger) replayAttendance(r *turnRecord) error {
	state := &l.state.attendance
	now := attendanceState{began: loadTime(r.AttendanceBegan), released: r.AttendanceReleased}
	switch {
	case r.AttendanceBegan < 0, now.began.After(maxTime):
		return errors.New("attendance has an impossible time")
	case !state.began.IsZero() && !now.began.Equal(state.began), state.released && !now.released:
		return errors.New("the attendance begins twice")
	case len(r.Unread) > unreadReasons:
		return errors.New("attendance is unread for an unknown reason")
	}
	copy(now.unread[:], r.Unread)
	for i, n := range now.unread {
		if n < state.unread[i] || n > maxSum {
			return errors.New("the number of meetings with unread attendance is impossible")
		}
	}
	*state = now
	for i, a := range r.Attendees {
		if i > 0 && r.Attendees[i-1].Department >= a.Department {
			return errors.New("departments are out of order")
		}
		if err := l.replayAttendees(a); err != nil {
			return err
		}
	}
	for i, p := range r.Pending {
		if i > 0 && r.Pending[i-1].UUID >= p.UUID {
			return errors.New("pending meetings are out of order")
		}
		if err := l.replayPending(p); err != nil {
			return err
		}
	}
	for i, key := range r.Settled {
		if _, ok := l.pending[key]; !ok || i > 0 && bytes.Compare(r.Settled[i-1][:], key[:]) >= 0 {
			return errors.New("a meeting is settled that was not pending")
		}
		delete(l.pending, key)
	}
	return nil
}

func (l *Ledger) replayAttendees(r attendeesRecord) error {
	old := l.attendees[r.Department]
	now := attendeeSeconds{loadTime(r.Created), r.Held, r.Seconds}
	switch {
	case int64(r.Department) >= int64(len(l.names.names)):
		return errors.New("attendees have an unknown department")
	case r.Created <= 0, now.created.After(maxTime), now.total < old.total, now.total > maxSum:
		return errors.New("the time of attendees is impossible")
	case !old.created.IsZero() && (!now.created.Equal(old.created) || now.held && !old.held):
		return errors.New("the time of attendees begins twice")
	}
	l.attendees[r.Department] = now
	return nil
}

func (l *Ledger) replayPending(r pendingRecord) error {
	key := idOf(r.UUID)
	now := pending{r.UUID, r.Set, loadTime(r.Seen), r.End, r.Lasted}
	old, known := l.pending[key]
	switch {
	case r.UUID == "" || l.series[now.set].attended.created.IsZero():
		return errors.New("a pending meeting has no UUID or an unknown label set")
	case r.Seen <= 0 || now.seen.After(maxTime) || now.end.time().After(maxTime):
		return errors.New("a pending meeting has an impossible time")
	case known && (now.set != old.set || !now.seen.Equal(old.seen)):
		return errors.New("a meeting is pending twice")
	}
	l.pending[key] = now
	return nil
}
