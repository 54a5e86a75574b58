package ledger

import (
	"cmp"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// AttendanceSums are totals over meetings whose attendance was read (rule 9).
type AttendanceSums struct {
	Meetings int64
	Joins    int64
	People   int64
	Seconds  int64
}

// Plus returns the totals over the meetings of both.
func (s AttendanceSums) Plus(o AttendanceSums) AttendanceSums {
	return AttendanceSums{s.Meetings + o.Meetings, s.Joins + o.Joins, s.People + o.People, s.Seconds + o.Seconds}
}

// atLeast reports whether no field is less than that of o.
func (s AttendanceSums) atLeast(o AttendanceSums) bool {
	return s.Meetings >= o.Meetings && s.Joins >= o.Joins && s.People >= o.People && s.Seconds >= o.Seconds
}

// attended is the attendance counters of one label set.
type attended struct {
	created time.Time // when they began at 0; zero if there are none
	held    bool
	total   AttendanceSums
}

// attendeeSeconds is the counter of the people of one department.
type attendeeSeconds struct {
	created time.Time
	held    bool
	total   int64
}

// attendanceState is the part of the state that is about attendance. Its series
// are fixed, but they begin when attendance was first counted.
type attendanceState struct {
	began    time.Time // zero if it was never counted
	released bool
	unread   [unreadReasons]int64
}

// Unread is why the attendance of a counted meeting is never read.
type Unread uint8

// The reasons. Their numbers are stored.
const (
	Gone          Unread = iota // the service does not know the meeting any more
	Invalid                     // none of its records is usable
	Expired                     // it could not be read for MaxCatchUp
	unreadReasons = iota
)

// UnreadReasons returns every reason.
func UnreadReasons() []Unread { return []Unread{Gone, Invalid, Expired} }

// String returns the reason as a label value.
func (u Unread) String() string { return [...]string{"gone", "invalid", "expired"}[u] }

// Pending is a counted meeting whose attendance is still to be read.
type Pending struct {
	UUID string
	// Seen is when the meeting was first seen, End its latest end.
	Seen, End time.Time
	// Lasted reports whether the meeting had a length.
	Lasted bool
}

// pending is a Pending, as it is remembered.
type pending struct {
	uuid   string
	set    setID // of its first sight, which counts its attendance
	seen   time.Time
	end    minute
	lasted bool
}

// NextPending returns the pending meeting that is due first, and when. Of those
// that are due at one time it is the one that ended first. It returns false if no
// meeting is pending. NextPending calls due once for each pending meeting.
func (l *Ledger) NextPending(due func(Pending) time.Time) (next Pending, at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pending {
		one := Pending{p.uuid, p.seen, p.end.time(), p.lasted}
		dueAt := due(one)
		if !ok || cmp.Or(dueAt.Compare(at), one.End.Compare(next.End), cmp.Compare(one.UUID, next.UUID)) < 0 {
			next, at, ok = one, dueAt, true
		}
	}
	return next, at, ok
}

// CountAttendance counts the attendance of a pending meeting, under the label set
// of its first sight, and stores and publishes the change (rule 9). A meeting that
// is not pending any more is left alone. Now is the wall clock. Clock and error are
// as for Apply: after an error the meeting is still pending.
func (l *Ledger) CountAttendance(uuid string, a meeting.Attendance, now, clock time.Time) error {
	return l.settle(uuid, clock, func(t *turn, p pending) { t.countAttendance(p, a, now.Round(0)) })
}

// GiveUpAttendance notes that the attendance of a pending meeting is never read.
// Otherwise it is like CountAttendance.
func (l *Ledger) GiveUpAttendance(uuid string, why Unread, clock time.Time) error {
	return l.settle(uuid, clock, func(t *turn, _ pending) { t.state.attendance.unread[why]++ })
}

// settle makes a turn after which a meeting is not pending any more.
func (l *Ledger) settle(uuid string, clock time.Time, count func(*turn, pending)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := idOf(uuid)
	p, ok := l.pending[key]
	if !ok {
		return nil
	}
	t := l.begin(clock)
	count(t, p)
	t.settled = append(t.settled, key)
	return l.finish(t)
}

func (t *turn) countAttendance(p pending, a meeting.Attendance, now time.Time) {
	seconds := map[string]int{}
	for name, n := range a.Departments {
		if !t.names.has(name) {
			seconds[name] = int(n)
		}
	}
	t.admit(seconds)
	t.startAttended(p.set, now)
	s := t.seriesOf(p.set)
	s.attended.total = s.attended.total.Plus(AttendanceSums{1, a.Joins, a.People, a.Seconds})
	t.series[p.set] = s
	for name, n := range a.Departments {
		department, _ := t.names.lookup(name)
		t.startAttendees(department, now)
		d := t.attendeesOf(department)
		d.total += n
		t.attendees[department] = d
	}
	t.observe(attendees, p.set.typ(), a.People)
}

// awaitAttendance makes a meeting pending in the turn that counts it, and keeps
// the end of one that is pending up to date.
func (t *turn) awaitAttendance(key id, uuid string, e *entry, counted bool, now time.Time) {
	p, ok := t.pendingOf(key)
	isNew := !ok && counted && t.base.cfg.Attendance
	if isNew {
		p = pending{uuid: uuid, set: e.countedSet, seen: now}
	}
	if lasted := e.shown.Minutes > 0; isNew || ok && (p.end != e.end || p.lasted != lasted) {
		p.end, p.lasted = e.end, lasted
		t.pending[key] = p
	}
}

// pendingOf returns a pending meeting as a turn of a poll has it.
func (t *turn) pendingOf(key id) (p pending, ok bool) {
	if p, ok = t.pending[key]; !ok {
		p, ok = t.base.pending[key]
	}
	return p, ok
}

// expirePending gives up the meetings that are pending for longer than MaxCatchUp.
// Those of this turn are new.
func (t *turn) expirePending(now time.Time) {
	for key, p := range t.base.pending {
		if now.Sub(p.seen) > t.base.cfg.MaxCatchUp {
			delete(t.pending, key)
			t.settled = append(t.settled, key)
			t.state.attendance.unread[Expired]++
		}
	}
}

// startAttended makes sure that a label set has attendance counters, if attendance
// is counted, and its department one of its people. They are held at first (rule 6).
func (t *turn) startAttended(key setID, now time.Time) {
	if s := t.seriesOf(key); s.attended.created.IsZero() {
		s.attended = attended{created: now, held: true}
		t.series[key] = s
	}
	t.startAttendees(key.department(), now)
}

func (t *turn) startAttendees(department uint32, now time.Time) {
	if d := t.attendeesOf(department); d.created.IsZero() {
		t.attendees[department] = attendeeSeconds{created: now, held: true}
	}
}

// attendeesOf returns the counter of a department as the turn has it.
func (t *turn) attendeesOf(department uint32) attendeeSeconds {
	if d, ok := t.attendees[department]; ok {
		return d
	}
	return t.base.attendees[department]
}

// beginAttendance begins all attendance counters that a ledger lacks which did not
// count attendance before. The first turn stores them, because it rewrites the file.
func (l *Ledger) beginAttendance(now time.Time) {
	if !l.cfg.Attendance {
		return
	}
	if l.state.attendance.began.IsZero() {
		l.state.attendance.began = now
	}
	t := l.newTurn()
	for key, s := range l.series {
		if s.counted {
			t.startAttended(key, now)
		}
	}
	l.adopt(t)
}
