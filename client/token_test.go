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

func TestATokenIsReusedUntil80PercentOfItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, tokensLive(10*time.Hour))
		for range 8 * 60 {
			s.mustPoll(t)
			time.Sleep(time.Minute)
		}
		if n := len(s.signIns()); n != 1 {
			t.Errorf("%d sign-ins in 8 hours, want 1", n)
		}
		s.mustPoll(t)
		if want := []time.Duration{8 * time.Hour}; !slices.Equal(gaps(s.signIns()), want) {
			t.Errorf("signed in again after %v, want %v", gaps(s.signIns()), want)
		}
	})
}

func TestTheLifeOfATokenIsReadInAnyForm(t *testing.T) {
	const assumed = 12 * time.Hour // the shortest life by the API page
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
		t.Run(validPeriod, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(jsonBody(`{"accessToken":"t"` + validPeriod + `}`))
				signIn := func() {
					t.Helper()
					if _, err := s.client.SignIn(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				signIn()
				expiry, _, err := s.client.Session(t.Context())
				if got := time.Until(expiry); got != want || err != nil {
					t.Errorf("expires in %v, %v; want %v", got, err, want)
				}
				time.Sleep(want*8/10 - time.Second)
				signIn()
				if n := len(s.signIns()); n != 1 {
					t.Errorf("%d sign-ins before 80 %% of the life", n)
				}
				time.Sleep(time.Second)
				signIn()
				if n := len(s.signIns()); n != 2 {
					t.Errorf("%d sign-ins at 80 %% of the life, want 2", n)
				}
			})
		})
	}
}

// A wall clock that is wrong or steps must neither end a token nor keep it.
func TestTheWallClockDoesNotDecideWhenToRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var step time.Duration
		s := newSite(t, tokensLive(10*time.Hour), func(service *simulator.Config, cfg *client.Config) {
			cfg.Now = func() time.Time { return time.Now().Add(step) }
			service.Now = cfg.Now
		})
		s.mustPoll(t)
		step = -5 * time.Hour
		time.Sleep(8*time.Hour - time.Second)
		s.mustPoll(t)
		if n := len(s.signIns()); n != 1 {
			t.Errorf("%d sign-ins", n)
		}
		time.Sleep(time.Second)
		s.mustPoll(t)
		if n := len(s.signIns()); n != 2 {
			t.Errorf("%d sign-ins at 80 %% of the life, want 2", n)
		}
	})
}

func TestNoTokenHasNoExpiry(t *testing.T) {
	s := newLoopbackSite(t)
	if expiry, role, err := s.client.Session(t.Context()); !expiry.IsZero() || role != client.RoleUnknown || err != nil {
		t.Errorf("%v, %v, %v", expiry, role, err)
	}
	if len(s.requests) != 0 {
		t.Error("asked the service")
	}
}

func TestADeadTokenIsReplacedByOneSignInAndOneRetry(t *testing.T) {
	s := newLoopbackSite(t)
	s.addRecords(3)
	s.mustPoll(t)
	s.RevokeTokens()
	if got := s.mustPoll(t); len(got) != 3 {
		t.Errorf("%d meetings, want 3", len(got))
	}
	if signIns, lists := len(s.signIns()), len(s.seen(simulator.PathHistory)); signIns != 2 || lists != 3 {
		t.Errorf("%d sign-ins and %d requests for history, want 2 and 3", signIns, lists)
	}
}

func TestATokenThatDiesBetweenPagesIsReplaced(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(4))
	want := s.addRecords(10)
	s.fault(before(1, s.RevokeTokens))
	if got := uuidsOf(s.mustPoll(t)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := s.offsets(), []int{0, 3, 3, 6}; !slices.Equal(got, want) {
		t.Errorf("offsets %v, want %v", got, want)
	}
}

