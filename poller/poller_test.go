package poller_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

func TestSweepsAndTails(t *testing.T) {
	t.Run("a due sweep replaces the tail", func(t *testing.T) {
		stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
			s.Run()
			for _, want := range []struct {
				pass        time.Duration
				sweep, tail int
			}{{0, 1, 0}, {29 * time.Minute, 1, 29}, {time.Minute, 2, 29}, {time.Hour, 4, 87}} {
				s.Pass(want.pass)
				if diff := cmp.Diff(map[poller.Kind]int{poller.Sweep: want.sweep, poller.Tail: want.tail}, polls(s)); diff != "" {
					t.Errorf("after %s (-want +got):\n%s", want.pass, diff)
				}
			}
		})
	})
	t.Run("polls that fall due during a poll are skipped", func(t *testing.T) {
		stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
			s.Service.SetFault(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
				time.Sleep(25 * time.Second) // for each of several pages
				next.ServeHTTP(w, req)
			})
			s.Run()
			s.Pass(30 * time.Minute)
			s.Service.SetFault(nil)
			before := s.Service.Requests(simulator.PathHistory)
			s.Pass(3 * time.Minute)
			if n := s.Service.Requests(simulator.PathHistory) - before; n > 4 {
				t.Errorf("got %d requests in three minutes", n)
			}
		})
	})
}

func TestSweepAfterAGap(t *testing.T) {
	t.Parallel()
	rarely := func(o *stack.Options) { o.Poller.SweepInterval = 24 * time.Hour }
	wantKinds := func(t *testing.T, s *stack.Stack, when string, kinds ...poller.Kind) {
		t.Helper()
		for i, want := range kinds {
			if r, err := s.Poller.Poll(t.Context()); err != nil || r.Kind != want {
				t.Errorf("poll %d %s: got %v, %v, want a %s", i, when, r, err, want)
			}
		}
	}
	t.Run("an outage", func(t *testing.T) {
		stack.Simulate(t, rarely, func(t *testing.T, s *stack.Simulated) {
			s.Run()
			s.Pass(time.Hour)
			s.Service.SetFault(simulator.HTML())
			s.Pass(10 * time.Hour)
			s.Service.SetFault(nil)
			s.Pass(time.Minute)
			s.Scrape()
			s.Pass(2 * time.Minute)
			if diff := cmp.Diff(s.Truth(), s.Sums(stack.Counters)); diff != "" {
				t.Errorf("counters after ten hours (-truth +got):\n%s", diff)
			}
		})
	})
	t.Run("a short outage is none", func(t *testing.T) {
		stack.Simulate(t, rarely, func(t *testing.T, s *stack.Simulated) {
			wantKinds(t, s.Stack, "at first", poller.Sweep)
			s.Pass(4*time.Hour - time.Minute)
			wantKinds(t, s.Stack, "after all but a minute of a tail", poller.Tail)
			s.Pass(4*time.Hour - time.Minute + time.Second)
			wantKinds(t, s.Stack, "after more", poller.Sweep, poller.Tail)
		})
	})
	t.Run("steps of the wall clock", func(t *testing.T) {
		// Virtual time has no monotonic readings, so this is real time.
		httpClient, closePipe := simulator.New(simulator.Config{AppID: "app", AppKey: "key"}).Pipe()
		defer closePipe()
		var step time.Duration
		cfg := stack.Defaults(httpClient.Transport)
		cfg.Client.MaxRequestsPerMinute = 6000
		cfg.Now = func() time.Time { return stack.Stepped(time.Now(), step) }
		s, err := stack.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close(t.Context())
		wantKinds(t, s, "at first", poller.Sweep, poller.Tail)
		step = 12 * time.Hour // as after 12 hours in which the machine was suspended
		wantKinds(t, s, "after a step ahead", poller.Sweep, poller.Tail)
		step -= time.Hour
		wantKinds(t, s, "after a step back", poller.Sweep, poller.Tail)
	})
	t.Run("a slow sweep", func(t *testing.T) {
		stack.Simulate(t, func(o *stack.Options) {
			rarely(o)
			o.Client.PageLimit, o.Poller.Tail = 10, 5*time.Minute
		}, func(t *testing.T, s *stack.Simulated) {
			s.Service.SetFault(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
				time.Sleep(25 * time.Second) // for each of several pages
				next.ServeHTTP(w, req)
			})
			wantKinds(t, s.Stack, "that is slow", poller.Sweep)
			s.Service.SetFault(nil)
			wantKinds(t, s.Stack, "afterwards", poller.Sweep, poller.Tail)
		})
	})
}

// polls returns the polls so far by kind.
func polls(s *stack.Simulated) map[poller.Kind]int {
	counts := map[poller.Kind]int{}
	for _, kind := range poller.Kinds() {
		counts[kind] = s.Poller.Status().Polls[kind]
	}
	return counts
}

