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
	empty int // how many answers said that nobody joined, this one included
}

// read restates how an answer says that a meeting is gone, or how many joins it
// lists.
func (a attendanceAnswer) read(status int, body []byte) attendanceAnswer {
	var answer struct {
		Code  string `json:"error_code"`
		Count any    `json:"count"`
	}
	_ = json.Unmarshal(body, &answer) // anything else has none of the fields
	count, counted := number(answer.Count)
	if a.count = count; counted && count == 0 {
		a.empty++
	}
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
	if !p.cfg.Ledger.Attendance || w.t.Failed() || p.ended || p.polling != nil || p.swept.IsZero() || now.Before(p.attendAt) || !now.Before(p.due) {
		return false
	}
	before := w.oracle.Pending()
	ctx, cancel := context.WithDeadline(p.ctx, p.due)
	roundEnded := p.transport.beginRound()
	asks, failed := p.transport.asks, p.failedReadings()
	wait := p.Attendance.Round(ctx)
	if p.transport.asks == asks && p.failedReadings() > failed {
		w.noteTried(before)
	}
	roundEnded(ctx.Err() != nil)
	cancel()
	p.attendAt = time.Now().Add(wait)
	w.noteAttendance(before)
	return wait == 0
}

// failedReadings returns how many readings of attendance have failed.
func (p *process) failedReadings() (n int) {
	for _, failures := range p.Attendance.Status().Failures {
		n += failures
	}
	return n
}

// noteTried notes that a reading failed before its first request, because there
// is no token. It may have been the first that nobody asked for.
func (w *world) noteTried(pending []oracle.Pending) {
	p := w.process
	for _, one := range pending {
		if !p.transport.asked[one.UUID] && !p.tried[one.UUID] {
			p.tried[one.UUID] = true
			return
		}
	}
}

// pending returns the pending meetings of the ledger, in no order.
func (w *world) pending() (uuids []string) {
	w.process.Ledger.NextPending(func(p ledger.Pending) time.Time {
		uuids = append(uuids, p.UUID)
		return p.Seen
	})
	return uuids
}

// noteAttendance tells the oracle which of the meetings that were pending before
// are not any more, and compares what is.
func (w *world) noteAttendance(before []oracle.Pending) {
	after := w.pending()
	for _, p := range before {
		if slices.Contains(after, p.UUID) {
			continue
		}
		answer := w.process.transport.answers[p.UUID]
		w.trace.note("attendance of %s: %+v", p.UUID, answer)
		var rows []simulator.AttendeeRecord
		switch {
		case answer.gone:
			w.score["gone"]++
			w.oracle.GiveUpAttendance(p.UUID, "gone", time.Now())
			continue
		case answer.count > 0:
			rows = w.service.Attendance(p.UUID)
		case p.Lasted && answer.empty < 4:
			w.fail("%s lasted, and was asked for only %d times before it counts as attended by nobody", p.UUID, answer.empty)
		}
		if w.oracle.ReadAttendance(p.UUID, joinsOf(rows), w.clock.wall(), time.Now()) {
			w.score["attended"]++
		} else {
			w.score["invalid"]++
		}
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

// joinsOf returns what rows say.
func joinsOf(rows []simulator.AttendeeRecord) (joins []meeting.Join) {
	instant := func(ms int64) (at time.Time) {
		if ms != 0 {
			at = time.UnixMilli(ms)
		}
		return at
	}
	for _, row := range rows {
		joins = append(joins, meeting.Join{
			Joined: instant(row.JoinTime), Left: instant(row.LeftTime),
			Number: row.CallNumber, Name: row.DisplayName, Department: departmentLabel(row.DeptName),
		})
	}
	return joins
}

// oddJoins returns joins to a meeting of a form that the seed of the service does
// not draw, nil for the usual ones.
func (e *enterprise) oddJoins(start, end time.Time) (joins []simulator.AttendeeRecord) {
	rng := e.rng
	if !chance(rng, 0.1) {
		return nil
	}
	join := func(joined, left int64) {
		joins = append(joins, simulator.AttendeeRecord{
			DisplayName: oneOf(rng, "", "Guest 1", "Guest 2"), CallNumber: oneOf(rng, "", "", "+99333000000001"),
			JoinTime: joined, LeftTime: left, DeptName: oneOf(rng, departmentNames...),
			DeviceType: fmt.Sprint(len(joins)), // or two might be equal
		})
	}
	first, last := start.UnixMilli(), end.UnixMilli()
	unusable := chance(rng, 0.3) // all of them
	for range 1 + rng.IntN(12) {
		joined := first + rng.Int64N(last-first+1)
		switch {
		case unusable || chance(rng, 0.2):
			join(0, oneOf(rng, 0, last))
		case chance(rng, 0.3):
			join(last+rng.Int64N(120_000), oneOf(rng, 0, first)) // after the end
		case chance(rng, 0.1):
			join(joined, joined+40*24*time.Hour.Milliseconds())
		default:
			join(joined, oneOf(rng, 0, joined-1, joined, joined+rng.Int64N(3_600_000)))
		}
		if e.equalJoins && chance(rng, 0.1) {
			joins = append(joins, oneOf(rng, joins...))
		}
	}
	return joins
}

// mayAsk reports what is wrong with a request for the attendance of a meeting,
// empty if it is right. What was asked for once may be asked for again, also if
// the clock was set back meanwhile. The others come in order, but for those that
// were first seen in the future.
func (w *world) mayAsk(uuid string, asked map[string]bool) (wrong string) {
	now, earlier := w.clock.wall(), ""
	for _, p := range w.oracle.Pending() {
		age := now.Sub(p.Seen)
		switch {
		case p.UUID != uuid:
			if !asked[p.UUID] && !w.process.tried[p.UUID] && earlier == "" {
				earlier = p.UUID
			}
		case asked[uuid] || age < 0:
			return ""
		case age < w.cfg.AttendanceDelay:
			return fmt.Sprintf("asked for attendance %v after the first sight", age)
		case earlier != "":
			return "asked for attendance before that of " + earlier
		default:
			return ""
		}
	}
	return "asked for the attendance of a meeting that is not pending"
}

// expectAttendance adds what a scrape must show of attendance.
func (w *world) expectAttendance(want samples) {
	o := w.oracle
	if !w.cfg.Ledger.Attendance {
		return
	}
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

// ofAttendance reports whether a series is shown only if attendance is read.
func (s series) ofAttendance() bool {
	return strings.HasPrefix(s.name, "atten") || strings.HasPrefix(s.name, "ended_attendees")
}

// isUndated reports whether the oracle does not know when a series began: together
// with the ledger.
func (s series) isUndated() bool {
	return strings.HasSuffix(s.name, "_created") && (s.Department == "" || strings.HasPrefix(s.name, "attendance_unread_"))
}
