package client_test

import (
	"errors"
	"fmt"
	"net/http"
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

// A sign-in that fails may have ended another token, and may lock the account.
func TestDelayAfterFailedSignIn(t *testing.T) {
	refusals := map[string]simulator.Fault{
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
		"200 wrong key":                 simulator.Answer(200, "USG.206010025", "refused"),
	}
	failures := map[client.Reason]map[string]simulator.Fault{
		client.Auth: refusals,
		client.Response: {
			"empty object": jsonBody(`{}`), "empty token": jsonBody(`{"accessToken":""}`), "null token": jsonBody(`{"accessToken":null}`),
			"number for token": jsonBody(`{"accessToken":1}`), "array": jsonBody(`[]`), "empty": jsonBody(``),
			"200 with a code": simulator.Answer(200, "USG.1", ""), "HTML": simulator.HTML(),
			"redirect": simulator.Redirect("http://elsewhere.example/"), "400": simulator.Answer(400, "USG.200000001", ""),
			"404": simulator.Answer(404, "APIGW.0101", ""),
		},
		client.Throttled: {"429": simulator.Throttled(), "403 0308": simulator.Answer(403, "APIGW.0308", ""), "cut 429": cutWith(429)},
		client.Server:    {"500": simulator.Answer(500, "USG.1", ""), "cut 503": cutWith(503)},
		client.Network: {
			"cut": simulator.Cut(), "cut body": simulator.CutBody(), "hang": simulator.Hang(), "hang in body": hangInBody,
			"half a body": jsonBody(`{"accessToken":"t"`),
		},
	}
	for reason, faults := range failures {
		for name, f := range faults {
			inBubble(t, name, func(t *testing.T) {
				s := newSetup(t)
				s.fault(onSignIn(f))
				s.failEvery(t, 10*time.Second, 49*6, reason) // or later, after one that hangs
				s.wantIntervals(t, simulator.PathAppAuth, time.Minute, 2*time.Minute, 4*time.Minute, 8*time.Minute, 15*time.Minute, 15*time.Minute)
				s.wantRequests(t, simulator.PathHistory, 0)

				s.fault(nil)
				time.Sleep(15 * time.Minute)
				s.mustList(t)
			})
		}
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
	inBubble(t, "longer if the service asks for it", func(t *testing.T) {
		s := newSetup(t)
		s.fault(onSignIn(simulator.Times(1, simulator.RetryAfter("100", simulator.Throttled()))))
		s.failEvery(t, 10*time.Second, 10, client.Throttled)
		s.mustList(t)
		s.wantIntervals(t, simulator.PathAppAuth, 100*time.Second)
	})
	inBubble(t, "none without a connection", func(t *testing.T) {
		s := newSetup(t)
		working := s.cfg.Transport
		var network http.RoundTripper = refusing
		s.cfg.Transport = transportFunc(func(r *http.Request) (*http.Response, error) { return network.RoundTrip(r) })
		s.reset(t)
		s.wantFailure(t, client.Network)
		s.wantAttempts(t, client.EndpointSignIn, 4)
		network = working
		s.mustList(t)
	})
	inBubble(t, "never shorter than the interval", func(t *testing.T) {
		s := newSetup(t, func(_ *simulator.Config, cfg *client.Config) { cfg.SignInInterval = 20 * time.Minute })
		s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
		s.failEvery(t, time.Minute, 61, client.Auth)
		s.wantIntervals(t, simulator.PathAppAuth, 20*time.Minute, 20*time.Minute, 20*time.Minute)
	})
	inBubble(t, "as long as the interval, however long", func(t *testing.T) {
		const interval = 10 * 365 * 24 * time.Hour // doubled five times, it overflows
		s := newSetup(t, func(_ *simulator.Config, cfg *client.Config) { cfg.SignInInterval = interval })
		s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
		s.failEvery(t, interval/2, 15, client.Auth)
		s.wantIntervals(t, simulator.PathAppAuth, slices.Repeat([]time.Duration{interval}, 7)...)
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
		const next = "the next sign-in is in 35s"
		if !strings.Contains(second.Error(), next) || strings.Contains(first.Error(), "next sign-in") {
			t.Errorf("first %q, then %q", first, second)
		}
	})
}

// A poll begins one interval after another, and so a bit less than that after a
// sign-in of that other poll was refused.
func TestRefusedSignInIsDueAtNextPoll(t *testing.T) {
	slowly := func(f simulator.Fault) simulator.Fault {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(700 * time.Millisecond)
			f(w, r, next)
		}
	}
	for name, f := range map[string]simulator.Fault{
		"refused":        onSignIn(slowly(simulator.Answer(401, "USG.206010025", ""))),
		"hangs":          onSignIn(simulator.Hang()),
		"token rejected": onHistory(slowly(simulator.Answer(401, "USG.1", ""))),
	} {
		for _, interval := range []time.Duration{time.Minute, 10 * time.Second, 5 * time.Minute} {
			if name == "hangs" && interval < 30*time.Second {
				continue // longer than a poll
			}
			inBubble(t, fmt.Sprint(name, interval), func(t *testing.T) {
				s := newSetup(t, func(_ *simulator.Config, cfg *client.Config) { cfg.SignInInterval = interval })
				s.fault(f)
				var polls []int // with a sign-in
				for i := range 8 {
					before := len(s.seen(simulator.PathAppAuth))
					if _, err := s.list(t.Context()); err == nil {
						t.Error("no error")
					}
					if len(s.seen(simulator.PathAppAuth)) > before {
						polls = append(polls, i)
					}
					time.Sleep(time.Until(s.began.Add(time.Duration(i+1) * interval)))
				}
				want := []int{0, 1, 3, 7}
				if interval == 5*time.Minute {
					want = []int{0, 1, 3, 6} // at most 15 minutes
				}
				if !slices.Equal(polls, want) {
					t.Errorf("sign-ins in polls %v, want %v", polls, want)
				}
			})
		}
	}
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
