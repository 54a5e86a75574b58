package client_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestSign(t *testing.T) {
	const nonce = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		corpID, userID string
		expireTime     int64
		want           string
	}{
		{"", "", 1700000600, "4fe0a908fb73bf4ea140384bd5bf0f4daec8dcfdebdb5d73ed319f2087230fe2"},
		{"", "alice@ent01", 0, "1478a09c1f6fedeae441081e23a8678de8922b1437a637e95403c86509070172"},
		{"corp01", "alice@ent01", 1700000600, "a074bdafeeed7189d24d84530885e74d8c0b9f26d7061c02a63a36c92a1777f7"},
		{"corp01", "", 1700000600, "e24eeada5ffd7da6111e81d9f9c77a083a6ae769d4abeb67d70de12c4879f5c1"},
	} {
		if got := client.Sign("mykey", "myapp", c.corpID, c.userID, c.expireTime, nonce); got != c.want {
			t.Errorf("corp %q, user %q: %s, want %s", c.corpID, c.userID, got, c.want)
		}
	}
}

// signIn lists the history, and returns the one sign-in and its body.
func (s *setup) signIn(t *testing.T, path string) (request, map[string]any) {
	t.Helper()
	s.mustList(t)
	s.wantRequests(t, "", 2)
	r := s.seen("")[0]
	var body map[string]any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	if r.path != path || r.method != http.MethodPost || r.header.Get("Content-Type") != "application/json; charset=UTF-8" {
		t.Errorf("%s %s with Content-Type %q", r.method, r.path, r.header.Get("Content-Type"))
	}
	return r, body
}

func TestSignInByAppID(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for name, c := range map[string]struct {
		corpID, userID string
		fields         []string // beside those of every sign-in
	}{
		"administrator":     {"", "", nil},
		"corporation":       {"corp01", "", []string{"corpId"}},
		"corporation, user": {"corp01", "alice@ent01", []string{"corpId", "userId"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, clock(func() time.Time { return now }), random(nil), func(service *simulator.Config, cfg *client.Config) {
				service.CorpID, cfg.CorpID, cfg.UserID = c.corpID, c.corpID, c.userID
			})
			r, body := s.signIn(t, simulator.PathAppAuth)
			fields := append([]string{"appId", "clientType", "expireTime", "nonce"}, c.fields...)
			if got := slices.Sorted(maps.Keys(body)); !slices.Equal(got, slices.Sorted(slices.Values(fields))) {
				t.Errorf("fields %v, want %v", got, fields)
			}
			for name, want := range map[string]any{"appId": appID, "clientType": 72.0, "corpId": c.corpID, "userId": c.userID} {
				if got, ok := body[name]; ok && got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			nonce, _ := body["nonce"].(string)
			if !regexp.MustCompile(`^[0-9a-f]{32,64}$`).MatchString(nonce) {
				t.Errorf("nonce %q", nonce)
			}
			// 0 would never expire, and milliseconds hardly.
			expiry, _ := body["expireTime"].(float64)
			if ahead := time.Unix(int64(expiry), 0).Sub(now); ahead != 10*time.Minute {
				t.Errorf("the signature expires in %v, want 10m", ahead)
			}
			want := "HMAC-SHA256 signature=" + client.Sign(appKey, appID, c.corpID, c.userID, int64(expiry), nonce) + ",access=bXlhcHA="
			if got := r.header.Get("Authorization"); got != want {
				t.Errorf("Authorization %q, want %q", got, want)
			}
			if got := r.header.Get("X-Token-Type"); got != "LongTicket" {
				t.Errorf("X-Token-Type %q", got)
			}
		})
	}
}

func TestSignInByAccount(t *testing.T) {
	s := newSetup(t, byAccount)
	r, body := s.signIn(t, simulator.PathAccount)
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(account+":"+password)); r.header.Get("Authorization") != want {
		t.Errorf("Authorization %q, want %q", r.header.Get("Authorization"), want)
	}
	if !maps.Equal(body, map[string]any{"account": account, "clientType": 72.0}) {
		t.Errorf("body %s", r.body)
	}
}

func TestEverySignInHasItsOwnNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t, random(nil))
		for range 4 {
			s.mustList(t)
			s.RevokeTokens()
		}
		nonce, nonces := regexp.MustCompile(`"nonce":"\w+"`), map[string]bool{}
		for _, r := range s.seen(simulator.PathAppAuth) {
			nonces[nonce.FindString(r.body)] = true
		}
		if len(nonces) != 4 {
			t.Errorf("%d nonces in 4 sign-ins", len(nonces))
		}
	})
}

func TestHistoryRequest(t *testing.T) {
	s := newSetup(t)
	from := time.UnixMilli(1700000000123).In(time.FixedZone("", 8*3600)) // the zone does not matter
	if _, err := s.client.History(t.Context(), from, from.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.wantRequests(t, simulator.PathHistory, 1)
	r := s.seen(simulator.PathHistory)[0]
	const want = "endDate=1700003600123&limit=500&offset=0&queryAll=true&sortType=ASC_StartTIME&startDate=1700000000123"
	if got := r.query.Encode(); got != want {
		t.Errorf("query %s, want %s", got, want)
	}
	if r.method != http.MethodGet || r.header.Get("X-Access-Token") == "" {
		t.Errorf("%s, token %q", r.method, r.header.Get("X-Access-Token"))
	}
	for _, name := range []string{"Authorization", "X-Auth-Token", "X-Authorization-Type", "X-Site-Id"} {
		if got := r.header.Get(name); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRole(t *testing.T) {
	s := newSetup(t)
	for user, want := range map[string]client.Role{
		`{"adminType":0}`:    client.RoleAdministrator,
		`{"adminType":1}`:    client.RoleAdministrator,
		`{"adminType":2}`:    client.RoleUser,
		`{"adminType":"2"}`:  client.RoleUser,
		`{"adminType":3}`:    client.RoleUnknown,
		`{"adminType":null}`: client.RoleUnknown,
		`{}`:                 client.RoleUnknown,
		`null`:               client.RoleUnknown,
	} {
		t.Run(user, func(t *testing.T) {
			s.reset(t)
			s.fault(jsonBody(`{"accessToken":"t","validPeriod":43200,"user":` + user + `}`))
			for range 2 { // the second time without a request
				if got := s.mustSignIn(t).Role; got != want {
					t.Errorf("role %v, want %v", got, want)
				}
			}
			s.wantRequests(t, "", 1)
		})
	}
}

// A token that the client does not learn still takes one of the user's places,
// so a response in which there is one must not fail.
func TestSignInResponseIsReadLeniently(t *testing.T) {
	for _, text := range []string{
		`"user":[]`, `"user":null`, `"user":"u"`, `"user":7`, `"user":{"adminType":[0]}`, `"user":{"adminType":{}}`, `"validPeriod":{}`,
		`"error_code":"USG.1"`, `"refreshToken":7,"x":[{}]`, `"accessToken":" t "`,
	} {
		s := newSetup(t)
		s.fault(onSignIn(jsonBody(`{"accessToken":"t",` + text + `}`)))
		if got := s.mustSignIn(t); got.Role != client.RoleUnknown || got.Expiry.IsZero() {
			t.Errorf("%s: %+v", text, got)
		}
		s.fault(jsonBody(pageBody(0)))
		s.mustList(t)
		if got := s.seen(simulator.PathHistory)[0].header.Get("X-Access-Token"); got != "t" {
			t.Errorf("%s: token %q", text, got)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Run("unreadable", func(t *testing.T) {
		unreadable := errors.New("key file: permission denied")
		s := newSetup(t, secret(func() (string, error) { return appKey, unreadable }))
		if err := s.wantFailure(t, client.Auth); !errors.Is(err, unreadable) {
			t.Errorf("%v hides the cause", err)
		}
		s.wantRequests(t, "", 0)
		unreadable = nil
		s.mustList(t) // without a wait
	})
	inBubble(t, "changed", func(t *testing.T) {
		key := appKey
		s := newSetup(t, secret(func() (string, error) { return key, nil }))
		s.mustList(t)

		key = "another"
		s.SetAppKey(key)
		s.RevokeTokens()
		s.mustList(t)

		s.SetAppKey("a third") // the service changes first
		s.RevokeTokens()
		s.wantFailure(t, client.Auth)
		key = "a third"
		time.Sleep(time.Minute)
		s.mustList(t)
	})
}
