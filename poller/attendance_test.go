package poller_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

func onAttendance(f simulator.Fault) simulator.Fault {
	return simulator.On(simulator.PathAttendance, f)
}

// ofMeeting limits a fault to the attendance of one meeting.
func ofMeeting(uuid string, f simulator.Fault) simulator.Fault {
	return onAttendance(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("confUUID") == uuid {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// total returns the sum over all series of a counter.
func total(s *stack.Simulated, name string) (sum float64) {
	for _, m := range s.Scrape()[name].GetMetric() {
		sum += m.GetCounter().GetValue()
	}
	return sum
}

// onlyAdded runs a stack whose service has no meetings at first.
func onlyAdded(o *stack.Options) { o.Service.MeetingsPerDay = 0 }

// add adds a meeting of an hour that is listed at once, with some joins.
func add(s *stack.Simulated, uuid string, joins int) {
	end := time.Now()
	r := simulator.Record{ConfUUID: uuid, Start: end.Add(-time.Hour), End: end, ListedAt: end, ConfType: "FUTURE", DeptName: "R&D", Joins: []simulator.AttendeeRecord{}}
	for i := range joins {
		r.Joins = append(r.Joins, simulator.AttendeeRecord{CallNumber: fmt.Sprint(i), JoinTime: r.Start.UnixMilli(), LeftTime: end.UnixMilli(), DeptName: "R&D"})
	}
	s.Service.Add(r)
}

func TestAttendanceDelayAndRetries(t *testing.T) {
	stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunAttendance()
		s.Scrape()
		s.Pass(3*time.Minute + time.Second)
		add(s, "empty", 0)
		add(s, "full", 2)
		s.Pass(time.Minute) // seen at minute 4
		s.Scrape()
		var asked []time.Duration
		began := time.Now()
		s.Service.SetFault(ofMeeting("empty", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			asked = append(asked, time.Since(began).Round(time.Minute))
			next.ServeHTTP(w, r)
		}))
		s.Pass(9 * time.Minute)
		s.Want(2, "attendance_pending_meetings")
		s.Pass(time.Minute)
		s.Want(1, "attended_meetings_total", "scheduled", "R&D")
		s.Want(1, "attendance_pending_meetings")
		s.Pass(2 * time.Hour)
		s.Want(2, "attended_meetings_total", "scheduled", "R&D")
		s.Want(2, "attendances_total", "scheduled", "R&D")
		m := time.Minute
		if want := []time.Duration{10 * m, 20 * m, 50 * m, 110 * m}; !slices.Equal(asked, want) {
			t.Errorf("asked after %v, want %v", asked, want)
		}
	})
}

// More meetings end than the share of the limit can read.
func TestAttendanceBacklogIsLoggedOnce(t *testing.T) {
	share := func(o *stack.Options) { onlyAdded(o); o.Client.MaxAttendanceRequestsPerMinute = 1 }
	stack.Simulate(t, share, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunAttendance()
		for i := range 120 {
			add(s, fmt.Sprint(i), 1)
		}
		const warning = "Attendance is behind"
		s.Pass(65 * time.Minute)
		if lines := s.Log.Lines(warning); len(lines) != 0 {
			t.Errorf("after an hour: %q", lines)
		}
		s.Pass(2 * time.Hour)
		if lines := s.Log.Lines(warning); len(lines) != 1 || !strings.Contains(lines[0], "allowed_per_minute=1") || !strings.Contains(lines[0], "pending_meetings=") {
			t.Errorf("got %q", lines)
		}
		s.Want(0, "attendance_pending_meetings")
	})
}

