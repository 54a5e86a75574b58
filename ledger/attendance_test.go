package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

type attendedOf = map[ledger.LabelSet]ledger.AttendanceSums

func (w *world) attended() attendedOf {
	m := attendedOf{}
	for _, one := range w.Snapshot().Attended() {
		m[one.LabelSet] = one.AttendanceSums
	}
	return m
}

func (w *world) attendeeSeconds() map[string]int64 {
	m := map[string]int64{}
	for _, one := range w.Snapshot().AttendeeSeconds() {
		m[one.Department] = one.Seconds
	}
	return m
}

func (w *world) count(uuid string, a meeting.Attendance) {
	w.t.Helper()
	ok(w.t, w.CountAttendance(uuid, a, w.now, w.clock))
}

// pending returns the UUIDs of the pending meetings, in the order of NextPending.
func (w *world) pending() (uuids []string) {
	for _, p := range w.AllPending() {
		uuids = append(uuids, p.UUID)
	}
	return uuids
}

// threeJoins is an attendance of two people of two departments.
var threeJoins = meeting.Attendance{Joins: 3, People: 2, Seconds: 70, Departments: map[string]int64{"sales": 60, "guests": 10}}

func TestAttendance(t *testing.T) {
	counted := ledger.AttendanceSums{Meetings: 1, Joins: 3, People: 2, Seconds: 70}
	t.Run("counted once, behind its zeros", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep(ended("base", noon))
		w.tail(ended("base", noon), ended("a", noon))
		want(t, "pending", w.pending(), []string{"a"})
		w.release()
		want(t, "before", w.attended(), attendedOf{sales: {}})
		for range 2 {
			w.tail(ended("a", noon, department("legal"), webinar))
			w.count("a", threeJoins)
		}
		ok(t, w.GiveUpAttendance("a", ledger.Gone, w.clock))
		want(t, "pending", w.Snapshot().Pending(), 0)
		want(t, "after", w.attended(), attendedOf{sales: counted})
		want(t, "attendees", w.Snapshot().Attendees(meeting.Immediate), ledger.Distribution{2: 1})
		want(t, "unread", w.Snapshot().Unread(ledger.Gone), 0)
		want(t, "a new department is held", w.attendeeSeconds(), map[string]int64{"guests": 0, "sales": 60})
		w.release()
		want(t, "by department", w.attendeeSeconds(), map[string]int64{"guests": 10, "sales": 60})
	})
	t.Run("nothing is pending that was not counted", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.tail(ended("early", noon))
		w.sweep(ended("base", noon))
		w.tail(ended("base", noon, recorded), ended("long", noon, lasting(60*time.Hour)))
		want(t, "pending", w.pending(), nil)
		w.count("base", threeJoins)
		want(t, "attended", w.attended(), attendedOf{sales: {}})
	})
	t.Run("the oldest first", func(t *testing.T) {
		w := newWorld(t, defaults())
		w.sweep()
		w.tail(ended("late", noon), ended("c", noon.Add(-time.Hour)), ended("b", noon.Add(-time.Hour)))
		w.pass(time.Minute)
		w.tail(ended("d", noon.Add(-3*time.Hour), lasting(0)), ended("late", noon.Add(-2*time.Hour)))
		want(t, "pending", w.AllPending(), []ledger.Pending{
			{UUID: "late", Seen: noon, End: noon.Add(-2 * time.Hour), Lasted: true},
			{UUID: "b", Seen: noon, End: noon.Add(-time.Hour), Lasted: true},
			{UUID: "c", Seen: noon, End: noon.Add(-time.Hour), Lasted: true},
			{UUID: "d", Seen: w.now, End: noon.Add(-3 * time.Hour)},
		})
	})
	t.Run("expires, though the meeting is forgotten", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep()
		w.tail(ended("a", noon))
		w.pass(defaults().MaxCatchUp)
		w.sweep(ended("b", w.now))
		want(t, "remembered", w.Snapshot().Remembered(), 1)
		w.restart(defaults())
		want(t, "pending", w.pending(), []string{"a", "b"})
		w.pass(time.Second)
		w.tail()
		want(t, "pending", w.pending(), []string{"b"})
		want(t, "unread", w.Unheld().Unread(ledger.Expired), 1)
		want(t, "held", w.Snapshot().Unread(ledger.Expired), 0)
	})
	t.Run("departments of attendees take places", func(t *testing.T) {
		cfg := defaults()
		cfg.MaxDepartments = 2
		w := newWorld(t, cfg)
		w.sweep()
		w.tail(ended("a", noon), ended("b", noon))
		w.count("a", meeting.Attendance{Joins: 3, Seconds: 6, Departments: map[string]int64{"x": 1, "y": 3, "z": 2}})
		w.tail(ended("c", noon, department("legal")))
		w.release()
		want(t, "by department", w.attendeeSeconds(), map[string]int64{"sales": 0, "y": 3, "other": 3})
		want(t, "departments", departmentsOf(w.counted()), []string{"other", "sales"})
	})
	t.Run("switched off and on", func(t *testing.T) {
		off := defaults()
		off.Attendance = false
		w := newStoredWorld(t)
		w.sweep()
		w.tail(ended("a", noon))
		w.release()
		w.count("a", threeJoins)
		w.tail(ended("b", noon))
		w.restart(off)
		w.tail(ended("c", noon))
		want(t, "pending", w.pending(), []string{"b"})
		want(t, "nothing is shown", w.attended(), attendedOf{})
		w.restart(defaults())
		want(t, "counted before", w.attended(), attendedOf{sales: counted})
		want(t, "pending", w.pending(), []string{"b"})
	})
}

// A journal of before there was attendance has none of its fields.
func TestJournalWithoutAttendance(t *testing.T) {
	off := defaults()
	off.Attendance = false
	w := storedWorld(t, t.TempDir()+"/ledger.db", off)
	w.sweep(ended("base", noon))
	w.release()
	w.tail(ended("a", noon))
	w.close()
	for i, payload := range payloadsOf(t, w.path) {
		fields := map[int]any{}
		ok(t, cbor.Unmarshal(payload, &fields))
		for field := 14; field <= 19; field++ {
			if fields[field] != nil {
				t.Errorf("frame %d has field %d", i, field)
			}
		}
	}
	w.open(defaults())
	want(t, "counters", w.totals(), sumsOf{sales: one})
	want(t, "attendance", w.attended(), attendedOf{sales: {}})
	want(t, "pending", w.pending(), nil)
	w.tail(ended("b", noon))
	w.count("b", threeJoins)
	want(t, "held", w.attended(), attendedOf{sales: {}})
	w.restart(defaults())
	w.release()
	want(t, "released", w.attended()[sales].Joins, 3)
}

// Polls and attendance change the ledger from two goroutines.
func TestConcurrentTurns(t *testing.T) {
	w := newStoredWorld(t)
	w.sweep()
	var changing sync.WaitGroup
	changing.Go(func() {
		for i := range 200 {
			ok(t, w.Apply(w.tailPoll(ended(fmt.Sprint(i), noon)), noon))
			_, _, _ = w.Gap(noon)
		}
	})
	for counted := 0; counted < 200; {
		if next, _, some := w.NextPending(func(p ledger.Pending) time.Time { return p.Seen }); some {
			ok(t, w.CountAttendance(next.UUID, threeJoins, noon, noon))
			counted++
		}
	}
	changing.Wait()
	w.restart(defaults())
	w.release()
	want(t, "attended", w.attended(), attendedOf{sales: {Meetings: 200, Joins: 600, People: 400, Seconds: 14000}})
	want(t, "counters", w.totals(), sumsOf{sales: times(200, one)})
}
