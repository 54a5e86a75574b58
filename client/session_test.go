package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestTokenValidity(t *testing.T) {
	const assumed = 12 * time.Hour // the shortest one on the API page
	for validPeriod, want := range map[string]time.Duration{
		`,"validPeriod":56326`:    56326 * time.Second,
		`,"validPeriod":56326.0`:  56326 * time.Second,
		`,"validPeriod":"56326"`:  56326 * time.Second,
		``:                        assumed,
		`,"validPeriod":null`:     assumed,
		`,"validPeriod":"soon"`:   assumed,
		`,"validPeriod":0`:        assumed,
		`,"validPeriod":-1`:       assumed,
		`,"validPeriod":[]`:       assumed,
		`,"validPeriod":1e300`:    30 * 24 * time.Hour, // no overflow
		`,"validPeriod":99999999`: 30 * 24 * time.Hour,
	} {
		inBubble(t, validPeriod, func(t *testing.T) {
			s := newSetup(t)
			s.fault(jsonBody(`{"accessToken":"t"` + validPeriod + `}`))
			if got := time.Until(s.mustSignIn(t).Expiry); got != want {
				t.Errorf("expires in %v, want %v", got, want)
			}
			time.Sleep(want*8/10 - time.Second)
			s.mustSignIn(t)
			s.wantSignIns(t, 1)
			time.Sleep(time.Second)
			s.mustSignIn(t)
			s.wantSignIns(t, 2)
		})
	}
}

func TestTokenIsReused(t *testing.T) {
	inBubble(t, "for 80 % of its validity", func(t *testing.T) {
		s := newSetup(t, tokenLifetime(10*time.Hour))
		for range 8 * 60 {
			s.mustList(t)
			time.Sleep(time.Minute)
		}
		s.wantSignIns(t, 1)
		s.mustList(t)
		s.wantIntervals(t, simulator.PathAppAuth, 8*time.Hour)
	})
	// A wall clock that is wrong or steps must neither end a token nor keep it.
	inBubble(t, "whatever the wall clock says", func(t *testing.T) {
		var step time.Duration
		s := newSetup(t, tokenLifetime(10*time.Hour), clock(func() time.Time { return time.Now().Add(step) }))
		s.mustList(t)
		step = -5 * time.Hour
		time.Sleep(8*time.Hour - time.Second)
		s.mustList(t)
		s.wantSignIns(t, 1)
		time.Sleep(time.Second)
		s.mustList(t)
		s.wantSignIns(t, 2)
	})
	inBubble(t, "in a day of polls", func(t *testing.T) {
		s := newSetup(t) // tokens of 12 to 24 hours
		for range 24 * 60 {
			s.mustList(t)
			if n := s.LiveTokens(); n > 2 {
				t.Fatalf("%d tokens are valid", n)
			}
			time.Sleep(time.Minute)
		}
		if n := len(s.seen(simulator.PathAppAuth)); n < 2 || n > 3 {
			t.Errorf("%d sign-ins", n)
		}
	})
}

func TestBeforeSignIn(t *testing.T) {
	s := newSetup(t)
	if session, err := s.client.Session(t.Context()); session != (client.Session{}) || err != nil {
		t.Errorf("%+v, %v", session, err)
	}
	if err := s.client.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s.wantRequests(t, "", 0)
}

func TestDeadTokenIsReplaced(t *testing.T) {
	t.Run("between listings", func(t *testing.T) {
		s := newSetup(t)
		want := s.addRecords(3)
		s.mustList(t)
		s.RevokeTokens()
		wantUUIDs(t, s.mustList(t), want)
		s.wantSignIns(t, 2)
		s.wantRequests(t, simulator.PathHistory, 3)
	})
	t.Run("between pages", func(t *testing.T) {
		s := newSetup(t, pageLimit(4))
		want := s.addRecords(9)
		s.fault(beforePage(1, s.RevokeTokens))
		wantUUIDs(t, s.mustList(t), want)
		if got, want := s.offsets(), []int{0, 3, 3, 6}; !slices.Equal(got, want) {
			t.Errorf("offsets %v, want %v", got, want)
		}
	})
}

func TestManyGoroutinesShareOneSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.fault(onSignIn(beforeNext(func() { time.Sleep(5 * time.Second) })))
		for signIns := range 2 {
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() {
					if _, err := s.list(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			s.wantSignIns(t, signIns+1)
			s.RevokeTokens()
		}
	})
}

func TestWaitForSignInOfAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.fault(onSignIn(simulator.Times(1, simulator.Hang())))
		first, stopFirst := context.WithCancel(t.Context())
		defer stopFirst()
		firstErr := make(chan error, 1)
		go func() { _, err := s.list(first); firstErr <- err }()
		synctest.Wait()

		second, stopSecond := context.WithTimeout(t.Context(), time.Second)
		defer stopSecond()
		if _, err := s.list(second); !errors.Is(err, context.DeadlineExceeded) || time.Since(s.began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(s.began))
		}
		if _, err := s.client.Session(second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("session: %v", err)
		}

		// If the goroutine that signs in stops, another one signs in.
		thirdErr := make(chan error, 1)
		go func() { _, err := s.list(t.Context()); thirdErr <- err }()
		synctest.Wait()
		stopFirst()
		if err := <-firstErr; !errors.Is(err, context.Canceled) {
			t.Errorf("first: %v", err)
		}
		if err := <-thirdErr; err != nil {
			t.Errorf("third: %v", err)
		}
	})
}

func TestCloseSignsOut(t *testing.T) {
	s := newSetup(t)
	for range 2 { // a closed client can be used again
		s.mustList(t)
		for range 2 {
			if err := s.client.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if session, _ := s.client.Session(t.Context()); !session.Expiry.IsZero() || s.LiveTokens() != 0 {
			t.Errorf("%d tokens are valid, the client's until %v", s.LiveTokens(), session.Expiry)
		}
	}
	s.wantRequests(t, simulator.PathToken, 2)
	for _, r := range s.seen(simulator.PathToken) {
		if r.method != http.MethodDelete {
			t.Errorf("%s", r.method)
		}
	}
}

// countingTransport counts how often its idle connections are closed.
type countingTransport struct {
	http.RoundTripper
	closed *int
}

func (c countingTransport) CloseIdleConnections() { *c.closed++ }

func TestCloseMakesOneAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		fault simulator.Fault
		want  client.Reason // "" for success
		takes time.Duration
	}{
		"200":        {simulator.Body(200, "text/plain", ""), "", 0},
		"202":        {simulator.Body(202, "text/plain", ""), "", 0},
		"204":        {simulator.Body(204, "text/plain", ""), "", 0},
		"throttled":  {simulator.RetryAfter("60", simulator.Throttled()), client.Throttled, 0},
		"cut 503":    {cutWith(503), client.Server, 0},
		"server":     {simulator.Answer(503, "USG.1", ""), client.Server, 0},
		"cut":        {simulator.Cut(), client.Network, 0},
		"dead token": {simulator.Answer(401, "USG.1", ""), client.Response, 0},
		"hang":       {simulator.Hang(), client.Network, 3 * time.Second},
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t)
			closed := 0
			s.cfg.Transport = countingTransport{s.cfg.Transport, &closed}
			s.reset(t)
			s.mustList(t)
			s.fault(c.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			err := s.client.Close(ctx)
			wantReason(t, err, c.want)
			if (err == nil) != (c.want == "") || errors.Is(err, context.DeadlineExceeded) != (c.takes > 0) {
				t.Error(err)
			}
			s.wantAttempts(t, client.EndpointSignOut, 1)
			if took := time.Since(s.began); took != c.takes || closed != 1 {
				t.Errorf("took %v, want %v; closed idle connections %d times", took, c.takes, closed)
			}
		})
	}
}
