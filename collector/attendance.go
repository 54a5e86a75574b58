package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// attendedDesc describes one of the sums of attendance of a label set.
type attendedDesc struct {
	desc  *prometheus.Desc
	value func(ledger.AttendanceSums) int64
}

// Attendance shows the attendance that a ledger has counted. It implements
// prometheus.Collector, and may be used concurrently.
type Attendance struct {
	ledger *ledger.Ledger

	attended        []attendedDesc
	seconds         *prometheus.Desc
	attendees       *prometheus.Desc
	pending, unread *prometheus.Desc
}

// NewAttendance returns a collector of a ledger whose Config.Attendance is set.
func NewAttendance(l *ledger.Ledger) *Attendance {
	const helpMeetings = " of the ended meetings in attended_meetings_total"
	return &Attendance{
		ledger: l,
		attended: []attendedDesc{
			{newDesc("attended_meetings_total", "Ended meetings whose attendance was read in full, by the labels of the meeting; each is counted once."+helpPolled, dims...), func(s ledger.AttendanceSums) int64 { return s.Meetings }},
			{newDesc("attendances_total", "Joins"+helpMeetings+"; whoever leaves and joins again counts again."+helpPolled, dims...), func(s ledger.AttendanceSums) int64 { return s.Joins }},
			{newDesc("attendees_total", "Distinct callers"+helpMeetings+": by number, and without one by name. Approximate, because the service sends no identity of a person."+helpPolled, dims...), func(s ledger.AttendanceSums) int64 { return s.People }},
			{newDesc("attended_seconds_total", "Sum of leftTime - joinTime of the joins"+helpMeetings+", in whole seconds for each join; whoever has no leftTime stayed until the end."+helpPolled, dims...), func(s ledger.AttendanceSums) int64 { return s.Seconds }},
		},
		seconds:   newDesc("attendee_seconds_total", "The time of attended_seconds_total by the department of those who joined; that of outsiders is unknown."+helpPolled, "department"),
		attendees: newDesc("ended_attendees", "Distribution of the distinct callers of each meeting in attended_meetings_total. Approximate, like attendees_total."+helpPolled, "conference_type"),
		pending:   newDesc("attendance_pending_meetings", "Counted meetings whose attendance is still to be read."),
		unread:    newDesc("attendance_unread_meetings_total", "Counted meetings whose attendance is never read: the service does not know the meeting any more (gone), none of its records is usable (invalid), or it could not be read for --history.max-catch-up (expired).", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (a *Attendance) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range a.attended {
		ch <- d.desc
	}
	for _, d := range []*prometheus.Desc{a.seconds, a.attendees, a.pending, a.unread} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (a *Attendance) Collect(ch chan<- prometheus.Metric) {
	counter := func(desc *prometheus.Desc, value int64, created time.Time, labels ...string) {
		ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(desc, prometheus.CounterValue, float64(value), created, labels...)
	}
	s := a.ledger.Snapshot()
	began, ok := s.AttendanceBegan()
	if !ok {
		return
	}
	for _, one := range s.Attended() {
		for _, d := range a.attended {
			counter(d.desc, d.value(one.AttendanceSums), one.Created, one.Department, one.Type.String())
		}
	}
	for _, one := range s.AttendeeSeconds() {
		counter(a.seconds, one.Seconds, one.Created, one.Department)
	}
	for _, t := range meeting.Types() {
		ch <- newHistogram(a.attendees, participantBuckets, s.Attendees(t), began, t.String())
	}
	for _, why := range ledger.UnreadReasons() {
		counter(a.unread, s.Unread(why), began, why.String())
	}
	ch <- gauge(a.pending, float64(s.Pending()))
}
