package simulator_test

import (
	"testing"

	"huaweicloud_meeting_exporter/simulator"
)

// TestProvider plays an App ID in SP mode: each enterprise has meetings and
// tokens of its own.
func TestProvider(t *testing.T) {
	enterprise := func(corpID string, meetings int) *simulator.Service {
		cfg := empty()
		cfg.CorpID = corpID
		s := simulator.New(cfg)
		s.Add(numbered(meetings)...)
		return s
	}
	a, b := enterprise("a", 1), enterprise("b", 2)
	api := serve(t, simulator.NewProvider(a, b))
	signIn := func(corpID string) response {
		return api.do("POST", simulator.PathAppAuth, authorization(sign(appID+":"+corpID+"::0:"+nonce)),
			object{"appId": appID, "corpId": corpID, "clientType": 72, "expireTime": 0, "nonce": nonce})
	}
	var tokens []string
	for corpID, want := range map[string]int{"a": 1, "b": 2, "": 1} {
		var session struct{ AccessToken string }
		signIn(corpID).decode(t, &session)
		tokens, api.token = append(tokens, session.AccessToken), session.AccessToken
		equal(t, "meetings of "+corpID, api.rows("").Count, want)
	}
	equal(t, "tokens of a", a.LiveTokens(), 2)
	equal(t, "tokens of b", b.LiveTokens(), 1)
	signIn("c").want(t, 401, "USG.206010025")
	for _, token := range tokens {
		api.do("DELETE", simulator.PathToken, map[string]string{"X-Access-Token": token}, nil).want(t, 200, "")
	}
	equal(t, "tokens left", a.LiveTokens()+b.LiveTokens(), 0)
	api.list("").want(t, 401, invalidToken)
}

func TestProviderLimit(t *testing.T) {
	a, b := empty(), empty()
	a.CorpID, a.RateLimit, b.CorpID = "a", 2, "b"
	one, other := simulator.New(a), simulator.New(b)
	api, direct := serve(t, simulator.NewProvider(one, other)), serve(t, other)
	api.list("").want(t, 401, invalidToken)
	direct.list("").want(t, 401, invalidToken)
	api.list("").want(t, 429, "APIGW.0308")
}
