package simulator_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The signatures were computed elsewhere, from the rule of the API page.
const (
	defaultUser = "4fe0a908fb73bf4ea140384bd5bf0f4daec8dcfdebdb5d73ed319f2087230fe2"
	namedUser   = "1478a09c1f6fedeae441081e23a8678de8922b1437a637e95403c86509070172"
	spUser      = "07f35352cb28a0b22547b50051f29ac8c7f789da862cf1dde3cde4ec27bba7d9"
	spDefault   = "55b2183cc4541700148512dd7f8404b250ece4ccd023f937fe7f1f1a2fabcf34"
)

// clockAt lets the service's clock show a Unix second.
func clockAt(cfg simulator.Config, second int64) simulator.Config {
	cfg.Now = func() time.Time { return time.Unix(second, 0) }
	return cfg
}

// appIDBody is a right body for the default administrator, changed by the
// test's fields; nil leaves one out.
func appIDBody(changes map[string]any) map[string]any {
	body := map[string]any{"appId": appID, "clientType": 72, "expireTime": 1700000600, "nonce": nonce}
	maps.Copy(body, changes)
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == nil })
	return body
}

func TestAppIDSignInChecksEverythingThatIsSigned(t *testing.T) {
	type fields = map[string]any
	wrong := strings.Replace(defaultUser, "4", "5", 1)
	for name, c := range map[string]struct {
		corp      string
		clock     int64
		signature string
		body      fields
		status    int
		code      string
	}{
		"default administrator":      {"", 0, defaultUser, nil, 200, ""},
		"upper case":                 {"", 0, strings.ToUpper(defaultUser), nil, 200, ""},
		"named user":                 {"", 0, namedUser, fields{"userId": "alice@ent01", "expireTime": 0}, 200, ""},
		"other user than signed":     {"", 0, namedUser, fields{"userId": "bob@ent01", "expireTime": 0}, 401, "USG.206010025"},
		"other expiry than signed":   {"", 0, defaultUser, fields{"expireTime": 1700000601}, 401, "USG.206010025"},
		"wrong signature":            {"", 0, wrong, nil, 401, "USG.206010025"},
		"no hex":                     {"", 0, "zz", nil, 401, "USG.206010025"},
		"other app":                  {"", 0, defaultUser, fields{"appId": "other"}, 401, "USG.206010025"},
		"last second":                {"", 1700000600, defaultUser, nil, 200, ""},
		"expired":                    {"", 1700000601, defaultUser, nil, 401, "USG.206010057"},
		"never expires":              {"", 1 << 40, namedUser, fields{"userId": "alice@ent01", "expireTime": 0}, 200, ""},
		"negative expiry":            {"", 0, defaultUser, fields{"expireTime": -1}, 400, "USG.200000001"},
		"no expiry":                  {"", 0, defaultUser, fields{"expireTime": nil}, 400, "USG.200000001"},
		"short nonce":                {"", 0, defaultUser, fields{"nonce": nonce[1:]}, 400, "USG.200000001"},
		"long nonce":                 {"", 0, defaultUser, fields{"nonce": nonce + nonce + "x"}, 400, "USG.200000001"},
		"client type as text":        {"", 0, defaultUser, fields{"clientType": "72"}, 400, "USG.200000001"},
		"no client type":             {"", 0, defaultUser, fields{"clientType": nil}, 400, "USG.200000001"},
		"unknown client type":        {"", 0, defaultUser, fields{"clientType": 73}, 400, "USG.200000001"},
		"corpId outside SP mode":     {"", 0, defaultUser, fields{"corpId": "corp01"}, 401, "USG.206010025"},
		"SP user":                    {"corp01", 0, spUser, fields{"userId": "alice@ent01", "corpId": "corp01", "expireTime": 0}, 200, ""},
		"SP default administrator":   {"corp01", 0, spDefault, fields{"expireTime": 0}, 200, ""},
		"SP with plain signature":    {"corp01", 0, defaultUser, nil, 401, "USG.206010025"},
		"other corpId than ours":     {"corp02", 0, spUser, fields{"userId": "alice@ent01", "corpId": "corp01", "expireTime": 0}, 401, "USG.206010025"},
		"body beyond all measure":    {"", 0, defaultUser, fields{"appId": strings.Repeat("x", 1<<20)}, 400, "USG.200000001"},
		"other right fields ignored": {"", 0, defaultUser, fields{"deptCode": "7"}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := clockAt(open(), c.clock)
			cfg.CorpID = c.corp
			a := serve(t, simulator.New(cfg))
			a.do("POST", simulator.PathAppAuth, authorization(c.signature), appIDBody(c.body)).want(t, c.status, c.code)
		})
	}
}