func TestManyGoroutinesShareOneSignIn(t *testing.T) {
	const many = 40
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		slow := onSignIn(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(5 * time.Second)
			next.ServeHTTP(w, r)
		})
		s.fault(slow)
		pollTogether := func() {
			var wg sync.WaitGroup
			for range many {
				wg.Go(func() {
					if _, err := s.poll(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		pollTogether()
		if n := len(s.signIns()); n != 1 {
			t.Errorf("%d sign-ins at the start, want 1", n)
		}
		s.RevokeTokens()
		pollTogether()
		if n := len(s.signIns()); n != 2 {
			t.Errorf("%d sign-ins once the token is dead, want 2", n)
		}
	})
}

func TestWhoWaitsForASignInGivesUpWithTheirOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.fault(onSignIn(simulator.Times(1, simulator.Hang())))
		leader, stopLeader := context.WithCancel(t.Context())
		defer stopLeader()
		led := make(chan error, 1)
		go func() { _, err := s.poll(leader); led <- err }()
		synctest.Wait()

		follower, stopFollower := context.WithTimeout(t.Context(), time.Second)
		defer stopFollower()
		began := time.Now()
		if _, err := s.poll(follower); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, _, err := s.client.Session(follower); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("session: %v", err)
		}

		// Whoever signs in breaking off is no failure of those that wait.
		waited := make(chan error, 1)
		go func() { _, err := s.poll(t.Context()); waited <- err }()
		synctest.Wait()
		stopLeader()
		if err := <-led; !errors.Is(err, context.Canceled) {
			t.Errorf("leader: %v", err)
		}
		if err := <-waited; err != nil {
			t.Errorf("follower: %v", err)
		}
	})
}

func TestADayOfPollsNeedsTwoSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t) // tokens of 12 to 24 hours
		for range 24 * 60 {
			s.mustPoll(t)
			if n := s.LiveTokens(); n > 2 {
				t.Fatalf("%d tokens live", n)
			}
			time.Sleep(time.Minute)
		}
		if n := len(s.signIns()); n < 2 || n > 3 {
			t.Errorf("%d sign-ins", n)
		}
	})
}

func TestCloseSignsOutOnce(t *testing.T) {
	s := newLoopbackSite(t)
	s.mustPoll(t)
	for range 2 {
		if err := s.client.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.LiveTokens(); n != 0 {
		t.Errorf("%d tokens live", n)
	}
	seen := s.seen(simulator.PathToken)
	if len(seen) != 1 || seen[0].method != http.MethodDelete {
		t.Errorf("%d requests to sign out: %+v", len(seen), seen)
	}
	if expiry, _, _ := s.client.Session(t.Context()); !expiry.IsZero() {
		t.Errorf("a token until %v", expiry)
	}
	s.mustPoll(t) // a closed client signs in anew
}

func TestCloseWithoutATokenAsksNothing(t *testing.T) {
	s := newLoopbackSite(t)
	if err := s.client.Close(t.Context()); err != nil || len(s.requests) != 0 {
		t.Errorf("%v, %d requests", err, len(s.requests))
	}
}

func TestCloseMakesOneAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		fault simulator.Fault
		want  client.Reason
	}{
		"throttled":  {simulator.RetryAfter("60", simulator.Throttled()), client.Throttled},
		"server":     {simulator.Answer(503, "USG.1", ""), client.Server},
		"cut":        {simulator.Cut(), client.Network},
		"dead token": {simulator.Answer(401, "USG.1", ""), client.Response},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.mustPoll(t)
				s.fault(c.fault)
				began := time.Now()
				wantReason(t, s.client.Close(t.Context()), c.want)
				if n := s.attempts(client.EndpointSignOut); n != 1 || time.Since(began) != 0 {
					t.Errorf("%d attempts in %v", n, time.Since(began))
				}
			})
		})
	}
}

func TestCloseAcceptsAnEmptyAnswerOfAnySuccess(t *testing.T) {
	for _, status := range []int{200, 202, 204} {
		s := newLoopbackSite(t)
		s.mustPoll(t)
		s.fault(simulator.Body(status, "text/plain", ""))
		if err := s.client.Close(t.Context()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestCloseIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.mustPoll(t)
		s.fault(simulator.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := s.client.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
