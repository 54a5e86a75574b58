package poller_test

import (
	"fmt"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

const tooFewRequests = "limit of requests is too low"

// volume makes pages of 10 rows, no meetings, and a limit of requests.
func volume(requestsPerMinute int) func(*stack.Options) {
	return func(o *stack.Options) {
		o.Service.MeetingsPerDay = 0
		o.Client.PageLimit, o.Client.MaxRequestsPerMinute = 10, requestsPerMinute
	}
}

// addMeetings adds n meetings that started and ended at the same time ago.
func addMeetings(s *stack.Simulated, n int, ago time.Duration) {
	start := time.Now().Add(-ago).Truncate(time.Minute)
	for i := range n {
		s.Service.Add(simulator.Record{
			ConfUUID: fmt.Sprint(start, i), Subject: "secret plans", DeptName: "R&D",
			Start: start, End: start, ListedAt: start,
		})
	}
}

func TestLimitTooLowForTheVolume(t *testing.T) {
	for name, c := range map[string]struct {
		requests, recent, old   int
		interval, sweepInterval time.Duration
		want                    string // empty if the limit is enough
	}{
		// 40 rows take 5 pages: 10 rows, then 9 new ones in each. In 30 minutes
		// there is a sweep of 35 pages and one tail less.
		"exactly enough": {requests: 6, recent: 40, old: 270},
		"a page too many": {
			requests: 6, recent: 40, old: 277,
			want: "needed_per_minute=7 allowed_per_minute=6 tail_requests=5 sweep_requests=36",
		},
		"tails alone are too many": {
			requests: 4, recent: 40,
			want: "needed_per_minute=5 allowed_per_minute=4 tail_requests=5 sweep_requests=5",
		},
		"sweeps make it too many": {
			requests: 3, old: 900,
			want: "needed_per_minute=5 allowed_per_minute=3 tail_requests=1 sweep_requests=100",
		},
		"a longer interval helps":       {requests: 3, recent: 40, interval: 2 * time.Minute},
		"a longer sweep interval helps": {requests: 3, old: 900, sweepInterval: time.Hour},
		"a shorter sweep interval does not": {
			requests: 5, recent: 40, sweepInterval: 15 * time.Minute, old: 59,
			want: "needed_per_minute=6 allowed_per_minute=5 tail_requests=5 sweep_requests=11",
		},
		"sweeps only": {
			requests: 10, recent: 40, old: 59, sweepInterval: time.Minute,
			want: "needed_per_minute=11 allowed_per_minute=10 tail_requests=5 sweep_requests=11",
		},
		"a rounding error does not count": {
			requests: 62, recent: 279, interval: 30 * time.Second, sweepInterval: 15 * time.Minute,
		},
		"no meetings": {requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack.Simulate(t, func(o *stack.Options) {
				volume(c.requests)(o)
				if c.interval > 0 {
					o.Poller.Interval = c.interval
				}
				if c.sweepInterval > 0 {
					o.Poller.SweepInterval = c.sweepInterval
				}
			}, func(t *testing.T, s *stack.Simulated) {
				addMeetings(s, c.recent, time.Hour)
				addMeetings(s, c.old, 48*time.Hour)
				if r, err := s.Poller.Poll(t.Context()); err != nil || r.Kind != poller.Sweep {
					t.Fatalf("got %+v, %v", r, err)
				}
				lines := s.Log.Lines("level=warn", tooFewRequests, c.want)
				if c.want == "" {
					if len(lines) != 0 {
						t.Errorf("logged, though the limit is enough: %s", lines)
					}
				} else if len(lines) != 1 {
					t.Errorf("%q is not logged:\n%s", c.want, s.Log)
				}
			})
		})
	}
}

func TestLimitTooLowIsLoggedOnce(t *testing.T) {
	stack.Simulate(t, volume(4), func(t *testing.T, s *stack.Simulated) {
		addMeetings(s, 40, time.Hour)
		s.Run()
		wantLogged := func(times int, when string) {
			t.Helper()
			if lines := s.Log.Lines("level=warn", tooFewRequests); len(lines) != times {
				t.Errorf("logged %d times %s, want %d", len(lines), when, times)
			}
		}
		s.Pass(2 * time.Hour)
		if sweeps, _ := s.Value("polls_total", "sweep"); sweeps < 3 {
			t.Fatalf("only %v sweeps", sweeps)
		}
		wantLogged(1, "after several sweeps")
		s.Pass(2 * time.Hour) // out of the tail
		wantLogged(1, "while the limit is enough")
		addMeetings(s, 40, time.Hour)
		s.Pass(time.Hour)
		wantLogged(2, "after a new rush")
		if lines := s.Log.Lines("secret plans"); len(lines) != 0 {
			t.Errorf("the log contains a subject: %s", lines)
		}
	})
}

// A sweep that catches up after an outage reads more than the next ones.
func TestCatchingUpNeedsNoHigherLimit(t *testing.T) {
	const outage = 3 * 24 * time.Hour
	stack.Simulate(t, volume(5), func(t *testing.T, s *stack.Simulated) {
		for ago := 54 * time.Hour; ago > -outage-time.Hour; ago -= 10 * time.Minute {
			addMeetings(s, 1, ago)
		}
		s.Run()
		s.Pass(time.Hour)
		s.Service.SetFault(simulator.HTML())
		s.Pass(outage)
		s.Service.SetFault(nil)
		before := s.Service.Requests(simulator.PathHistory)
		s.Pass(20 * time.Minute)
		s.Want(1, "up")
		// More than 5 a minute, if each sweep took as many.
		if n := s.Service.Requests(simulator.PathHistory) - before; n < 80 {
			t.Fatalf("only %d requests to catch up", n)
		}
		if lines := s.Log.Lines("level=warn", tooFewRequests); len(lines) != 0 {
			t.Errorf("logged: %s", lines)
		}
	})
}
