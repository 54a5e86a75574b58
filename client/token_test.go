package client_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// Every form but the last tells that the token is dead. The last one may also
// mean that the user lacks a permission, so the client waits for more failures.
func TestDeadTokenForms(t *testing.T) {
	for form, polls := range map[simulator.DeadTokenForm]int{
		simulator.DeadTokenUnauthorized: 1, simulator.DeadTokenNull: 1, simulator.DeadTokenBadRequest: 1,
		simulator.DeadTokenForbidden: 1, simulator.DeadTokenOK: 1, simulator.DeadTokenNoBody: 3,
	} {
		inBubble(t, fmt.Sprint("form ", form), func(t *testing.T) {
			s := newSetup(t, variant(simulator.Variant{DeadToken: form}))
			s.mustList(t)
			s.RevokeTokens()
			for range polls - 1 {
				s.wantFailure(t, client.Permission)
				time.Sleep(time.Minute)
			}
			s.mustList(t)
			s.wantSignIns(t, 2)
			if n := s.LiveTokens(); n != 1 {
				t.Errorf("%d tokens", n)
			}
		})
	}
}

// Responses that reject every token, or seem to, must not cause many sign-ins.
func TestTokensThatAreAlwaysRejected(t *testing.T) {
	for name, c := range map[string]struct {
		fault  simulator.Fault
		reason client.Reason
		most   int // sign-ins in a day
	}{
		"401":         {simulator.Answer(401, "MMC.111070111", ""), client.Auth, 2 * (4*24 + 6)},
		"400":         {simulator.Answer(400, "111070111", ""), client.Auth, 2 * (4*24 + 6)},
		"400 MBI":     {simulator.Answer(400, "MBI.000000004", ""), client.Auth, 2 * (4*24 + 6)},
		"403 USG":     {simulator.Answer(403, "USG.200000002", ""), client.Permission, 2 * (4*24 + 6)},
		"200":         {simulator.Answer(200, "MMC.111070111", ""), client.Auth, 2 * (4*24 + 6)},
		"403":         {simulator.Answer(403, "MMC.111070002", ""), client.Permission, 4*24 + 1},
		"404":         {simulator.Answer(404, "APIGW.0101", ""), client.Response, 4*24 + 1},
		"HTML":        {simulator.HTML(), client.Response, 4*24 + 1},
		"throttled":   {simulator.Answer(403, "APIGW.0308", ""), client.Throttled, 2},
		"server":      {simulator.Answer(500, "USG.1", ""), client.Server, 2},
		"cut":         {simulator.Cut(), client.Network, 2},
		"other codes": {simulator.Answer(400, "MMC.111070001", ""), client.Response, 4*24 + 1},
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t, tokenLifetime(24*time.Hour), oneAttempt)
			s.fault(onHistory(c.fault))
			s.failEvery(t, time.Minute, 24*60, c.reason)
			n := len(s.seen(simulator.PathAppAuth))
			if n > c.most || c.most > 2 && n < 4*24-6 {
				t.Errorf("%d sign-ins in a day", n)
			}
			signIns := s.seen(simulator.PathAppAuth)
			for i := range signIns {
				if i+2 < n && signIns[i+2].at.Sub(signIns[i].at) < min(15*time.Minute, time.Minute<<(i/2)) {
					t.Fatalf("times between sign-ins %v", s.intervals(simulator.PathAppAuth)[:i+2])
				}
			}
			if live := s.LiveTokens(); c.reason != client.Auth && live > 2 && c.most < 100 {
				t.Errorf("%d tokens are left", live)
			}
			s.fault(nil)
			time.Sleep(15 * time.Minute)
			s.mustList(t)
		})
	}
}

// While a portal responds in the place of the service, nobody can sign in. The
// token must serve as soon as the service is back.
func TestTokenSurvivesOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, tokenLifetime(24*time.Hour))
		s.mustList(t)
		s.fault(simulator.HTML())
		s.failEvery(t, time.Minute, 60, client.Response)
		if n := len(s.seen(simulator.PathAppAuth)); n < 5 || n > 10 { // after 2, 3, 5, 9, 17, 32, 47 ... minutes
			t.Errorf("%d sign-ins in an hour", n)
		}
		s.fault(onSignIn(simulator.HTML()))
		s.mustList(t)
		before := len(s.seen(simulator.PathAppAuth))
		s.fault(nil)
		for range 60 {
			time.Sleep(time.Minute)
			s.mustList(t)
		}
		if n := len(s.seen(simulator.PathAppAuth)); n != before || s.LiveTokens() != 1 {
			t.Errorf("%d sign-ins after the outage, %d tokens", n-before, s.LiveTokens())
		}
	})
}

func TestSingleFailuresKeepToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		for range 10 {
			s.fault(onHistory(simulator.Answer(403, "MMC.111070002", "")))
			s.wantFailure(t, client.Permission)
			s.fault(nil)
			s.mustList(t)
			time.Sleep(time.Minute)
		}
		s.wantSignIns(t, 1)
	})
}

// A renewal that fails does no harm while the old token is valid.
func TestFailedRenewalKeepsToken(t *testing.T) {
	for name, f := range map[string]simulator.Fault{
		"refused": simulator.Answer(423, "USG.1", ""), "cut": simulator.Cut(), "server": simulator.Answer(500, "", ""), "HTML": simulator.HTML(),
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t, tokenLifetime(10*time.Hour))
			s.mustList(t)
			expiry := s.mustSignIn(t).Expiry
			time.Sleep(8 * time.Hour)
			s.fault(onSignIn(f))
			for range 2*60 - 1 {
				s.mustList(t)
				time.Sleep(time.Minute)
			}
			if n := len(s.seen(simulator.PathAppAuth)); n < 10 || n > 14 { // after 1, 2, 4, 8, 15, 15 ... minutes
				t.Errorf("%d sign-ins in two hours", n)
			}
			if session, _ := s.client.Session(t.Context()); !session.Expiry.Equal(expiry) {
				t.Errorf("expiry %v, want %v", session.Expiry, expiry)
			}
			time.Sleep(time.Minute)
			requests := len(s.seen(simulator.PathHistory))
			if _, err := s.list(t.Context()); err == nil {
				t.Error("the token is expired")
			}
			s.wantRequests(t, simulator.PathHistory, requests)
		})
		inBubble(t, name+", then rejected", func(t *testing.T) {
			s := newSetup(t, tokenLifetime(10*time.Hour))
			s.mustList(t)
			time.Sleep(8 * time.Hour)
			s.fault(onSignIn(f))
			s.mustList(t)
			s.RevokeTokens()
			if _, err := s.list(t.Context()); err == nil {
				t.Error("the token is revoked")
			}
			s.fault(nil)
			time.Sleep(time.Minute)
			s.mustList(t)
		})
	}
}

func TestCloseDoesNotWaitForLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, rate(1), pageLimit(3))
		s.addRecords(8) // four pages and a sign-in use the burst up
		s.mustList(t)
		if err := s.client.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(s.began); took != 0 || s.LiveTokens() != 0 {
			t.Errorf("took %v, %d tokens are left", took, s.LiveTokens())
		}
	})
}
