package simulator_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The signatures were computed independently, from the rule of the API page.
const (
	defaultUser = "4fe0a908fb73bf4ea140384bd5bf0f4daec8dcfdebdb5d73ed319f2087230fe2"
	namedUser   = "1478a09c1f6fedeae441081e23a8678de8922b1437a637e95403c86509070172"
	spUser      = "07f35352cb28a0b22547b50051f29ac8c7f789da862cf1dde3cde4ec27bba7d9"
	spDefault   = "55b2183cc4541700148512dd7f8404b250ece4ccd023f937fe7f1f1a2fabcf34"
)

// appIDBody is a valid body of the default administrator with some fields
// changed; nil removes one.
func appIDBody(changes object) object {
	body := object{"appId": appID, "clientType": 72, "expireTime": 1700000600, "nonce": nonce}
	maps.Copy(body, changes)
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == nil })
	return body
}

// serveAt serves the service while its clock shows a Unix second.
func serveAt(t *testing.T, second int64, corpID string) *api {
	cfg := empty()
	cfg.CorpID, cfg.Now = corpID, func() time.Time { return time.Unix(second, 0) }
	return serve(t, simulator.New(cfg))
}

func TestAppIDSignIn(t *testing.T) {
	wrong := strings.Replace(defaultUser, "4", "5", 1)
	for name, c := range map[string]struct {
		corp      string
		clock     int64
		signature string
		body      object
		status    int
		code      string
	}{
		"default administrator":    {"", 0, defaultUser, nil, 200, ""},
		"upper case":               {"", 0, strings.ToUpper(defaultUser), nil, 200, ""},
		"named user":               {"", 0, namedUser, object{"userId": "alice@ent01", "expireTime": 0}, 200, ""},
		"other user than signed":   {"", 0, namedUser, object{"userId": "bob@ent01", "expireTime": 0}, 401, "USG.206010025"},
		"other expiry than signed": {"", 0, defaultUser, object{"expireTime": 1700000601}, 401, "USG.206010025"},
		"wrong signature":          {"", 0, wrong, nil, 401, "USG.206010025"},
		"no hex":                   {"", 0, "zz", nil, 401, "USG.206010025"},
		"other app":                {"", 0, defaultUser, object{"appId": "other"}, 401, "USG.206010025"},
		"last second":              {"", 1700000600, defaultUser, nil, 200, ""},
		"expired":                  {"", 1700000601, defaultUser, nil, 401, "USG.206010057"},
		"never expires":            {"", 1 << 40, namedUser, object{"userId": "alice@ent01", "expireTime": 0}, 200, ""},
		"negative expiry":          {"", 0, defaultUser, object{"expireTime": -1}, 400, "USG.200000001"},
		"no expiry":                {"", 0, defaultUser, object{"expireTime": nil}, 400, "USG.200000001"},
		"short nonce":              {"", 0, defaultUser, object{"nonce": nonce[1:]}, 400, "USG.200000001"},
		"long nonce":               {"", 0, defaultUser, object{"nonce": nonce + nonce + "x"}, 400, "USG.200000001"},
		"client type as text":      {"", 0, defaultUser, object{"clientType": "72"}, 400, "USG.200000001"},
		"no client type":           {"", 0, defaultUser, object{"clientType": nil}, 400, "USG.200000001"},
		"unknown client type":      {"", 0, defaultUser, object{"clientType": 73}, 400, "USG.200000001"},
		"corpId outside SP mode":   {"", 0, defaultUser, object{"corpId": "corp01"}, 401, "USG.206010025"},
		"SP user":                  {"corp01", 0, spUser, object{"userId": "alice@ent01", "corpId": "corp01", "expireTime": 0}, 200, ""},
		"SP default administrator": {"corp01", 0, spDefault, object{"expireTime": 0}, 200, ""},
		"SP with plain signature":  {"corp01", 0, defaultUser, nil, 401, "USG.206010025"},
		"other corpId than ours":   {"corp02", 0, spUser, object{"userId": "alice@ent01", "corpId": "corp01", "expireTime": 0}, 401, "USG.206010025"},
		"body above 64 KiB":        {"", 0, defaultUser, object{"appId": strings.Repeat("x", 1<<20)}, 400, "USG.200000001"},
		"unknown field is ignored": {"", 0, defaultUser, object{"deptCode": "7"}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := serveAt(t, c.clock, c.corp)
			a.do("POST", simulator.PathAppAuth, authorization(c.signature), appIDBody(c.body)).want(t, c.status, c.code)
		})
	}
}

