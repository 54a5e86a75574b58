package meeting_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/meeting"
)

func TestNewAttendance(t *testing.T) {
	start := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	end := start.Add(52 * time.Minute)
	at := start.Add
	join := func(number, name, department string, from, to time.Duration) meeting.Join {
		return meeting.Join{Joined: at(from), Left: at(to), Number: number, Name: name, Department: department}
	}
	sums := func(joins, people, seconds int64, departments map[string]int64) meeting.Attendance {
		return meeting.Attendance{Joins: joins, People: people, Seconds: seconds, Departments: departments}
	}
	never := time.Time{}.Sub(start) // a time that is zero
	for name, c := range map[string]struct {
		joins []meeting.Join
		want  meeting.Attendance
		bad   bool
	}{
		"nobody": {nil, sums(0, 0, 0, map[string]int64{}), false},
		"re-joins and outsiders": {[]meeting.Join{
			join("1", "a", "A", 0, 10*time.Minute), join("1", "b", "A", 20*time.Minute, 30*time.Minute),
			join("2", "a", "B", 0, time.Minute), join("", "a", "unknown", 0, time.Second),
			join("", "a", "unknown", 0, time.Second), join("", "c", "unknown", 0, 0),
		}, sums(6, 4, 1262, map[string]int64{"A": 1200, "B": 60, "unknown": 2}), false},
		"neither number nor name": {[]meeting.Join{
			join("", "", "A", 0, time.Second), join("", "", "A", 0, time.Second),
		}, sums(2, 2, 2, map[string]int64{"A": 2}), false},
		"seconds are cut for each row": {[]meeting.Join{
			join("1", "", "A", 0, 1999*time.Millisecond), join("1", "", "B", 0, 1999*time.Millisecond),
		}, sums(2, 1, 2, map[string]int64{"A": 1, "B": 1}), false},
		"no time of leaving": {[]meeting.Join{
			{Joined: at(2 * time.Minute), Number: "1", Department: "A"},
			join("1", "", "A", 2*time.Minute, time.Minute),
			{Joined: end.Add(time.Hour), Number: "1", Department: "A"},
		}, sums(3, 1, 6000, map[string]int64{"A": 6000}), false},
		"odd times": {[]meeting.Join{
			join("1", "", "A", 0, 9000*24*time.Hour), join("1", "", "A", -9000*24*time.Hour, never),
		}, sums(2, 1, 2*31*86400, map[string]int64{"A": 2 * 31 * 86400}), false},
		"one row without a time of joining": {[]meeting.Join{
			{Left: end, Number: "9", Department: "B"}, join("1", "", "A", 0, time.Second),
		}, sums(1, 1, 1, map[string]int64{"A": 1}), false},
		"no usable row": {[]meeting.Join{{Left: end, Number: "9", Department: "B"}}, sums(0, 0, 0, map[string]int64{}), true},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := meeting.NewAttendance(c.joins, end)
			if diff := cmp.Diff(c.want, got); diff != "" || ok == c.bad {
				t.Errorf("ok %v (-want +got):\n%s", ok, diff)
			}
		})
	}
}