func TestFailureHasAReasonAndPasses(t *testing.T) {
	for name, c := range map[string]struct {
		fault  simulator.Fault
		reason client.Reason
	}{
		"auth":       {simulator.On(simulator.PathHistory, simulator.Answer(http.StatusUnauthorized, "MMC.111070111", "no token")), client.Auth},
		"throttled":  {simulator.Throttled(), client.Throttled},
		"hang":       {simulator.Hang(), client.Network},
		"HTML":       {simulator.HTML(), client.Response},
		"incomplete": {simulator.Body(http.StatusOK, "application/json", `{"data":[],"count":3}`), client.Incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				s.Pass(time.Minute)
				before := s.Sums(stack.Counters)
				s.Service.SetFault(c.fault)
				s.Pass(5 * time.Minute)

				s.Want(0, "up")
				if status := s.Poller.Status(); status.Failure != c.reason {
					t.Errorf("the last failure is %q, want %q", status.Failure, c.reason)
				}
				failures, _ := s.Value("poll_failures_total", string(c.reason))
				if failures == 0 {
					t.Errorf("no failure with reason %s", c.reason)
				}
				if diff := cmp.Diff(before, s.Sums(stack.Counters)); diff != "" {
					t.Errorf("counters moved (-before +after):\n%s", diff)
				}
				success, _ := s.Value("last_success_timestamp_seconds")
				last, _ := s.Value("last_poll_timestamp_seconds")
				if success >= last {
					t.Errorf("last success %v is not before the last poll %v", success, last)
				}
				if lines := s.Log.Lines("level=error", "reason="+string(c.reason)); len(lines) != int(failures) {
					t.Errorf("%d log lines for %v failures:\n%s", len(lines), failures, lines)
				}

				s.Service.SetFault(nil)
				s.Pass(20 * time.Minute) // sign-ins may be held back for 15
				s.Want(1, "up")
				if status := s.Poller.Status(); status.Failure != "" {
					t.Errorf("the last failure is %q, want none", status.Failure)
				}
				if lines := s.Log.Lines("level=info", "Poll succeeded"); len(lines) != 1 {
					t.Errorf("the recovery is logged %d times", len(lines))
				}
				s.Scrape()
				s.Pass(2 * time.Minute)
				if diff := cmp.Diff(s.Truth(), s.Sums(stack.Counters)); diff != "" {
					t.Errorf("counters after the recovery (-truth +got):\n%s", diff)
				}
			})
		})
	}
}

func TestNextPollIsKnown(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) {
		o.SetInterval(20 * time.Second)
		o.Poller.Delay = 7 * time.Second
	}, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		for i, fault := range []simulator.Fault{nil, nil, simulator.On(simulator.PathHistory, simulator.SlowBody(25*time.Second)), nil} {
			s.Service.SetFault(fault) // the slow poll skips the next one
			next := s.Poller.Status().Next
			s.Pass(time.Until(next))
			if fault != nil {
				s.Pass(26 * time.Second)
			}
			if status := s.Poller.Status(); !status.Ended.Add(-status.Duration).Equal(next) {
				t.Errorf("poll %d began at %s, want %s", i, status.Ended.Add(-status.Duration), next)
			}
		}
	})
}

func TestPanicIsAnInternalFailure(t *testing.T) {
	var panics atomic.Bool
	stack.Simulate(t, func(o *stack.Options) {
		o.Client.Observe = func(client.Exchange) {
			if panics.Load() {
				panic("out of paper")
			}
		}
	}, func(t *testing.T, s *stack.Simulated) {
		panics.Store(true)
		if _, err := s.Poller.Poll(t.Context()); poller.ReasonOf(err) != poller.Internal {
			t.Errorf("got error %v", err)
		}
		s.Want(1, "poll_failures_total", "internal")
		if lines := s.Log.Lines("level=error", "out of paper", "poller_test.go"); len(lines) != 1 {
			t.Errorf("the panic and its stack are in %d lines:\n%s", len(lines), s.Log)
		}
		panics.Store(false)
		if _, err := s.Poller.Poll(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFirstSweepFails(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Service.SetFault(simulator.HTML())
		for range 2 {
			r, err := s.Poller.Poll(t.Context())
			if err == nil || r.Kind != poller.Sweep || s.Poller.Status().Ready {
				t.Errorf("got %+v, %v, ready: %v", r, err, s.Poller.Status().Ready)
			}
		}
		s.Want(0, "up")
		s.WantNone("last_success_timestamp_seconds")
		s.WantNone("newest_meeting_end_timestamp_seconds")
		s.WantNone("token_expiry_timestamp_seconds")
		if got := s.Sums(stack.Gauges); len(got) != 0 {
			t.Errorf("gauges without a sweep: %v", got)
		}
		s.Service.SetFault(nil)
		time.Sleep(time.Minute) // until the next sign-in is due
		r, err := s.Poller.Poll(t.Context())
		if err != nil || r.Kind != poller.Sweep || !s.Poller.Status().Ready || r.Meetings == 0 || r.Meetings != s.Ledger.Snapshot().Remembered() {
			t.Errorf("got %+v, %v", r, err)
		}
		if r, err := s.Poller.Poll(t.Context()); err != nil || r.Kind != poller.Tail {
			t.Errorf("after a sweep: got %+v, %v", r, err)
		}
	})
}

func TestStopInterruptsAPoll(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.Service.SetFault(simulator.On(simulator.PathHistory, simulator.Hang()))
		s.Pass(time.Minute + time.Second)
		failures, status := s.Log.Lines("level=error"), s.Poller.Status()
		p, began := s.Poller, time.Now()
		s.Stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %s", took)
		}
		if lines := s.Log.Lines("level=error"); !slices.Equal(lines, failures) || p.Status() != status {
			t.Errorf("stopping is a failure: %s", lines)
		}
		if n := s.Service.LiveTokens(); n != 0 {
			t.Errorf("%d tokens are left", n)
		}
	})
}