func TestAppIDHeaders(t *testing.T) {
	a := serveAt(t, 0, "")
	right := authorization(defaultUser)["Authorization"]
	for name, c := range map[string]struct {
		authorization, tokenType string
		status                   int
		code                     string
	}{
		"both":          {right, "LongTicket", 200, ""},
		"no token type": {right, "", 400, "USG.200000001"},
		"no signature":  {"", "LongTicket", 401, "USG.206010025"},
		"other scheme":  {"Bearer " + defaultUser, "LongTicket", 401, "USG.206010025"},
		"old form":      {"HMAC-SHA256 signature=" + defaultUser, "LongTicket", 401, "USG.206010025"},
		"other access":  {right + "AAAA", "LongTicket", 401, "USG.206010025"},
	} {
		t.Run(name, func(t *testing.T) {
			header := map[string]string{"Authorization": c.authorization, "X-Token-Type": c.tokenType}
			a.do("POST", simulator.PathAppAuth, header, appIDBody(nil)).want(t, c.status, c.code)
		})
	}
}

func TestAccountSignIn(t *testing.T) {
	cfg := empty()
	cfg.Account, cfg.Password = "meeting-admin", "s3cret"
	a := serve(t, simulator.New(cfg))
	for name, c := range map[string]struct {
		header, account string
		status          int
		code            string
	}{
		"right":          {"Basic bWVldGluZy1hZG1pbjpzM2NyZXQ=", "meeting-admin", 200, ""},
		"wrong password": {"Basic bWVldGluZy1hZG1pbjp3cm9uZw==", "meeting-admin", 401, "USG.206010000"},
		"other account":  {"Basic bWVldGluZy1hZG1pbjpzM2NyZXQ=", "another", 401, "USG.206010000"},
		"no password":    {"", "meeting-admin", 401, "USG.206010000"},
	} {
		t.Run(name, func(t *testing.T) {
			a.do("POST", simulator.PathAccount, map[string]string{"Authorization": c.header},
				object{"account": c.account, "clientType": 72}).want(t, c.status, c.code)
		})
	}
}

func TestZeroConfigRefusesSignIns(t *testing.T) {
	a := serve(t, simulator.New(simulator.Config{}))
	a.do("POST", simulator.PathAppAuth, authorization(sign("::0:"+nonce)),
		appIDBody(object{"appId": "", "expireTime": 0})).want(t, 401, "USG.206010025")
	a.do("POST", simulator.PathAccount, map[string]string{"Authorization": "Basic Og=="},
		object{"account": "", "clientType": 72}).want(t, 401, "USG.206010000")
}

// session signs in as the default administrator.
func (a *api) session() (s tokenInfo) {
	a.t.Helper()
	a.signIn("", 72).strictly(a.t, &s)
	return s
}

func TestSession(t *testing.T) {
	got := serve(t, simulator.New(empty())).session()
	between(t, "validPeriod", got.ValidPeriod, 12*3600, 24*3600)
	between(t, "length of refreshToken", len(got.RefreshToken), 1, 100)
	const month = 30 * 24 * 3600
	want := got
	want.ExpireTime, want.CreateTime, want.ClientType = noon.Unix()+got.ValidPeriod, noon.UnixMilli(), 72
	want.RefreshValidPeriod, want.RefreshExpireTime, want.RefreshCreateTime = month, noon.Unix()+month, noon.UnixMilli()
	equal(t, "session", got, want)
}

func TestSeedSetsTokenLifetimes(t *testing.T) {
	lifetimes := func() (all [5]int64) {
		a := serve(t, simulator.New(empty()))
		for i := range all {
			all[i] = a.session().ValidPeriod
		}
		return all
	}
	equal(t, "lifetimes", lifetimes(), lifetimes())
}

func TestSignInFollowsChanges(t *testing.T) {
	s := simulator.New(empty())
	a := signedIn(t, s)
	s.SetAppKey("another")
	a.signIn("", 72).want(t, 401, "USG.206010025")
	s.SetAppKey(appKey)
	s.SetAccountState(simulator.AccountDisabled)
	a.signIn("", 72).want(t, http.StatusPreconditionFailed, "USG.206010007")
	s.SetAccountState(simulator.AccountLocked)
	a.signIn("", 72).want(t, http.StatusLocked, "USG.206010008")
	a.rows("") // the old token stays valid
	s.SetAccountState(simulator.AccountActive)
	a.signIn("", 72).want(t, 200, "")
}
