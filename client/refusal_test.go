package client_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// failEvery lists the history n times, expecting the failure each time.
func (s *setup) failEvery(t *testing.T, interval time.Duration, n int, want client.Reason) {
	t.Helper()
	for range n {
		s.wantFailure(t, want)
		time.Sleep(interval)
	}
}

func TestDelayAfterRefusedSignIn(t *testing.T) {
	for name, refusal := range map[string]simulator.Fault{
		"401":                           simulator.Answer(401, "USG.206010025", "refused"),
		"401 without a code":            simulator.Body(401, "text/html", "<p>refused"),
		"403":                           simulator.Answer(403, "USG.1", "refused"),
		"412 account disabled":          simulator.Answer(412, "USG.1", "refused"),
		"423 account locked":            simulator.Answer(423, "USG.1", "refused"),
		"400 wrong account or password": simulator.Answer(400, "USG.206010000", "refused"),
		"400 wrong key":                 simulator.Answer(400, "USG.206010025", "refused"),
		"400 signature too old":         simulator.Answer(400, "USG.206010057", "refused"),
		"400 account inactive":          simulator.Answer(400, "USG.206010007", "refused"),
		"400 unknown user":              simulator.Answer(400, "USG.201040000", "refused"),
		"400 user not in system":        simulator.Answer(400, "USG.206030000", "refused"),
		"400 no prefix":                 simulator.Answer(400, "206010025", "refused"),
		"400 older field":               simulator.Body(400, "application/json", `{"returnCode":"206010025","returnDesc":"refused"}`),
		"400 number":                    simulator.Body(400, "application/json", `{"error_code":206010025,"error_msg":"refused"}`),
		"400 older field, number":       simulator.Body(400, "application/json", `{"returnCode":206010025,"returnDesc":"refused"}`),
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t)
			s.fault(onSignIn(refusal))
			s.failEvery(t, 10*time.Second, 50*6, client.Auth)
			s.wantIntervals(t, simulator.PathAppAuth, time.Minute, 2*time.Minute, 4*time.Minute, 8*time.Minute, 15*time.Minute, 15*time.Minute)
			s.wantRequests(t, simulator.PathHistory, 0)

			s.fault(nil)
			time.Sleep(15 * time.Minute)
			s.mustList(t)
		})
	}
	for name, refuse := range map[string]func(s *setup){
		"key changed":      func(s *setup) { s.SetAppKey("another") },
		"account disabled": func(s *setup) { s.SetAccountState(simulator.AccountDisabled) },
		"account locked":   func(s *setup) { s.SetAccountState(simulator.AccountLocked) },
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t)
			refuse(s)
			s.failEvery(t, 0, 3, client.Auth)
			s.wantSignIns(t, 1)
		})
	}
	inBubble(t, "never shorter than the interval", func(t *testing.T) {
		s := newSetup(t, func(_ *simulator.Config, cfg *client.Config) { cfg.SignInInterval = 20 * time.Minute })
		s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
		s.failEvery(t, time.Minute, 61, client.Auth)
		s.wantIntervals(t, simulator.PathAppAuth, 20*time.Minute, 20*time.Minute, 20*time.Minute)
	})
	inBubble(t, "a success ends the doubling", func(t *testing.T) {
		s := newSetup(t)
		s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
		s.failEvery(t, time.Minute, 8, client.Auth) // sign-ins after 0, 1, 3 and 7 minutes
		s.fault(nil)
		time.Sleep(10 * time.Minute)
		s.mustList(t)
		s.wantSignIns(t, 5)
		s.RevokeTokens()
		s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
		s.failEvery(t, time.Minute, 4, client.Auth) // after 0, 1 and 3
		s.wantSignIns(t, 8)
	})
}

func TestErrorDuringDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.fault(onSignIn(simulator.Answer(423, "USG.206010008", "")))
		first := s.wantFailure(t, client.Auth)
		time.Sleep(20 * time.Second)
		second := s.wantFailure(t, client.Auth)
		var e *client.Error
		if !errors.As(second, &e) || e.Status != 423 || e.Code != "USG.206010008" {
			t.Fatalf("%+v", second)
		}
		const next = "the next sign-in is in 40s"
		if !strings.Contains(second.Error(), next) || strings.Contains(first.Error(), "next sign-in") {
			t.Errorf("first %q, then %q", first, second)
		}
	})
}

func TestPermanent401IsNoStormOfSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.fault(onHistory(simulator.Answer(401, "MMC.111070111", "")))
		s.failEvery(t, time.Minute, 24*60, client.Auth)
		// A poll may find no token, sign in, and sign in once more after the
		// 401. So there are two sign-ins for each delay.
		signIns := s.seen(simulator.PathAppAuth)
		for i := range signIns {
			if i+2 < len(signIns) && signIns[i+2].at.Sub(signIns[i].at) < min(15*time.Minute, time.Minute<<(i/2)) {
				t.Fatalf("times between sign-ins %v", s.intervals(simulator.PathAppAuth)[:i+2])
			}
		}
		if n := len(signIns); n < 24 || n > 2*(4*24+6) {
			t.Errorf("%d sign-ins in a day", n)
		}

		s.fault(nil)
		time.Sleep(15 * time.Minute)
		s.mustList(t)
	})
}

// Goroutines that fail together cause one delay.
func TestRefusalsOfManyGoroutines(t *testing.T) {
	for name, f := range map[string]simulator.Fault{
		"sign-in refused": onSignIn(simulator.Answer(401, "USG.206010025", "")),
		"token rejected":  onHistory(simulator.Answer(401, "MMC.111070111", "")),
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t)
			s.fault(f)
			failTogether := func() {
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						if _, err := s.list(t.Context()); err == nil {
							t.Error("no error")
						}
					})
				}
				wg.Wait()
			}
			failTogether()
			first := len(s.seen(simulator.PathAppAuth))
			if first > 3 { // one, one after a 401, and one for a goroutine between the two
				t.Errorf("%d sign-ins", first)
			}
			time.Sleep(time.Minute)
			failTogether()
			if n := len(s.seen(simulator.PathAppAuth)) - first; n < 1 || n > 3 {
				t.Errorf("%d sign-ins after the interval", n)
			}
		})
	}
}

func TestForbiddenHistoryKeepsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.fault(onHistory(simulator.Answer(403, "MMC.111070002", "")))
		s.failEvery(t, time.Minute, 10, client.Permission)
		s.wantRequests(t, simulator.PathHistory, 10)
		s.fault(nil)
		s.mustList(t)
		s.wantSignIns(t, 1)
	})
}

func TestErrorCodes(t *testing.T) {
	for code, want := range map[string][3]bool{ // wrong credentials, expired signature, unknown user
		"USG.206010000": {true, false, false},
		"USG.206010025": {true, false, false},
		"206010057":     {true, true, false},
		"USG.201040000": {false, false, true},
		"USG.206030000": {false, false, true},
		"USG.206010007": {false, false, true},
		"MMC.111070005": {false, false, false},
		"":              {false, false, false},
	} {
		e := client.Error{Code: code}
		if got := [3]bool{e.WrongCredentials(), e.ExpiredSignature(), e.UnknownUser()}; !slices.Equal(got[:], want[:]) {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
}
