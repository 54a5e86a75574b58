package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// hangInBody sends the beginning of a response and nothing more.
func hangInBody(w http.ResponseWriter, r *http.Request, next http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"data":[`))
	_ = http.NewResponseController(w).Flush()
	simulator.Hang()(w, r, next)
}

// cutWith sends a status and half of an error's body.
func cutWith(status int) simulator.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		simulator.CutBody()(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			simulator.Answer(status, "APIGW.0308", "")(w, r, nil)
		}))
	}
}

// refusing is a network in which no connection comes about.
var refusing = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}}

func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		fault  simulator.Fault
		reason client.Reason
		lasts  time.Duration // one attempt
	}{
		"429":      {simulator.Throttled(), client.Throttled, 0},
		"403 0308": {simulator.Answer(403, "APIGW.0308", ""), client.Throttled, 0},
		"403 APIG": {simulator.Answer(403, "APIG.0308", ""), client.Throttled, 0},
		"cut 429":  {cutWith(429), client.Throttled, 0},
		"cut 503":  {cutWith(503), client.Server, 0},
		"500":      {simulator.Answer(500, "MMC.111070003", ""), client.Server, 0},
		"502 HTML": {simulator.Body(502, "text/html", "<h1>Bad Gateway"), client.Server, 0},
		"503":      {simulator.Answer(503, "APIGW.0201", ""), client.Server, 0},
		"cut":      {simulator.Cut(), client.Network, 0},
		"cut body": {simulator.CutBody(), client.Network, 0},
		"hang":     {simulator.Hang(), client.Network, 30 * time.Second},
		// Without a Content-Length, only its text shows that a body ends early.
		"half a body":  {jsonBody(pageBody(1, `{"confUUID":"r00"}`)[:40]), client.Network, 0},
		"hang in body": {hangInBody, client.Network, 30 * time.Second},
	} {
		inBubble(t, "four attempts after "+name, func(t *testing.T) {
			s := newSetup(t)
			s.fault(onHistory(c.fault))
			s.wantFailure(t, c.reason)
			s.wantAttempts(t, client.EndpointHistory, 4)
			s.wantIntervals(t, simulator.PathHistory, c.lasts+time.Second, c.lasts+2*time.Second, c.lasts+4*time.Second)
		})
		inBubble(t, "success after "+name, func(t *testing.T) {
			s := newSetup(t, pageLimit(4))
			want := s.addRecords(10)
			s.fault(onHistory(simulator.Skip(1, simulator.Times(3, c.fault))))
			wantUUIDs(t, s.mustList(t), want)
			s.wantSignIns(t, 1)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	const ignored = time.Second // the client's own first wait
	inVirtualTime := func(d time.Duration) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	for want, values := range map[time.Duration][]string{
		7 * time.Second:  {"7"},
		50 * time.Second: {inVirtualTime(50 * time.Second)},
		// The last two take more than 32 and 64 bits.
		2 * time.Minute: {"120", "121", "86400", inVirtualTime(5 * time.Hour), "99999999999", "18446744073709551616"},
		ignored:         {"0", "-5", "", "soon", inVirtualTime(-50 * time.Second)},
	} {
		for _, value := range values {
			for status, f := range map[string]simulator.Fault{
				"429 ": simulator.Throttled(), "503 ": simulator.Answer(503, "APIGW.0201", ""),
				"403 ": simulator.Answer(403, "APIGW.0308", ""), "cut 429 ": cutWith(429),
			} {
				inBubble(t, status+value, func(t *testing.T) {
					s := newSetup(t)
					s.fault(onHistory(simulator.Times(1, simulator.RetryAfter(value, f))))
					s.mustList(t)
					s.wantIntervals(t, simulator.PathHistory, want)
				})
			}
		}
	}
	inBubble(t, "for one wait only", func(t *testing.T) {
		s := newSetup(t)
		f := simulator.Throttled()
		s.fault(onHistory(simulator.Times(3, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if len(s.seen(simulator.PathHistory)) == 1 {
				w.Header().Set("Retry-After", "60")
			}
			f(w, r, next)
		})))
		s.mustList(t)
		s.wantIntervals(t, simulator.PathHistory, time.Minute, 2*time.Second, 4*time.Second)
	})
}

func TestNoRandomness(t *testing.T) {
	inBubble(t, "waits are the intervals", func(t *testing.T) {
		s := newSetup(t, byAccount, random(strings.NewReader("")))
		s.fault(onHistory(simulator.Throttled()))
		s.wantFailure(t, client.Throttled)
		s.wantIntervals(t, simulator.PathHistory, 2*time.Second, 4*time.Second, 8*time.Second)
	})
	t.Run("no sign-in by App ID", func(t *testing.T) {
		s := newSetup(t, random(strings.NewReader("")))
		if _, err := s.list(t.Context()); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		s.wantRequests(t, "", 0)
	})
}

// Clients that failed together must not come back together.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		distinct := map[time.Duration]bool{}
		for range 20 {
			s := newSetup(t, random(nil))
			s.fault(onHistory(simulator.Throttled()))
			s.wantFailure(t, client.Throttled)
			for i, wait := range s.intervals(simulator.PathHistory) {
				if interval := 2 * time.Second << i; wait < interval/2 || wait >= interval*3/2 {
					t.Errorf("wait %d: %v, want %v plus or minus half", i, wait, interval)
				}
				distinct[wait] = true
			}
		}
		if len(distinct) < 50 {
			t.Errorf("%d different waits of 60", len(distinct))
		}
	})
}

func TestCancelledContext(t *testing.T) {
	reason := errors.New("shutting down")
	const after = 10500 * time.Millisecond
	for name, c := range map[string]struct {
		fault simulator.Fault
		opts  []option
	}{
		"in a backoff":              {onHistory(simulator.RetryAfter("100", simulator.Throttled())), nil},
		"in a backoff of a sign-in": {nil, []option{transport(refusing), manyAttempts}},
		"in a hanging request":      {onHistory(simulator.Hang()), nil},
		"in a hanging body":         {onHistory(hangInBody), nil},
		"in the last attempt":       {onHistory(simulator.Hang()), []option{oneAttempt}},
		"in a hanging sign-in":      {onSignIn(simulator.Hang()), nil}, // and in a wait for it
		"in the limiter":            {nil, []option{rate(30), pageLimit(2)}},
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t, c.opts...)
			s.addRecords(100)
			s.fault(c.fault)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(after, func() { cancel(reason) })
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					_, err := s.list(ctx)
					if _, ok := client.ReasonOf(err); ok || !errors.Is(err, reason) {
						t.Errorf("%v, want the cause of the end and no failure", err)
					}
				})
			}
			wg.Wait()
			if took := time.Since(s.began); took != after {
				t.Errorf("ended after %v", took)
			}
		})
	}
	t.Run("before the request", func(t *testing.T) {
		s := newSetup(t)
		s.mustList(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.list(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		s.wantRequests(t, simulator.PathHistory, 1)
	})
}

func TestExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, noon := time.Now(), time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)
		s := newSetup(t, oneAttempt, clock(func() time.Time { return noon.Add(time.Since(began)) }))
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(1500 * time.Millisecond)
			simulator.SlowBody(20*time.Second)(w, r, next)
		}))
		s.mustList(t)
		s.fault(simulator.CutBody())
		s.wantFailure(t, client.Network)
		s.fault(simulator.Cut())
		wantReason(t, s.client.Close(t.Context()), client.Network)
		s.fault(onSignIn(simulator.Answer(423, "USG.1", "")))
		s.wantFailure(t, client.Auth)
		date, received := noon.Add(21*time.Second), noon.Add(21500*time.Millisecond)
		want := []client.Exchange{
			{Endpoint: client.EndpointSignIn, Status: 200, Date: noon, Received: noon},
			{Endpoint: client.EndpointHistory, Status: 200, Duration: 21500 * time.Millisecond, Date: noon, Received: noon.Add(1500 * time.Millisecond)},
			{Endpoint: client.EndpointHistory, Date: date, Received: received}, // no complete response
			{Endpoint: client.EndpointSignOut},
			{Endpoint: client.EndpointSignIn, Status: 423, Date: date, Received: received},
		}
		for _, e := range want {
			if !slices.Contains(client.Endpoints(), e.Endpoint) {
				t.Errorf("Endpoints does not list %s", e.Endpoint)
			}
		}
		if !slices.Equal(s.exchanges, want) {
			t.Errorf("got  %+v\nwant %+v", s.exchanges, want)
		}
	})
}

// wantRate checks that requests kept to a rate and a burst in any period.
func (s *setup) wantRate(t *testing.T, perMinute, burst int) {
	t.Helper()
	seen := s.seen("")
	for i := range seen {
		for j := i; j < len(seen); j++ {
			period, n := seen[j].at.Sub(seen[i].at), j-i+1
			if float64(n) > float64(perMinute)*period.Minutes()+float64(burst)+1e-6 {
				t.Fatalf("%d requests in %v, with %d a minute and a burst of %d", n, period, perMinute, burst)
			}
		}
	}
}

func TestLimiter(t *testing.T) {
	inBubble(t, "retries and sign-ins", func(t *testing.T) {
		s := newSetup(t, rate(30), pageLimit(4))
		s.addRecords(10)
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			switch n := len(s.seen(simulator.PathHistory)); {
			case n%50 == 0:
				s.RevokeTokens()
			case n%3 != 0:
				next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { simulator.Answer(503, "MMC.1", "")(w, r, nil) })
			}
			next.ServeHTTP(w, r)
		}))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					_, _ = s.list(t.Context())
					time.Sleep(20 * time.Second) // fills up the burst
				}
			})
		}
		wg.Wait()
		s.wantRate(t, 30, 5)
		if n := len(s.seen("")); n < 100 {
			t.Errorf("only %d requests", n)
		}
	})
	inBubble(t, "burst of five", func(t *testing.T) {
		s := newSetup(t, rate(30), pageLimit(3))
		s.addRecords(20) // 10 pages
		s.mustList(t)
		want := make([]time.Duration, 10)
		for i := 4; i < len(want); i++ {
			want[i] = 2 * time.Second
		}
		s.wantIntervals(t, "", want...)
	})
	// Waiting for the limiter may take longer than the timeout of a request.
	inBubble(t, "no timeout", func(t *testing.T) {
		s := newSetup(t, pageLimit(3), rate(1))
		s.addRecords(20) // 10 pages, of which four need not wait
		s.mustList(t)
		if took := time.Since(s.began); took != 6*time.Minute {
			t.Errorf("took %v, want 6m", took)
		}
		if needed, allowed := s.client.Demand(3); needed != 3 || allowed != 1 {
			t.Errorf("%d of %d needed, want 3 of 1", needed, allowed)
		}
	})
}
