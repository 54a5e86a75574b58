package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// passing are the failures that another attempt may cure.
var passing = map[string]struct {
	fault  simulator.Fault
	reason client.Reason
	lasts  time.Duration // one attempt
}{
	"429":      {simulator.Throttled(), client.Throttled, 0},
	"500":      {simulator.Answer(500, "MMC.111070003", ""), client.Server, 0},
	"502 page": {simulator.Body(502, "text/html", "<h1>Bad Gateway"), client.Server, 0},
	"503":      {simulator.Answer(503, "APIGW.0201", ""), client.Server, 0},
	"cut":      {simulator.Cut(), client.Network, 0},
	"cut body": {simulator.CutBody(), client.Network, 0},
	"hang":     {simulator.Hang(), client.Network, 30 * time.Second},
	// Without its length, a body that broke off is known by its text alone.
	"half a page": {jsonBody(pageBody(1, `{"confUUID":"r00"}`)[:40]), client.Network, 0},
	"half a body": {hangInBody, client.Network, 30 * time.Second},
}

// hangInBody sends a head and the beginning of a body, and nothing more.
func hangInBody(w http.ResponseWriter, r *http.Request, next http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"data":[`))
	_ = http.NewResponseController(w).Flush()
	simulator.Hang()(w, r, next)
}

func TestWhatMayPassIsAttemptedFourTimesAtGrowingIntervals(t *testing.T) {
	for name, c := range passing {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(onHistory(c.fault))
				_, err := s.poll(t.Context())
				wantReason(t, err, c.reason)
				if n := s.attempts(client.EndpointHistory); n != 4 {
					t.Errorf("%d attempts, want 4", n)
				}
				// The waits are those of a source of randomness that gives zeros.
				want := []time.Duration{c.lasts + time.Second, c.lasts + 2*time.Second, c.lasts + 4*time.Second}
				if got := gaps(s.arrivals()); !slices.Equal(got, want) {
					t.Errorf("attempts after %v, want %v", got, want)
				}
				if n := len(s.signIns()); n != 1 {
					t.Errorf("%d sign-ins", n)
				}
			})
		})
	}
}

// arrivals returns when requests for history came. Those that came at one
// instant are one attempt: see TestTheLimiterCountsWhatTheTransportRepeats.
func (s *site) arrivals() []time.Time {
	var times []time.Time
	for _, r := range s.seen(simulator.PathHistory) {
		times = append(times, r.at)
	}
	return slices.CompactFunc(times, time.Time.Equal)
}

func TestWhatPassedIsForgotten(t *testing.T) {
	for name, c := range passing {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, pageLimit(4))
				want := s.addRecords(10)
				s.fault(onHistory(simulator.Skip(1, simulator.Times(3, c.fault))))
				if got := uuidsOf(s.mustPoll(t)); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		})
	}
}

func TestASignInIsAttemptedFourTimesToo(t *testing.T) {
	for name, c := range passing {
		if name == "half a page" {
			continue // of history
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(onSignIn(c.fault))
				_, err := s.poll(t.Context())
				wantReason(t, err, c.reason)
				if n := s.attempts(client.EndpointSignIn); n != 4 {
					t.Errorf("%d attempts, want 4", n)
				}
				if n := len(s.signIns()); n != 4 {
					t.Errorf("%d requests, want 4", n)
				}
			})
		})
	}
}

func TestTheNumberOfAttemptsCanBeSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, oneAttempt)
		s.fault(onHistory(simulator.Answer(503, "MMC.1", "")))
		_, err := s.poll(t.Context())
		wantReason(t, err, client.Server)
		if n := s.attempts(client.EndpointHistory); n != 1 || time.Since(s.began) != 0 {
			t.Errorf("%d attempts in %v", n, time.Since(s.began))
		}
	})
}

func TestWhatDoesNotPassIsAttemptedOnce(t *testing.T) {
	s := newLoopbackSite(t)
	for _, status := range []int{201, 204, 301, 302, 304, 307, 308, 400, 404, 405, 408, 409, 412, 418, 423} {
		s.renew(t)
		s.fault(onHistory(simulator.Body(status, "application/json", "")))
		_, err := s.poll(t.Context())
		wantReason(t, err, client.Response)
		if n := len(s.seen(simulator.PathHistory)); n != 1 {
			t.Errorf("%d: %d attempts", status, n)
		}
	}
}

func TestRetryAfterIsHonouredUpToTwoMinutes(t *testing.T) {
	const unasked = time.Second // the first wait of our own
	inVirtualTime := func(d time.Duration) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	for value, want := range map[string]time.Duration{
		"7":                              7 * time.Second,
		"120":                            2 * time.Minute,
		"121":                            2 * time.Minute,
		"86400":                          2 * time.Minute,
		"99999999999":                    2 * time.Minute, // more than 32 bits
		"18446744073709551616":           2 * time.Minute, // more than 64 bits
		"0":                              unasked,
		"-5":                             unasked,
		"":                               unasked,
		"soon":                           unasked,
		inVirtualTime(50 * time.Second):  50 * time.Second,
		inVirtualTime(5 * time.Hour):     2 * time.Minute,
		inVirtualTime(-50 * time.Second): unasked,
	} {
		for status, answer := range map[string]simulator.Fault{
			"429": simulator.Throttled(), "503": simulator.Answer(503, "APIGW.0201", ""),
		} {
			t.Run(status+" "+value, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t)
					s.fault(onHistory(simulator.Times(1, simulator.RetryAfter(value, answer))))
					s.mustPoll(t)
					if got := gaps(s.arrivals()); len(got) != 1 || got[0] != want {
						t.Errorf("waited %v, want %v", got, want)
					}
				})
			})
		}
	}
}

func TestRetryAfterIsForOneWaitOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		first := true
		s.fault(onHistory(simulator.Times(3, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			f := simulator.Throttled()
			if first {
				f = simulator.RetryAfter("60", f)
			}
			first = false
			f(w, r, next)
		})))
		s.mustPoll(t)
		want := []time.Duration{time.Minute, 2 * time.Second, 4 * time.Second}
		if got := gaps(s.arrivals()); !slices.Equal(got, want) {
			t.Errorf("waits %v, want %v", got, want)
		}
	})
}

// A source of randomness that fails must not end in no wait at all.
func TestWithoutRandomnessWaitsAreTheIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, byAccount, func(_ *simulator.Config, cfg *client.Config) { cfg.Random = strings.NewReader("") })
		s.fault(onHistory(simulator.Throttled()))
		_, err := s.poll(t.Context())
		wantReason(t, err, client.Throttled)
		want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}
		if got := gaps(s.arrivals()); !slices.Equal(got, want) {
			t.Errorf("waits %v, want %v", got, want)
		}
	})
}

func TestWithoutRandomnessThereIsNoSignInByAppID(t *testing.T) {
	s := newLoopbackSite(t, func(_ *simulator.Config, cfg *client.Config) { cfg.Random = strings.NewReader("") })
	if _, err := s.poll(t.Context()); !errors.Is(err, io.EOF) || len(s.requests) != 0 {
		t.Errorf("%v, %d requests", err, len(s.requests))
	}
}

// Clients that failed together must not come back together.
func TestWaitsAreSpreadAroundTheirIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		distinct := map[time.Duration]bool{}
		for range 20 {
			s := newSite(t, func(_ *simulator.Config, cfg *client.Config) { cfg.Random = nil })
			s.fault(onHistory(simulator.Throttled()))
			_, err := s.poll(t.Context())
			wantReason(t, err, client.Throttled)
			for i, wait := range gaps(s.arrivals()) {
				if interval := 2 * time.Second << i; wait < interval/2 || wait >= interval*3/2 {
					t.Errorf("wait %d: %v, want %v, give or take half", i, wait, interval)
				}
				distinct[wait] = true
			}
		}
		if len(distinct) < 50 {
			t.Errorf("%d different waits of 60", len(distinct))
		}
	})
}

func TestACancelledContextEndsAtOnce(t *testing.T) {
	reason := errors.New("shutting down")
	for name, c := range map[string]struct {
		fault simulator.Fault
		opts  []option
	}{
		"in a backoff": {onHistory(simulator.RetryAfter("100", simulator.Throttled())), nil},
		"in a backoff of a sign-in": {
			onSignIn(simulator.RetryAfter("100", simulator.Throttled())), nil,
		},
		"in a hanging request":                 {onHistory(simulator.Hang()), nil},
		"in a hanging body":                    {onHistory(hangInBody), nil},
		"in the last attempt":                  {onHistory(simulator.Hang()), []option{oneAttempt}},
		"in a hanging sign-in":                 {onSignIn(simulator.Hang()), nil},
		"while the limiter lets it wait":       {nil, []option{slowly, pageLimit(2)}},
		"while it waits for a sign-in of ours": {onSignIn(simulator.Hang()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, c.opts...)
				s.addRecords(100)
				s.fault(c.fault)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10500*time.Millisecond, func() { cancel(reason) })
				ended := make(chan error, 2)
				for range 2 {
					go func() { _, err := s.poll(ctx); ended <- err }()
				}
				for range 2 {
					err := <-ended
					if !errors.Is(err, reason) {
						t.Errorf("%v, want the cause of the end", err)
					}
					if failure, ok := client.ReasonOf(err); ok {
						t.Errorf("%v is told as a failure of %s", err, failure)
					}
				}
				if took := time.Since(s.began); took != 10500*time.Millisecond {
					t.Errorf("ended after %v", took)
				}
			})
		})
	}
}

func TestACancelledContextAsksNothing(t *testing.T) {
	s := newLoopbackSite(t)
	s.mustPoll(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.poll(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := s.Requests(simulator.PathHistory); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestAnUnreachableServiceIsANetworkFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := simulator.NewPipe()
		if err := pipe.Close(); err != nil {
			t.Fatal(err)
		}
		s := newSite(t, func(_ *simulator.Config, cfg *client.Config) {
			cfg.Transport = &http.Transport{DialContext: pipe.DialContext}
		})
		_, err := s.poll(t.Context())
		wantReason(t, err, client.Network)
		if n := s.attempts(client.EndpointSignIn); n != 4 {
			t.Errorf("%d attempts, want 4", n)
		}
	})
}

func TestAnExchangeTellsWhatTheServiceSaidOfItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)
		s := newSite(t, func(service *simulator.Config, cfg *client.Config) {
			service.Now = func() time.Time { return now }
			cfg.Now, cfg.MaxAttempts = service.Now, 1
		})
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(1500 * time.Millisecond)
			next.ServeHTTP(w, r)
		}))
		list := func() error { _, err := s.client.FirstPage(t.Context(), now, now); return err }
		if err := list(); err != nil {
			t.Fatal(err)
		}
		s.fault(simulator.CutBody())
		wantReason(t, list(), client.Network)
		s.fault(simulator.Cut())
		wantReason(t, s.client.Close(t.Context()), client.Network)
		s.fault(onSignIn(simulator.Answer(423, "USG.1", "")))
		wantReason(t, list(), client.Auth)
		want := []client.Exchange{
			{Endpoint: client.EndpointSignIn, Status: 200, Date: now},
			{Endpoint: client.EndpointHistory, Status: 200, Duration: 1500 * time.Millisecond, Date: now},
			{Endpoint: client.EndpointHistory, Date: now}, // no complete answer
			{Endpoint: client.EndpointSignOut},
			{Endpoint: client.EndpointSignIn, Status: 423, Date: now},
		}
		same := func(a, b client.Exchange) bool {
			return a.Endpoint == b.Endpoint && a.Status == b.Status && a.Duration == b.Duration && a.Date.Equal(b.Date)
		}
		if !slices.EqualFunc(s.exchanges, want, same) {
			t.Errorf("got  %+v\nwant %+v", s.exchanges, want)
		}
	})
}
