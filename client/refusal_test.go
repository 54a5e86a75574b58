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

// refusals are the answers that say that signing in again does not help.
var refusals = map[string]simulator.Fault{
	"401":                             simulator.Answer(401, "USG.206010025", "refused"),
	"401 without a code":              simulator.Body(401, "text/html", "<p>refused"),
	"403":                             simulator.Answer(403, "USG.1", "refused"),
	"412 account disabled":            simulator.Answer(412, "USG.1", "refused"),
	"423 account locked":              simulator.Answer(423, "USG.1", "refused"),
	"400 wrong account or password":   simulator.Answer(400, "USG.206010000", "refused"),
	"400 wrong key":                   simulator.Answer(400, "USG.206010025", "refused"),
	"400 signature too old":           simulator.Answer(400, "USG.206010057", "refused"),
	"400 account inactive":            simulator.Answer(400, "USG.206010007", "refused"),
	"400 unknown user":                simulator.Answer(400, "USG.201040000", "refused"),
	"400 user not in system":          simulator.Answer(400, "USG.206030000", "refused"),
	"400 wrong key, no prefix":        simulator.Answer(400, "206010025", "refused"),
	"400 wrong key, older field":      simulator.Body(400, "application/json", `{"returnCode":"206010025","returnDesc":"refused"}`),
	"400 wrong key, number":           simulator.Body(400, "application/json", `{"error_code":206010025,"error_msg":"refused"}`),
	"400 wrong key, older and number": simulator.Body(400, "application/json", `{"returnCode":206010025,"returnDesc":"refused"}`),
}

func TestRefusedSignInsAreHeldBackForLongerEachTime(t *testing.T) {
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(onSignIn(refusal))
				// Asked far more often than polls come, to find each gap exactly.
				for range 50 * 6 {
					_, err := s.poll(t.Context())
					wantReason(t, err, client.Auth)
					time.Sleep(10 * time.Second)
				}
				want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
				if got := gaps(s.signIns()); !slices.Equal(got, want) {
					t.Errorf("times between sign-ins %v, want %v", got, want)
				}
				if n := s.Requests(simulator.PathHistory); n != 0 {
					t.Errorf("%d requests for history without a token", n)
				}

				s.fault(nil)
				time.Sleep(15 * time.Minute)
				s.mustPoll(t)
			})
		})
	}
}

func TestTheServicesOwnRefusalsAreHeldBack(t *testing.T) {
	for name, spoil := range map[string]func(s *site){
		"key":      func(s *site) { s.SetAppKey("another") },
		"disabled": func(s *site) { s.SetAccountState(simulator.AccountDisabled) },
		"locked":   func(s *site) { s.SetAccountState(simulator.AccountLocked) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newLoopbackSite(t)
			spoil(s)
			for range 3 {
				_, err := s.poll(t.Context())
				wantReason(t, err, client.Auth)
			}
			if n := len(s.signIns()); n != 1 {
				t.Errorf("%d sign-ins", n)
			}
		})
	}
}

// The hold is never shorter than the interval, be it longer than 15 minutes.
func TestALongIntervalIsTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(_ *simulator.Config, cfg *client.Config) { cfg.SignInInterval = 20 * time.Minute })
		s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
		for range 61 {
			_, err := s.poll(t.Context())
			wantReason(t, err, client.Auth)
			time.Sleep(time.Minute)
		}
		if got, want := gaps(s.signIns()), []time.Duration{20 * time.Minute, 20 * time.Minute, 20 * time.Minute}; !slices.Equal(got, want) {
			t.Errorf("times between sign-ins %v, want %v", got, want)
		}
	})
}

func TestAHeldBackSignInTellsWhatWasRefusedAndUntilWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.fault(onSignIn(simulator.Answer(423, "USG.206010008", "")))
		_, first := s.poll(t.Context())
		time.Sleep(20 * time.Second)
		_, held := s.poll(t.Context())
		var e *client.Error
		if !errors.As(held, &e) || e.Status != 423 || e.Code != "USG.206010008" {
			t.Fatalf("%+v", held)
		}
		if !strings.Contains(held.Error(), "held back for 40s") || strings.Contains(first.Error(), "held back") {
			t.Errorf("first %q, then %q", first, held)
		}
	})
}

