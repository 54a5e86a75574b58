package simulator_test

import (
	"sync/atomic"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// clock is a clock that a test moves.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time          { return noon.Add(time.Duration(c.since.Load())) }
func (c *clock) advance(d time.Duration) { c.since.Add(int64(d)) }

func TestHistoryWantsALiveToken(t *testing.T) {
	s := simulator.New(open())
	a := serve(t, s)
	a.list().want(t, 401, "MMC.111070111")
	a.token = "unknown"
	a.list().want(t, 401, "MMC.111070111")
	a.token = a.appAuth("", 72).accessToken(t)
	a.rows()
	s.RevokeTokens()
	a.list().want(t, 401, "MMC.111070111")
}

func TestTokenExpiresByTheServicesClock(t *testing.T) {
	var c clock
	cfg := open()
	cfg.Now, cfg.TokenLifetime = c.now, time.Hour
	s := simulator.New(cfg)
	a := signedIn(t, s)
	c.advance(time.Hour - time.Second)
	a.rows()
	c.advance(time.Second)
	a.list().want(t, 401, "MMC.111070111")
	if n := s.LiveTokens(); n != 0 {
		t.Errorf("%d tokens live", n)
	}
}

func TestSignOutEndsOneToken(t *testing.T) {
	s := simulator.New(open())
	a, b := signedIn(t, s), signedIn(t, s)
	got := a.do("DELETE", simulator.PathToken, map[string]string{"X-Access-Token": a.token}, nil)
	if got.status != 200 || len(got.body) != 0 {
		t.Errorf("sign out: %d %s", got.status, got.body)
	}
	a.list().want(t, 401, "MMC.111070111")
	b.rows()
	a.do("DELETE", simulator.PathToken, map[string]string{"X-Access-Token": a.token}, nil).want(t, 401, "MMC.111070111")
	a.do("DELETE", simulator.PathToken, nil, nil).want(t, 401, "MMC.111070111")
}

func TestSixtyFifthTokenOfAUserKillsTheOldest(t *testing.T) {
	s := simulator.New(open())
	first, second := signedIn(t, s), signedIn(t, s)
	bob := serve(t, s)
	bob.token = bob.appAuth("bob@ent01", 72).accessToken(t)
	for range 62 {
		first.appAuth("", 72).want(t, 200, "")
	}
	first.rows()
	first.appAuth("", 72).want(t, 200, "")
	first.list().want(t, 401, "MMC.111070111")
	second.rows()
	bob.rows()
	if n := s.LiveTokens(); n != 65 {
		t.Errorf("%d tokens live, want 64 and one of another user", n)
	}
}

func TestAnyOtherClientTypeHasOneToken(t *testing.T) {
	s := simulator.New(open())
	server, person := signedIn(t, s), serve(t, s)
	person.token = person.appAuth("", 52).accessToken(t)
	person.rows()
	person.appAuth("", 52).want(t, 200, "")
	person.list().want(t, 401, "MMC.111070111")
	server.rows()
}
