//go:build !race

package poller_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

func TestNumbersEqualTheTruthOverDays(t *testing.T) {
	const interval = 5 * time.Minute
	stack.Simulate(t, func(o *stack.Options) { o.SetInterval(interval) }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		for range 30 {
			for range 12 {
				s.Pass(interval)
				s.Scrape()
			}
			if diff := cmp.Diff(s.Service.Window(time.Now(), 24*time.Hour), s.Sums(stack.Gauges)); diff != "" {
				t.Fatalf("gauges at %s (-truth +got):\n%s", time.Now(), diff)
			}
			// A new label set may be held for two polls.
			for range 3 {
				if cmp.Equal(s.Truth(), s.Sums(stack.Counters)) {
					break
				}
				s.Pass(interval)
			}
			if diff := cmp.Diff(s.Truth(), s.Sums(stack.Counters)); diff != "" {
				t.Fatalf("counters at %s (-truth +got):\n%s", time.Now(), diff)
			}
		}
	})
}

func TestAttendanceEqualsTheTruthOverDays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay, o.Path = 60, path }, func(t *testing.T, s *stack.Simulated) {
		baseline := map[string]bool{}
		for _, r := range s.Service.Records(time.Now()) {
			baseline[r.ConfUUID] = true
		}
		s.Run()
		s.RunAttendance()
		for range 6 * 60 {
			s.Pass(time.Minute)
			s.Scrape()
		}
		s.Service.SetFault(simulator.On(simulator.PathHistory, simulator.Hang())) // nothing new is counted
		for range 3 * 60 {
			s.Pass(time.Minute)
			s.Scrape()
		}
		type sums struct{ meetings, joins, seconds float64 }
		persons := map[string]bool{}
		truth, byDepartment, found := map[string]sums{}, map[string]float64{}, map[string]sums{}
		for _, r := range s.Service.Records(time.Now().Add(-3*time.Hour - time.Minute)) {
			if baseline[r.ConfUUID] {
				continue
			}
			one := truth[meeting.Department(r.DeptName)]
			one.meetings++
			for _, row := range s.Service.Attendance(r.ConfUUID) {
				persons[row.DisplayName], persons[row.CallNumber] = true, true
				one.joins++
				one.seconds += float64((row.LeftTime - row.JoinTime) / 1000)
				byDepartment[meeting.Department(row.DeptName)] += float64((row.LeftTime - row.JoinTime) / 1000)
			}
			truth[meeting.Department(r.DeptName)] = one
		}
		families := s.Scrape()
		each := func(name string, add func(*sums, float64)) {
			for _, m := range families[name].GetMetric() {
				department := m.GetLabel()[len(m.GetLabel())-1].GetValue()
				one := found[department]
				add(&one, m.GetCounter().GetValue())
				found[department] = one
			}
		}
		each("attended_meetings_total", func(o *sums, v float64) { o.meetings += v })
		each("attendances_total", func(o *sums, v float64) { o.joins += v })
		each("attended_seconds_total", func(o *sums, v float64) { o.seconds += v })
		withoutZeros := func(m map[string]sums) map[string]sums {
			for department, one := range m {
				if one == (sums{}) {
					delete(m, department)
				}
			}
			return m
		}
		if diff := cmp.Diff(truth, withoutZeros(found), cmp.AllowUnexported(sums{})); diff != "" || len(truth) < 5 {
			t.Errorf("(-truth +got):\n%s", diff)
		}
		seconds := map[string]float64{}
		for _, m := range families["attendee_seconds_total"].GetMetric() {
			if value := m.GetCounter().GetValue(); value != 0 {
				seconds[m.GetLabel()[0].GetValue()] = value
			}
		}
		if diff := cmp.Diff(byDepartment, seconds); diff != "" {
			t.Errorf("by department (-truth +got):\n%s", diff)
		}
		s.Want(0, "attendance_pending_meetings")

		delete(persons, "")
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept := string(file) + s.Log.String() + fmt.Sprint(families)
		for person := range persons {
			if strings.Contains(kept, person) {
				t.Errorf("%q is in the ledger, the log or a scrape", person)
			}
		}
	})
}
