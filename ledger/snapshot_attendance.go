package ledger

import (
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

type publishedAttendees struct {
	Department string
	attendeeSeconds
}

// LabeledAttendance are the attendance counters of one label set.
type LabeledAttendance struct {
	LabelSet
	AttendanceSums
	// Created is when they began at 0.
	Created time.Time
}

// DepartmentSeconds is the attended time of the people of one department.
type DepartmentSeconds struct {
	Department string
	Seconds    int64
	// Created is when the counter began at 0.
	Created time.Time
}

// AttendanceBegan returns when the ledger began to count attendance, and with it
// the histogram Attendees and the counters Unread. It returns false if it does not
// count any.
func (s *Snapshot) AttendanceBegan() (time.Time, bool) {
	return s.state.attendance.began, s.cfg.Attendance
}

// Attended returns the attendance counters of every label set (rule 9). Those that
// are held stand at 0 (rule 6). There are none if attendance is not counted.
func (s *Snapshot) Attended() []LabeledAttendance {
	if !s.cfg.Attendance {
		return nil
	}
	all := make([]LabeledAttendance, 0, len(s.series))
	for _, one := range s.series {
		if one.attended.created.IsZero() {
			continue
		}
		sums := one.attended.total
		if one.attended.held {
			sums = AttendanceSums{}
		}
		all = append(all, LabeledAttendance{LabelSet: one.LabelSet, AttendanceSums: sums, Created: one.attended.created})
	}
	return all
}

// AttendanceSoFar returns the sum of Attended with what is held from scrapes, for
// people, who read no rates.
func (s *Snapshot) AttendanceSoFar() (sum AttendanceSums) {
	for _, one := range s.series {
		sum = sum.Plus(one.attended.total)
	}
	return sum
}

// AttendeeSeconds returns the attended time by the department of those who joined.
// It adds up to that of Attended, except for what is held (rule 6).
func (s *Snapshot) AttendeeSeconds() []DepartmentSeconds {
	if !s.cfg.Attendance {
		return nil
	}
	all := make([]DepartmentSeconds, len(s.attendees))
	for i, one := range s.attendees {
		all[i] = DepartmentSeconds{one.Department, one.total, one.created}
		if one.held {
			all[i].Seconds = 0
		}
	}
	return all
}

// Attendees returns the numbers of distinct callers of the meetings whose attendance
// was read, by the conference type of their first report. It returns nil while they
// are held (rule 6). The caller must not change them.
func (s *Snapshot) Attendees(t meeting.Type) Distribution {
	if !s.state.attendance.released {
		return nil
	}
	return s.state.distributions[attendees][t]
}

// Unread returns how many counted meetings were given up for a reason. It returns 0
// while the number is held (rule 6).
func (s *Snapshot) Unread(why Unread) int64 {
	if !s.state.attendance.released {
		return 0
	}
	return s.state.attendance.unread[why]
}

// Pending returns how many counted meetings wait for their attendance to be read.
func (s *Snapshot) Pending() int { return s.pending }