func TestAppIDSignInWantsItsHeaders(t *testing.T) {
	a := serve(t, simulator.New(clockAt(open(), 0)))
	for name, c := range map[string]struct {
		change func(map[string]string)
		status int
		code   string
	}{
		"both":          {func(map[string]string) {}, 200, ""},
		"no token type": {func(h map[string]string) { delete(h, "X-Token-Type") }, 400, "USG.200000001"},
		"no signature":  {func(h map[string]string) { delete(h, "Authorization") }, 401, "USG.206010025"},
		"other scheme":  {func(h map[string]string) { h["Authorization"] = "Bearer " + defaultUser }, 401, "USG.206010025"},
		"old form":      {func(h map[string]string) { h["Authorization"] = "HMAC-SHA256 signature=" + defaultUser }, 401, "USG.206010025"},
		"other access":  {func(h map[string]string) { h["Authorization"] += "AAAA" }, 401, "USG.206010025"},
	} {
		t.Run(name, func(t *testing.T) {
			header := authorization(defaultUser)
			c.change(header)
			a.do("POST", simulator.PathAppAuth, header, appIDBody(nil)).want(t, c.status, c.code)
		})
	}
}

func TestAccountSignInWantsThePassword(t *testing.T) {
	cfg := open()
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
				map[string]any{"account": c.account, "clientType": 72}).want(t, c.status, c.code)
		})
	}
}

func TestNobodySignsInWhereNothingIsConfigured(t *testing.T) {
	a := serve(t, simulator.New(simulator.Config{}))
	a.do("POST", simulator.PathAppAuth, authorization(sign("::0:"+nonce)),
		appIDBody(map[string]any{"appId": "", "expireTime": 0})).want(t, 401, "USG.206010025")
	a.do("POST", simulator.PathAccount, map[string]string{"Authorization": "Basic Og=="},
		map[string]any{"account": "", "clientType": 72}).want(t, 401, "USG.206010000")
}

func TestSignInAnswersInTheUnitsOfTheAPI(t *testing.T) {
	a := serve(t, simulator.New(open()))
	var body struct {
		ValidPeriod, ExpireTime, CreateTime                      int64
		RefreshToken                                             string
		RefreshValidPeriod, RefreshExpireTime, RefreshCreateTime int64
		TokenType, ClientType                                    int
		User                                                     struct{ AdminType int }
	}
	got := a.appAuth("alice@ent01", 72)
	got.decode(t, &body)
	if body.ValidPeriod < 12*3600 || body.ValidPeriod > 24*3600 {
		t.Errorf("validPeriod %d is not 12 to 24 hours in seconds", body.ValidPeriod)
	}
	if body.ExpireTime != noon.Unix()+body.ValidPeriod || body.CreateTime != noon.UnixMilli() {
		t.Errorf("expireTime %d, createTime %d", body.ExpireTime, body.CreateTime)
	}
	if body.RefreshToken == "" || body.RefreshValidPeriod != 2592000 ||
		body.RefreshExpireTime != noon.Unix()+2592000 || body.RefreshCreateTime != noon.UnixMilli() {
		t.Errorf("refresh fields %+v", body)
	}
	if body.ClientType != 72 || body.TokenType != 0 || body.User.AdminType != 0 {
		t.Errorf("types %+v", body)
	}
}

func TestAdminTypeFollowsTheRole(t *testing.T) {
	s := simulator.New(open())
	a := serve(t, s)
	for role, want := range map[simulator.Role]int{simulator.Administrator: 0, simulator.User: 2} {
		s.SetRole(role)
		var body struct{ User struct{ AdminType int } }
		if a.appAuth("", 72).decode(t, &body); body.User.AdminType != want {
			t.Errorf("role %d: adminType %d, want %d", role, body.User.AdminType, want)
		}
	}
}

func TestTokensOfOneSeedLiveEquallyLong(t *testing.T) {
	lives := func() string {
		a := serve(t, simulator.New(open()))
		var all []int64
		for range 5 {
			var body struct{ ValidPeriod int64 }
			a.appAuth("", 72).decode(t, &body)
			all = append(all, body.ValidPeriod)
		}
		return fmt.Sprint(all)
	}
	if one, two := lives(), lives(); one != two {
		t.Errorf("%s, then %s", one, two)
	}
}

func TestRotatedKeyReplacesTheOldOne(t *testing.T) {
	s := simulator.New(open())
	a := serve(t, s)
	s.SetAppKey("another")
	a.appAuth("", 72).want(t, 401, "USG.206010025")
	s.SetAppKey(appKey)
	a.appAuth("", 72).want(t, 200, "")
}

func TestDisabledOrLockedAccountSignsNobodyIn(t *testing.T) {
	s := simulator.New(open())
	a := signedIn(t, s)
	s.SetAccountState(simulator.AccountDisabled)
	a.appAuth("", 72).want(t, http.StatusPreconditionFailed, "USG.206010007")
	s.SetAccountState(simulator.AccountLocked)
	a.appAuth("", 72).want(t, http.StatusLocked, "USG.206010008")
	a.rows() // the token lives on
	s.SetAccountState(simulator.AccountActive)
	a.appAuth("", 72).want(t, 200, "")
}
