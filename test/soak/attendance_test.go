package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/oracle"
)

// attendanceAnswer is what the last answer to a request for attendance said.
type attendanceAnswer struct {
	gone  bool
	count float64
}

// readAttendance restates how an answer says that a meeting is gone, or how many
// joins it lists.
func readAttendance(status int, body []byte) (a attendanceAnswer) {
	var answer struct {
		Code  string `json:"error_code"`
		Count any    `json:"count"`
	}
	_ = json.Unmarshal(body, &answer) // anything else has none of the fields
	a.count, _ = number(answer.Count)
	a.gone = answer.Code == "MMC.111070005" && (status == http.StatusBadRequest || status == http.StatusNotFound)
	return a
}

// attend makes rounds of attendance, until nothing is due or the next poll is.
func (w *world) attend() {
	for w.attendOnce() {
	}
}

// attendOnce makes one round, unless none is due or a poll is. It reports whether
// the next one is due at once.
func (w *world) attendOnce() bool {
	p, now := w.process, time.Now()
	if w.t.Failed() || p.ended || p.polling != nil || p.swept.IsZero() || now.Before(p.attendAt) || !now.Before(p.due) {
		return false
	}
	before := w.pending()
	ctx, cancel := context.WithDeadline(p.ctx, p.due)
	refusals, signInAt := p.transport.rules.refusals, p.transport.rules.signInAt
	wait := p.Attendance.Round(ctx)
	if ctx.Err() != nil { // a sign-in that its context ended is none in vain
		p.transport.rules.refusals, p.transport.rules.signInAt = refusals, signInAt
	}
	cancel()
	p.attendAt = time.Now().Add(wait)
	p.transport.roundEnded()
	w.noteAttendance(before)
	return wait == 0
}

// pending returns the pending meetings of the ledger, in no order.
func (w *world) pending() (uuids []string) {
	w.process.Ledger.NextPending(func(p ledger.Pending) time.Time {
		uuids = append(uuids, p.UUID)
		return p.Seen
	})
	return uuids
}

// noteAttendance tells the oracle which meetings are not pending any more, and
// compares what is.
func (w *world) noteAttendance(before []string) {
	after := w.pending()
	for _, uuid := range before {
		if slices.Contains(after, uuid) {
			continue
		}
		answer := w.process.transport.answers[uuid]
		w.trace.note("attendance of %s: %+v", uuid, answer)
		if answer.gone {
			w.score["gone"]++
			w.oracle.GiveUpAttendance(uuid, "gone", time.Now())
			continue
		}
		w.score["attended"]++
		var rows []simulator.AttendeeRecord
		if answer.count > 0 {
			rows = w.service.Attendance(uuid)
		}
		w.oracle.CountAttendance(uuid, attended(rows), w.clock.wall(), time.Now())
	}
	w.comparePending()
}

func (w *world) comparePending() {
	var want []string
	for _, p := range w.oracle.Pending() {
		want = append(want, p.UUID)
	}
	got := w.pending()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.fail("pending are %v, the rules say %v", got, want)
	}
}

// attended adds rows up: rule 9.
func attended(rows []simulator.AttendeeRecord) meeting.Attendance {
	a := meeting.Attendance{Departments: map[string]int64{}}
	callers := map[string]bool{}
	for i, row := range rows {
		caller := "number " + row.CallNumber
		switch {
		case row.CallNumber+row.DisplayName == "":
			caller = fmt.Sprint("row ", i)
		case row.CallNumber == "":
			caller = "name " + row.DisplayName
		}
		callers[caller] = true
		seconds := (row.LeftTime - row.JoinTime) / 1000
		a.Joins++
		a.Seconds += seconds
		a.Departments[departmentLabel(row.DeptName)] += seconds
	}
	a.People = int64(len(callers))
	return a
}

// mayAsk reports what is wrong with a request for the attendance of a meeting,
// empty if it is right. What was asked for once may be asked for again, also if
// the clock was set back meanwhile.
func (w *world) mayAsk(uuid string, again bool) (wrong string) {
	for _, p := range w.oracle.Pending() {
		if p.UUID != uuid {
			continue
		}
		if age := w.clock.wall().Sub(p.Seen); age >= 0 && age < w.cfg.AttendanceDelay && !again {
			return fmt.Sprintf("asked for attendance %v after the first sight", age)
		}
		return ""
	}
	return "asked for the attendance of a meeting that is not pending"
}

// expectAttendance adds what a scrape must show of attendance.
func (w *world) expectAttendance(want samples) {
	o := w.oracle
	for set, s := range o.Attended() {
		for name, value := range map[string]int64{
			"attended_meetings_total": s.Meetings, "attendances_total": s.Joins, "attendees_total": s.People, "attended_seconds_total": s.Seconds,
		} {
			want[series{name, set}] = float64(value)
			want[series{name + "_created", set}] = float64(o.AttendedCreated(set).UnixNano())
		}
	}
	seconds, created := o.AttendeeSeconds()
	for department, value := range seconds {
		set := oracle.LabelSet{Department: department}
		want[series{"attendee_seconds_total", set}] = float64(value)
		want[series{"attendee_seconds_total_created", set}] = float64(created[department].UnixNano())
	}
	for _, reason := range []string{"gone", "invalid", "expired"} {
		want[series{"attendance_unread_meetings_total", oracle.LabelSet{Department: reason}}] = float64(o.Unread(reason))
	}
	want[series{name: "attendance_pending_meetings"}] = float64(len(o.Pending()))
}

// isUndated reports whether the oracle does not know when a series began: together
// with the ledger.
func (s series) isUndated() bool {
	return strings.HasSuffix(s.name, "_created") && (s.Department == "" || strings.HasPrefix(s.name, "attendance_unread_"))
}
