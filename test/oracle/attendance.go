package oracle

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// AttendanceSums are what attendances add up to. Its fields are those of
// ledger.AttendanceSums, so that one converts to the other.
type AttendanceSums struct{ Meetings, Joins, People, Seconds int64 }

// attendance is what rule 9 needs to know.
type attendance struct {
	counting bool               // the collector was on at least once
	pending  map[string]Pending // by UUID
	readings []reading          // what was counted, in order
	unread   map[string]int64   // by reason
	attended map[LabelSet]counter
	people   map[string]counter // by department
	fixed    counter
}

// Pending is a counted meeting whose attendance is still to be read.
type Pending struct {
	UUID      string
	Seen, End time.Time
	Lasted    bool
	set       LabelSet // of the first sight
}

// reading is one attendance that was counted.
type reading struct {
	uuid    string
	set     LabelSet
	sums    AttendanceSums
	seconds map[string]int64 // by department, as it was labelled then
}

func newAttendance() attendance {
	return attendance{pending: map[string]Pending{}, unread: map[string]int64{}, attended: map[LabelSet]counter{}, people: map[string]counter{}}
}

func (a attendance) clone() attendance {
	a.pending, a.readings, a.unread = maps.Clone(a.pending), slices.Clone(a.readings), maps.Clone(a.unread)
	a.attended, a.people = maps.Clone(a.attended), maps.Clone(a.people)
	return a
}

func (a *attendance) eachCounter(change func(*counter)) {
	change(&a.fixed)
	for set, c := range a.attended {
		change(&c)
		a.attended[set] = c
	}
	for department, c := range a.people {
		change(&c)
		a.people[department] = c
	}
}

// beginAttendance begins the series of attendance, if the collector is on: rule 6.
func (o *Oracle) beginAttendance(now time.Time) {
	if !o.cfg.Attendance {
		return
	}
	if !o.attendance.counting {
		o.attendance.counting, o.attendance.fixed.held = true, true
	}
	for set := range o.counters {
		o.startAttended(set, now)
	}
}

func (o *Oracle) startAttended(set LabelSet, now time.Time) {
	if _, started := o.attendance.attended[set]; !started {
		o.attendance.attended[set] = counter{held: true, created: now}
	}
	o.startPeople(set.Department, now)
}

func (o *Oracle) startPeople(department string, now time.Time) {
	if _, started := o.attendance.people[department]; !started {
		o.attendance.people[department] = counter{held: true, created: now}
	}
}

// await makes a meeting pending when it is counted, and follows its end: rule 9.
func (o *Oracle) await(m meeting.Meeting, set LabelSet, counted bool, now time.Time) {
	p, ok := o.attendance.pending[m.UUID]
	if !ok && counted && o.cfg.Attendance {
		p, ok = Pending{UUID: m.UUID, Seen: now, set: set}, true
	}
	if ok {
		p.End, p.Lasted = m.End, m.Duration() > 0
		o.attendance.pending[m.UUID] = p
	}
}

// expire gives up what is pending for too long: rule 9.
func (o *Oracle) expire(now time.Time) {
	for uuid, p := range o.attendance.pending {
		if now.Sub(p.Seen) > o.cfg.MaxCatchUp {
			delete(o.attendance.pending, uuid)
			o.attendance.unread["expired"]++
		}
	}
}

// CountAttendance is an attendance that was read, at a time of the wall clock. The
// other one is a reading of the monotonic clock.
func (o *Oracle) CountAttendance(uuid string, a meeting.Attendance, now, clock time.Time) {
	p, ok := o.attendance.pending[uuid]
	if !ok {
		return
	}
	o.ReleaseHeld(clock)
	delete(o.attendance.pending, uuid)
	o.admit(a.Departments)
	o.startAttended(p.set, now)
	r := reading{uuid, p.set, AttendanceSums{1, a.Joins, a.People, a.Seconds}, map[string]int64{}}
	for department, seconds := range a.Departments {
		if !o.departments[department] {
			department = meeting.OtherDepartment
		}
		o.startPeople(department, now)
		r.seconds[department] += seconds
	}
	o.attendance.readings = append(o.attendance.readings, r)
}