func TestASuccessEndsTheDoubling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		refuse := func(minutes int) {
			s.RevokeTokens()
			s.fault(onSignIn(simulator.Answer(401, "USG.1", "")))
			for range minutes {
				_, err := s.poll(t.Context())
				wantReason(t, err, client.Auth)
				time.Sleep(time.Minute)
			}
			s.fault(nil)
		}
		refuse(8) // sign-ins after 0, 1, 3 and 7 minutes
		time.Sleep(10 * time.Minute)
		s.mustPoll(t)
		before := len(s.signIns())
		refuse(4) // after 0, 1 and 3
		if got := len(s.signIns()) - before; got != 3 {
			t.Errorf("%d sign-ins, want 3", got)
		}
	})
}

// What has nothing to do with credentials is tried again with the next poll.
func TestOtherFailuresOfASignInAreNotHeldBack(t *testing.T) {
	for name, f := range map[string]simulator.Fault{
		"throttled":        simulator.Throttled(),
		"server":           simulator.Answer(500, "USG.1", ""),
		"cut":              simulator.Cut(),
		"bad request":      simulator.Answer(400, "USG.200000001", ""),
		"not found":        simulator.Answer(404, "APIGW.0101", ""),
		"page":             simulator.HTML(),
		"error as success": simulator.Answer(200, "USG.1", ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(onSignIn(f))
				_, err := s.poll(t.Context())
				if reason, ok := client.ReasonOf(err); !ok || reason == client.Auth {
					t.Errorf("reason %q of %v", reason, err)
				}
				s.fault(nil)
				s.mustPoll(t)
			})
		})
	}
}

func TestA401ThatNoSignInCuresIsNoStormOfSignIns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.fault(onHistory(simulator.Answer(401, "MMC.111070111", "")))
		for range 24 * 60 {
			_, err := s.poll(t.Context())
			wantReason(t, err, client.Auth)
			time.Sleep(time.Minute)
		}
		// A poll may find no token, sign in, and sign in once more after the
		// 401: that is two for each hold.
		signIns := s.signIns()
		for i := range signIns {
			if i+2 < len(signIns) && signIns[i+2].Sub(signIns[i]) < min(15*time.Minute, time.Minute<<(i/2)) {
				t.Fatalf("sign-ins after %v", gaps(signIns[:i+3]))
			}
		}
		if n := len(signIns); n < 24 || n > 2*(4*24+6) {
			t.Errorf("%d sign-ins in a day", n)
		}

		s.fault(nil)
		time.Sleep(15 * time.Minute)
		s.mustPoll(t)
	})
}

// Goroutines that fail together are one failure.
func TestRefusalsOfManyGoroutinesAreHeldBackAsOne(t *testing.T) {
	for name, f := range map[string]simulator.Fault{
		"sign-in refused": onSignIn(simulator.Answer(401, "USG.206010025", "")),
		"token rejected":  onHistory(simulator.Answer(401, "MMC.111070111", "")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(f)
				pollTogether := func() {
					var wg sync.WaitGroup
					for range 10 {
						wg.Go(func() {
							if _, err := s.poll(t.Context()); err == nil {
								t.Error("no error")
							}
						})
					}
					wg.Wait()
				}
				pollTogether()
				first := len(s.signIns())
				if first > 3 { // one, one after a 401, and one for who comes between the two
					t.Errorf("%d sign-ins", first)
				}
				time.Sleep(time.Minute)
				pollTogether()
				if n := len(s.signIns()) - first; n < 1 || n > 3 {
					t.Errorf("%d sign-ins after the interval", n)
				}
			})
		})
	}
}

func TestAForbiddenHistoryKeepsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.fault(onHistory(simulator.Answer(403, "MMC.111070002", "")))
		for i := range 10 {
			_, err := s.poll(t.Context())
			wantReason(t, err, client.Permission)
			if n := s.Requests(simulator.PathHistory); n != i+1 {
				t.Fatalf("%d requests for history in %d polls", n, i+1)
			}
			time.Sleep(time.Minute)
		}
		s.fault(nil)
		s.mustPoll(t)
		if n := len(s.signIns()); n != 1 {
			t.Errorf("%d sign-ins, want 1", n)
		}
	})
}
