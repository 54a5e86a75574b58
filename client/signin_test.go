package client_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestSignMatchesKnownVectors(t *testing.T) {
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

// signInBody is what the client may send; any other field is an error.
type signInBody struct {
	AppID      string  `json:"appId"`
	ClientType int     `json:"clientType"`
	ExpireTime int64   `json:"expireTime"`
	Nonce      string  `json:"nonce"`
	UserID     *string `json:"userId"`
	CorpID     *string `json:"corpId"`
	Account    string  `json:"account"`
}

// onlySignIn returns the one request to a sign-in path, and its body.
func (s *site) onlySignIn(t *testing.T, path string) (request, signInBody) {
	t.Helper()
	seen := s.seen(path)
	if len(seen) != 1 {
		t.Fatalf("%d sign-ins, want 1", len(seen))
	}
	var body signInBody
	d := json.NewDecoder(strings.NewReader(seen[0].body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		t.Fatalf("%v in %s", err, seen[0].body)
	}
	if seen[0].method != http.MethodPost || seen[0].header.Get("Content-Type") != "application/json; charset=UTF-8" {
		t.Errorf("%s with Content-Type %q", seen[0].method, seen[0].header.Get("Content-Type"))
	}
	if body.ClientType != 72 {
		t.Errorf("clientType %d, want 72", body.ClientType)
	}
	return seen[0], body
}

func TestSignInByAppIDHasTheCurrentForm(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := newLoopbackSite(t, func(service *simulator.Config, cfg *client.Config) {
		service.Now = func() time.Time { return now }
		cfg.Now, cfg.Random = service.Now, nil
	})
	s.mustPoll(t)
	r, body := s.onlySignIn(t, simulator.PathAppAuth)
	if want := "HMAC-SHA256 signature=" + client.Sign(appKey, appID, "", "", body.ExpireTime, body.Nonce) + ",access=bXlhcHA="; r.header.Get("Authorization") != want {
		t.Errorf("Authorization %q, want %q", r.header.Get("Authorization"), want)
	}
	if got := r.header.Get("X-Token-Type"); got != "LongTicket" {
		t.Errorf("X-Token-Type %q", got)
	}
	if body.AppID != appID || body.UserID != nil || body.CorpID != nil {
		t.Errorf("body %s", r.body)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32,64}$`).MatchString(body.Nonce) {
		t.Errorf("nonce %q", body.Nonce)
	}
	// Never expiring would make a recorded sign-in good for ever, and one in
	// milliseconds would be the same mistake.
	if ahead := time.Unix(body.ExpireTime, 0).Sub(now); ahead != 10*time.Minute {
		t.Errorf("the signature expires in %v, want 10m", ahead)
	}
}

func TestSignInNamesUserAndCorporationWhereConfigured(t *testing.T) {
	s := newLoopbackSite(t, func(service *simulator.Config, cfg *client.Config) {
		service.CorpID = "corp01"
		cfg.CorpID, cfg.UserID = "corp01", "alice@ent01"
	})
	s.mustPoll(t)
	_, body := s.onlySignIn(t, simulator.PathAppAuth)
	if body.CorpID == nil || *body.CorpID != "corp01" || body.UserID == nil || *body.UserID != "alice@ent01" {
		t.Errorf("body %+v", body)
	}
}

func TestSignInByCorporationAloneWorksInSPMode(t *testing.T) {
	s := newLoopbackSite(t, func(service *simulator.Config, cfg *client.Config) {
		service.CorpID = "corp01"
		cfg.CorpID = "corp01"
	})
	s.mustPoll(t)
	if _, body := s.onlySignIn(t, simulator.PathAppAuth); body.UserID != nil {
		t.Errorf("userId %q", *body.UserID)
	}
}

func TestSignInByAccountHasTheBasicForm(t *testing.T) {
	s := newLoopbackSite(t, byAccount)
	s.mustPoll(t)
	r, body := s.onlySignIn(t, simulator.PathAccount)
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(account+":"+password)); r.header.Get("Authorization") != want {
		t.Errorf("Authorization %q, want %q", r.header.Get("Authorization"), want)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(r.body), &fields); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(fields)); body.Account != account || !slices.Equal(keys, []string{"account", "clientType"}) {
		t.Errorf("body %s", r.body)
	}
	if n := s.Requests(simulator.PathAppAuth); n != 0 {
		t.Errorf("%d sign-ins by App ID", n)
	}
}

func TestEverySignInHasANonceOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(_ *simulator.Config, cfg *client.Config) { cfg.Random = nil })
		s.fault(onSignIn(simulator.Times(3, simulator.Answer(500, "USG.1", ""))))
		s.mustPoll(t)
		nonces := map[string]bool{}
		for _, r := range s.seen(simulator.PathAppAuth) {
			var body signInBody
			if err := json.Unmarshal([]byte(r.body), &body); err != nil {
				t.Fatal(err)
			}
			nonces[body.Nonce] = true
		}
		if len(nonces) != 4 {
			t.Errorf("%d nonces in 4 sign-ins", len(nonces))
		}
	})
}

func TestEveryRequestTellsTheUserAgent(t *testing.T) {
	s := newLoopbackSite(t)
	s.mustPoll(t)
	if err := s.client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{simulator.PathAppAuth, simulator.PathHistory, simulator.PathToken} {
		for _, r := range s.seen(path) {
			if got := r.header.Get("User-Agent"); got != agent {
				t.Errorf("%s: %q", path, got)
			}
		}
		if len(s.seen(path)) != 1 {
			t.Errorf("%d requests for %s", len(s.seen(path)), path)
		}
	}
}

func TestHistoryIsAskedWithTheTokenAndTheParametersOfTheAPI(t *testing.T) {
	s := newLoopbackSite(t)
	from := time.UnixMilli(1700000000123)
	for _, err := range s.client.History(from, from.Add(time.Hour)).Meetings(t.Context()) {
		t.Fatal(err)
	}
	seen := s.seen(simulator.PathHistory)
	if len(seen) != 1 {
		t.Fatalf("%d requests", len(seen))
	}
	const want = "endDate=1700003600123&limit=500&offset=0&queryAll=true&sortType=ASC_StartTIME&startDate=1700000000123"
	if got := seen[0].query.Encode(); got != want {
		t.Errorf("query %s, want %s", got, want)
	}
	if seen[0].method != http.MethodGet || seen[0].body != "" || seen[0].header.Get("X-Access-Token") == "" {
		t.Errorf("%s, body %q, token %q", seen[0].method, seen[0].body, seen[0].header.Get("X-Access-Token"))
	}
	for _, name := range []string{"Authorization", "X-Auth-Token", "X-Authorization-Type", "X-Site-Id"} {
		if got := seen[0].header.Get(name); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestSignInTellsTheRole(t *testing.T) {
	s := newLoopbackSite(t)
	for name, c := range map[string]struct {
		user string
		want client.Role
	}{
		"default administrator": {`{"adminType":0}`, client.RoleAdministrator},
		"administrator":         {`{"adminType":1}`, client.RoleAdministrator},
		"user":                  {`{"adminType":2}`, client.RoleUser},
		"as text":               {`{"adminType":"2"}`, client.RoleUser},
		"a new one":             {`{"adminType":3}`, client.RoleUnknown},
		"null":                  {`{"adminType":null}`, client.RoleUnknown},
		"absent":                {`{}`, client.RoleUnknown},
		"no user":               {`null`, client.RoleUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			s.renew(t)
			s.fault(jsonBody(`{"accessToken":"t","validPeriod":43200,"user":` + c.user + `}`))
			for range 2 { // the second answer is remembered
				if got, err := s.client.SignIn(t.Context()); got != c.want || err != nil {
					t.Errorf("role %v, %v; want %v", got, err, c.want)
				}
			}
			if n := len(s.signIns()); n != 1 {
				t.Errorf("%d sign-ins", n)
			}
		})
	}
}

func TestASignInWithoutATokenIsNoSignIn(t *testing.T) {
	s := newLoopbackSite(t)
	for name, f := range map[string]simulator.Fault{
		"empty object":     jsonBody(`{}`),
		"empty token":      jsonBody(`{"accessToken":""}`),
		"null token":       jsonBody(`{"accessToken":null}`),
		"number for token": jsonBody(`{"accessToken":1}`),
		"array":            jsonBody(`[]`),
		"empty":            jsonBody(``),
		"error as success": simulator.Answer(200, "USG.1", ""),
		"page":             simulator.HTML(),
		"redirect":         simulator.Redirect("http://elsewhere.example/"),
	} {
		t.Run(name, func(t *testing.T) {
			s.renew(t)
			s.fault(onSignIn(f))
			_, err := s.client.SignIn(t.Context())
			wantReason(t, err, client.Response)
			if n := len(s.requests); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
			s.fault(nil)
			s.mustPoll(t) // not held back: nobody refused anything
		})
	}
}

func TestASecretThatCannotBeReadIsAnAuthFailureWithoutARequest(t *testing.T) {
	unreadable := errors.New("key file: permission denied")
	s := newLoopbackSite(t, func(_ *simulator.Config, cfg *client.Config) {
		cfg.Secret = func() (string, error) { return "", unreadable }
	})
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Auth)
	if !errors.Is(err, unreadable) {
		t.Errorf("%v does not tell the cause", err)
	}
	if len(s.requests) != 0 {
		t.Errorf("%d requests", len(s.requests))
	}
}

func TestARotatedKeyNeedsNoRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := appKey
		s := newSite(t, func(_ *simulator.Config, cfg *client.Config) {
			cfg.Secret = func() (string, error) { return key, nil }
		})
		s.mustPoll(t)

		key = "another"
		s.SetAppKey(key)
		s.RevokeTokens()
		s.mustPoll(t)

		// The service changes first: the old key is refused until ours changes.
		s.SetAppKey("a third")
		s.RevokeTokens()
		_, err := s.poll(t.Context())
		wantReason(t, err, client.Auth)
		key = "a third"
		time.Sleep(time.Minute)
		s.mustPoll(t)
	})
}
