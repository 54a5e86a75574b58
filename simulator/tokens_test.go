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

func TestRefresh(t *testing.T) {
	var c clock
	cfg := empty()
	cfg.Now, cfg.TokenLifetime = c.now, time.Hour
	s := simulator.New(cfg)
	a := serve(t, s)
	first := a.session()
	refresh := func(token string) response {
		return a.do("PUT", simulator.PathToken, map[string]string{"X-Access-Token": token}, nil)
	}
	const day = 24 * time.Hour
	for _, after := range []time.Duration{30 * time.Minute, 30*day - time.Second, 30*day - time.Second} {
		c.advance(after)
		var got tokenInfo
		refresh(first.RefreshToken).strictly(t, &got)
		want := first
		want.ExpireTime, want.CreateTime = c.now().Add(time.Hour).Unix(), c.now().UnixMilli()
		want.RefreshExpireTime, want.RefreshCreateTime = c.now().Add(30*day).Unix(), c.now().UnixMilli()
		equal(t, "session", got, want)
		a.token = got.AccessToken
		a.rows("")
	}
	refresh(first.AccessToken).want(t, 401, invalidToken)
	refresh("refreshunknown").want(t, 401, invalidToken)
	c.advance(30 * day)
	refresh(first.RefreshToken).want(t, 401, invalidToken)

	second := a.session()
	a.do("DELETE", simulator.PathToken, map[string]string{"X-Access-Token": second.AccessToken}, nil).want(t, 200, "")
	refresh(second.RefreshToken).want(t, 401, invalidToken)
}

func TestValidate(t *testing.T) {
	s := simulator.New(empty())
	a := serve(t, s)
	first := a.session()
	validate := func(body object) response { return a.do("POST", simulator.PathValidate, nil, body) }
	var same, anonymous, other tokenInfo
	validate(object{"token": first.AccessToken, "needGenNewToken": false, "needAccountInfo": true}).strictly(t, &same)
	equal(t, "session", same, first)
	validate(object{"token": first.AccessToken, "needGenNewToken": false}).strictly(t, &anonymous)
	equal(t, "name", anonymous.User.Name, "")
	equal(t, "token", anonymous.AccessToken, first.AccessToken)
	validate(object{"token": first.AccessToken, "needGenNewToken": true}).strictly(t, &other)
	equal(t, "another token", other.AccessToken != first.AccessToken, true)
	equal(t, "valid tokens", s.LiveTokens(), 2)
	a.token = other.AccessToken
	a.rows("")
	for _, body := range []object{nil, {}, {"token": "x"}, {"needGenNewToken": false}, {"token": 1, "needGenNewToken": false}} {
		validate(body).want(t, 400, "USG.200000001")
	}
	validate(object{"token": "x", "needGenNewToken": true}).want(t, 401, invalidToken)
}

func TestExpiredTokensEndBeforeValidOnes(t *testing.T) {
	var c clock
	cfg := empty()
	cfg.Now, cfg.TokenLifetime = c.now, time.Hour
	s := simulator.New(cfg)
	expired := signedIn(t, s)
	c.advance(time.Hour)
	valid := signedIn(t, s)
	for range 63 {
		valid.signIn("", 72).want(t, 200, "")
	}
	valid.rows("")
	expired.list("").want(t, 401, invalidToken)
	equal(t, "valid tokens", s.LiveTokens(), 64)
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