func TestStoppedPollReturnsTheCause(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		errStopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errStopped)
		if _, err := s.Poller.Poll(ctx); !errors.Is(err, errStopped) {
			t.Errorf("got error %v", err)
		}
	})
}

func TestOrdinaryUserIsLoggedOnce(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Service.SetRole(simulator.User)
		s.Run()
		s.Pass(time.Hour)
		if lines := s.Log.Lines("level=warn", "not an administrator"); len(lines) != 1 {
			t.Errorf("logged %d times", len(lines))
		}
	})
}

func TestListingReadAgainIsLogged(t *testing.T) {
	stack.Simulate(t, volume(60), func(t *testing.T, s *stack.Simulated) {
		addMeetings(s, 25, time.Hour)
		start := time.Now().Add(-2 * time.Hour)
		s.Service.Add(simulator.Record{ConfUUID: "first", Start: start, End: start, ListedAt: start})
		poll := func(f simulator.Fault, want ...string) {
			t.Helper()
			before := len(s.Log.Lines("level=warn"))
			s.Service.SetFault(f)
			_, _ = s.Poller.Poll(t.Context()) // the last one fails
			got := s.Log.Lines("level=warn")[before:]
			if len(got) != len(want) || len(want) > 0 && !strings.Contains(got[0], want[0]) {
				t.Errorf("got the lines %q, want %q", got, want)
			}
		}
		removeFirst := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			s.Service.Remove("first")
			next.ServeHTTP(w, r)
		}
		poll(nil)
		poll(simulator.On(simulator.PathHistory, simulator.Skip(1, removeFirst)), `kind=tail readings=2 err="10 of 26 announced records arrived"`)
		poll(nil)
		poll(simulator.On(simulator.PathHistory, simulator.Body(http.StatusOK, "application/json", `{"data":[],"count":3}`)))
	})
}

func TestDefectsOfTheLastSweep(t *testing.T) {
	stack.Simulate(t, nil, func(_ *testing.T, s *stack.Simulated) {
		s.Run()
		end := time.Now().Add(-time.Hour)
		s.Service.Add(
			simulator.Record{Start: end, End: end, ListedAt: end},
			simulator.Record{ConfUUID: "order", Start: end, End: end.Add(-time.Hour), ListedAt: end},
			simulator.Record{ConfUUID: "time", Start: end.Add(-40 * 24 * time.Hour), End: end, ListedAt: end},
			simulator.Record{ConfUUID: "number", Start: end, End: end, ListedAt: end, NormalCount: new(-1), TerminalCount: new(2_000_000)},
		)
		s.Pass(time.Minute)
		s.Want(0, "invalid_records", "uuid") // a tail does not change it
		s.Pass(29 * time.Minute)
		s.Want(1, "invalid_records", "uuid")
		s.Want(1, "invalid_records", "order")
		s.Want(0, "invalid_records", "time") // it starts before what a sweep reads
		s.Want(2, "invalid_records", "number")
		s.Want(1, "up")
	})
}

func TestOutage(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Poller.Interval, o.Service.MeetingsPerDay = 20*time.Minute, 50 }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.Pass(time.Hour)
		s.Service.SetFault(simulator.HTML())
		s.Pass(6 * 24 * time.Hour)
		s.Service.SetFault(nil)
		s.Pass(20 * time.Minute)
		s.Scrape()
		s.Pass(20 * time.Minute)
		if diff := cmp.Diff(s.Truth(), s.Sums(stack.Counters)); diff != "" {
			t.Errorf("counters after six days (-truth +got):\n%s", diff)
		}
		if lines := s.Log.Lines("gap"); len(lines) != 0 {
			t.Errorf("a gap is logged: %s", lines)
		}
		s.Service.SetFault(simulator.HTML())
		s.Pass(8 * 24 * time.Hour)
		s.Service.SetFault(nil)
		s.Pass(time.Hour)
		if lines := s.Log.Lines("level=error", "gap", "from=2026-03-0", "to=2026-03-0"); len(lines) != 1 {
			t.Errorf("the gap beyond the catch-up is logged %d times", len(lines))
		}
	})
}

func TestLimitOfRequestsIsKept(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) {
		o.Service.RateLimit = 70
		o.Service.MeetingsPerDay = 800
		o.Client.PageLimit = 10
	}, func(_ *testing.T, s *stack.Simulated) {
		s.Run()
		s.Pass(35 * time.Minute)
		s.Want(0, "poll_failures_total", "throttled")
		s.Want(1, "up")
	})
}
