package meeting

import "time"

// Join is one row of a meeting's attendance: one join of one caller. A caller who
// leaves and joins again has several.
type Join struct {
	// Joined and Left are in UTC. Each is zero if the service does not say it.
	Joined, Left time.Time
	// Number and Name identify the caller. They are personal: nothing may keep
	// them longer than it takes to make an Attendance.
	Number, Name string
	// Department is that of the caller, a result of the function Department.
	Department string
}

// Attendance is who really joined one meeting, added up. It names no person.
type Attendance struct {
	// Joins counts the joins, re-joins too.
	Joins int64
	// People counts the distinct callers: by number, and without one by name. It is
	// approximate, because the service sends no identity.
	People int64
	// Seconds is the sum of the whole seconds of each join.
	Seconds int64
	// Departments has the same seconds by the department of the caller. Its keys
	// are all departments that joined.
	Departments map[string]int64
}

// NewAttendance adds the joins to a meeting up (rule 9). A join without a time of
// joining is left out. NewAttendance returns false if there are joins, but none
// that is usable. End is the end of the meeting.
func NewAttendance(joins []Join, end time.Time) (a Attendance, ok bool) {
	a.Departments = map[string]int64{}
	type caller struct{ number, name string }
	callers := map[caller]bool{}
	for _, j := range joins {
		if j.Joined.IsZero() {
			continue
		}
		a.Joins++
		seconds := int64(j.duration(end) / time.Second)
		a.Seconds += seconds
		a.Departments[j.Department] += seconds
		switch {
		case j.Number != "":
			callers[caller{number: j.Number}] = true
		case j.Name != "":
			callers[caller{name: j.Name}] = true
		default: // nobody knows who it was
			a.People++
		}
	}
	a.People += int64(len(callers))
	return a, a.Joins > 0 || len(joins) == 0
}

// duration returns how long the caller was in a meeting that ended at the given
// time. Whoever has no credible time of leaving stayed until the end. It is at
// most MaxDuration, like that of the meeting.
func (j *Join) duration(end time.Time) time.Duration {
	left := j.Left
	if left.Before(j.Joined) {
		left = end
	}
	return min(max(left.Sub(j.Joined), 0), MaxDuration)
}