// ReadAttendance is an attendance whose rows were all read. It is counted, or given
// up if it has rows of which none is usable. It reports whether it was counted.
func (o *Oracle) ReadAttendance(uuid string, rows []meeting.Join, now, clock time.Time) (counted bool) {
	a := attendanceOf(rows, o.attendance.pending[uuid].End)
	if counted = a.Joins > 0 || len(rows) == 0; counted {
		o.CountAttendance(uuid, a, now, clock)
	} else {
		o.GiveUpAttendance(uuid, "invalid", clock)
	}
	return counted
}

// attendanceOf adds the rows of a meeting up.
func attendanceOf(rows []meeting.Join, end time.Time) meeting.Attendance {
	const longest = 31 * 24 * time.Hour
	a := meeting.Attendance{Departments: map[string]int64{}}
	numbers, names := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		if row.Joined.IsZero() {
			continue
		}
		left := row.Left
		if left.IsZero() || left.Before(row.Joined) {
			left = end
		}
		if left.Before(row.Joined) {
			left = row.Joined
		}
		if left.Sub(row.Joined) > longest {
			left = row.Joined.Add(longest)
		}
		seconds := left.Sub(row.Joined).Milliseconds() / 1000
		a.Joins++
		a.Seconds += seconds
		a.Departments[row.Department] += seconds
		switch {
		case row.Number != "":
			numbers[row.Number] = true
		case row.Name != "":
			names[row.Name] = true
		default:
			a.People++
		}
	}
	a.People += int64(len(numbers) + len(names))
	return a
}

// GiveUpAttendance is an attendance that is never read, for a reason.
func (o *Oracle) GiveUpAttendance(uuid, reason string, clock time.Time) {
	if _, ok := o.attendance.pending[uuid]; ok {
		o.ReleaseHeld(clock)
		delete(o.attendance.pending, uuid)
		o.attendance.unread[reason]++
	}
}

// Pending returns the pending meetings, the first seen first, and of those the one
// that ended first.
func (o *Oracle) Pending() []Pending {
	return slices.SortedFunc(maps.Values(o.attendance.pending), func(a, b Pending) int {
		return cmp.Or(a.Seen.Compare(b.Seen), a.End.Compare(b.End), cmp.Compare(a.UUID, b.UUID))
	})
}

// Attended returns the attendance counters as they are published: rule 6.
func (o *Oracle) Attended() map[LabelSet]AttendanceSums {
	all := map[LabelSet]AttendanceSums{}
	if !o.cfg.Attendance {
		return all
	}
	for set := range o.attendance.attended {
		all[set] = AttendanceSums{}
	}
	for _, r := range o.attendance.readings {
		if s := all[r.set]; !o.attendance.attended[r.set].held {
			all[r.set] = AttendanceSums{s.Meetings + 1, s.Joins + r.sums.Joins, s.People + r.sums.People, s.Seconds + r.sums.Seconds}
		}
	}
	return all
}

// AttendedCreated returns when the attendance counters of a label set began.
func (o *Oracle) AttendedCreated(set LabelSet) time.Time { return o.attendance.attended[set].created }

// AttendeeSeconds returns the attended time by department, as it is published, and
// when each counter began.
func (o *Oracle) AttendeeSeconds() (seconds map[string]int64, created map[string]time.Time) {
	seconds, created = map[string]int64{}, map[string]time.Time{}
	if !o.cfg.Attendance {
		return seconds, created
	}
	for department, c := range o.attendance.people {
		seconds[department], created[department] = 0, c.created
	}
	for _, r := range o.attendance.readings {
		for department, n := range r.seconds {
			if !o.attendance.people[department].held {
				seconds[department] += n
			}
		}
	}
	return seconds, created
}

// Attendees returns how often the published histogram of attendees has observed
// each number.
func (o *Oracle) Attendees(t meeting.Type) map[int64]uint64 {
	observed := map[int64]uint64{}
	for _, r := range o.attendance.readings {
		if r.set.Type == t && !o.attendance.fixed.held {
			observed[r.sums.People]++
		}
	}
	return observed
}

// Unread returns how many meetings were given up for a reason, as published.
func (o *Oracle) Unread(reason string) int64 {
	if o.attendance.fixed.held {
		return 0
	}
	return o.attendance.unread[reason]
}
