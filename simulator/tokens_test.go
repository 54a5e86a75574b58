package simulator_test

import (
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestHistoryNeedsAValidToken(t *testing.T) {
	s := simulator.New(empty())
	a := serve(t, s)
	a.list("").want(t, 401, invalidToken)
	a.token = "unknown"
	a.list("").want(t, 401, invalidToken)
	a.useToken("", 72)
	a.rows("")
	s.RevokeTokens()
	a.list("").want(t, 401, invalidToken)
}

func TestTokenExpires(t *testing.T) {
	var c clock
	cfg := empty()
	cfg.Now, cfg.TokenLifetime = c.now, time.Hour
	s := simulator.New(cfg)
	a := signedIn(t, s)
	c.advance(time.Hour - time.Second)
	a.rows("")
	c.advance(time.Second)
	a.list("").want(t, 401, invalidToken)
	equal(t, "valid tokens", s.LiveTokens(), 0)
}

func TestSignOutEndsOneToken(t *testing.T) {
	s := simulator.New(empty())
	a, b := signedIn(t, s), signedIn(t, s)
	header := map[string]string{"X-Access-Token": a.token}
	got := a.do("DELETE", simulator.PathToken, header, nil)
	got.want(t, 200, "")
	equal(t, "body", string(got.body), "")
	a.list("").want(t, 401, invalidToken)
	b.rows("")
	a.do("DELETE", simulator.PathToken, header, nil).want(t, 401, invalidToken)
	a.do("DELETE", simulator.PathToken, nil, nil).want(t, 401, invalidToken)
}

func TestTooManyTokensEndTheOldest(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		s := simulator.New(empty())
		first, second, bob := signedIn(t, s), signedIn(t, s), serve(t, s)
		bob.useToken("bob@ent01", 72)
		for range 62 {
			first.signIn("", 72).want(t, 200, "")
		}
		first.rows("")
		first.signIn("", 72).want(t, 200, "")
		first.list("").want(t, 401, invalidToken)
		second.rows("")
		bob.rows("")
		equal(t, "valid tokens of two users", s.LiveTokens(), 64+1)
	})
	t.Run("person", func(t *testing.T) {
		s := simulator.New(empty())
		server, person := signedIn(t, s), serve(t, s)
		person.useToken("", 52)
		person.rows("")
		person.signIn("", 52).want(t, 200, "")
		person.list("").want(t, 401, invalidToken)
		server.rows("")
	})
}