func TestAttendanceThatFails(t *testing.T) {
	t.Run("one meeting does not block the others", func(t *testing.T) {
		stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
			s.Run()
			s.RunAttendance()
			s.Pass(time.Minute)
			s.Service.SetFault(ofMeeting("bad", simulator.Answer(400, "MMC.111070001", "no")))
			add(s, "bad", 1)
			for i := range 20 {
				s.Pass(time.Minute)
				add(s, fmt.Sprint(i), 1)
				s.Scrape()
			}
			s.Pass(12 * time.Minute)
			s.Want(20, "attended_meetings_total", "scheduled", "R&D")
			s.Want(1, "attendance_pending_meetings")
			if lines := s.Log.Lines("attendance", "level=warn"); len(lines) != 1 {
				t.Errorf("got %d warnings: %v", len(lines), lines)
			}
			asked := s.Service.Requests(simulator.PathAttendance)
			s.Pass(10 * time.Minute)
			if n := s.Service.Requests(simulator.PathAttendance) - asked; n < 9 || n > 12 {
				t.Errorf("asked %d times in ten minutes", n)
			}
			s.Want(0, "collector_success", "attendance")
			s.Service.SetFault(nil)
			s.Pass(time.Minute)
			s.Want(21, "attended_meetings_total", "scheduled", "R&D")
			s.Want(1, "collector_success", "attendance")
			if lines := s.Log.Lines("succeeds again", "collector=attendance"); len(lines) != 1 {
				t.Errorf("got %v", lines)
			}
			s.Want(1, "up")
		})
	})
	// The account may see some meetings only, and new ones fall due now and then.
	for name, fault := range map[string]simulator.Fault{
		"forbidden": simulator.Answer(403, "MMC.111070002", "no"), "failing": simulator.Answer(400, "MMC.111070001", "no"),
	} {
		t.Run(name+" meetings do not delay the others", func(t *testing.T) {
			stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				s.RunAttendance()
				s.Pass(time.Minute)
				began := time.Now()
				s.Service.SetFault(onAttendance(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					var i int
					if n, _ := fmt.Sscanf(r.URL.Query().Get("confUUID"), "bad%d", &i); n == 1 {
						fault(w, r, next)
						return
					}
					_, _ = fmt.Sscan(r.URL.Query().Get("confUUID"), &i)
					if age := time.Since(began.Add(time.Duration(i) * 20 * time.Minute)); age > 14*time.Minute {
						t.Errorf("meeting %d was read after %s", i, age)
					}
					next.ServeHTTP(w, r)
				}))
				for i := range 30 {
					add(s, fmt.Sprint(i), 1)
					s.Pass(10 * time.Minute)
					s.Scrape()
					add(s, fmt.Sprint("bad", i), 1)
					s.Pass(10 * time.Minute)
				}
				s.Want(30, "attended_meetings_total", "scheduled", "R&D")
				if lines := s.Log.Lines("level=warn"); len(lines) != 1 || !strings.Contains(lines[0], "Reading attendance fails") {
					t.Errorf("log: %q", lines)
				}
			})
		})
	}
	t.Run("given up", func(t *testing.T) {
		stack.Simulate(t, onlyAdded, func(_ *testing.T, s *stack.Simulated) {
			s.Run()
			s.RunAttendance()
			s.Scrape()
			s.Pass(time.Minute)
			add(s, "gone", 1)
			add(s, "unusable", 1)
			s.Service.Edit("unusable", func(r *simulator.Record) { r.Joins[0].JoinTime = 0 })
			s.Pass(5 * time.Minute)
			s.Service.Remove("gone")
			s.Pass(10 * time.Minute)
			s.Want(1, "attendance_unread_meetings_total", "gone")
			s.Want(1, "attendance_unread_meetings_total", "invalid")
			s.Want(0, "attendance_pending_meetings")
			s.Want(1, "collector_success", "attendance")
		})
	})
	for name, fault := range map[string]simulator.Fault{
		"403": simulator.Answer(403, "MMC.111070002", "no"), "404": simulator.Answer(404, "APIGW.0101", "no"),
	} {
		t.Run("refused "+name, func(t *testing.T) {
			stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				s.RunAttendance()
				s.Pass(time.Minute)
				s.Service.SetFault(onAttendance(fault))
				for i := range 10 {
					add(s, fmt.Sprint(i), 1)
				}
				s.Pass(20 * time.Minute)
				asked := s.Service.Requests(simulator.PathAttendance)
				s.Pass(5 * time.Hour)
				if n := s.Service.Requests(simulator.PathAttendance) - asked; asked > 2 || n != 5 {
					t.Errorf("asked %d times at first, and %d times in five hours", asked, n)
				}
				if lines := s.Log.Lines("--no-collector.attendance"); len(lines) != 1 || len(s.Log.Lines("level=warn")) != 1 {
					t.Errorf("got %v", s.Log.Lines("level=warn"))
				}
				s.Want(0, "collector_success", "attendance")
				s.Want(1, "up")
				s.Service.SetFault(nil)
				s.Pass(time.Hour + 5*time.Minute)
				s.Want(10, "attended_meetings_total", "scheduled", "R&D")
			})
		})
	}
	t.Run("a dead token is left to the polls", func(t *testing.T) {
		stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
			s.Run()
			s.RunAttendance()
			s.Pass(time.Minute)
			add(s, "a", 1)
			s.Pass(time.Minute)
			s.Scrape()
			s.Pass(9*time.Minute + 30*time.Second)
			s.Service.SetVariant(simulator.Variant{DeadToken: simulator.DeadTokenNoBody})
			s.Service.RevokeTokens()
			s.Pass(7 * time.Minute)
			s.Want(1, "attended_meetings_total", "scheduled", "R&D")
			if strings.Contains(s.Log.String(), "--no-collector.attendance") {
				t.Error("one refusal is believed")
			}
		})
	})
}

// Attendance uses what the history leaves of the limit, and no more than its share.
// Between two polls of the history, a dead token looks like a refusal.
func TestAttendanceBetweenRarePolls(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) {
		onlyAdded(o)
		o.SetInterval(30 * time.Minute)
		o.Service.Variant.DeadToken = simulator.DeadTokenForbidden
	}, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunAttendance()
		s.Pass(29 * time.Minute)
		add(s, "a", 2)
		s.Pass(2 * time.Minute) // seen at minute 30, due at minute 40
		s.Service.RevokeTokens()
		s.Pass(59 * time.Minute) // the poll at minute 60 signs in
		s.Scrape()
		s.Pass(31 * time.Minute)
		if got := total(s, "attended_meetings_total"); got != 1 {
			t.Errorf("%v meetings, want 1", got)
		}
		if lines := s.Log.Lines("collector=attendance"); len(lines) > 0 {
			t.Errorf("log: %q", lines)
		}
	})
}

func TestAttendanceLeavesPollsAlone(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { onlyAdded(o); o.Client.MaxRequestsPerMinute = 30 }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunAttendance()
		s.Pass(time.Minute)
		for i := range 400 {
			add(s, fmt.Sprint(i), 1)
		}
		polls := total(s, "polls_total")
		s.Pass(11 * time.Minute)
		before := s.Service.Requests(simulator.PathAttendance)
		s.Pass(10 * time.Minute)
		if n := s.Service.Requests(simulator.PathAttendance) - before; n < 190 || n > 205 {
			t.Errorf("%d requests in ten minutes", n)
		}
		if n := total(s, "polls_total") - polls; n != 21 {
			t.Errorf("%v polls in 21 minutes", n)
		}
		s.Want(0, "last_poll_duration_seconds")
	})
}
