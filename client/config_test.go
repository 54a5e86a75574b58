package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestAnEndpointIsABaseURLAndNothingMore(t *testing.T) {
	for endpoint, want := range map[string]string{ // a part of the error, or none
		"https://api.meeting.example":       "",
		"https://api.meeting.example/":      "",
		"https://api.meeting.example:8443":  "",
		"http://127.0.0.1:10048":            "",
		"https://gateway.example/meeting":   "",
		"":                                  "https://",
		"api.meeting.example":               "https://",
		"api.meeting.example:443":           "https://",
		"ftp://api.meeting.example":         "https://",
		"https:api.meeting.example":         "host",
		"https:///v1":                       "host",
		"https://:443":                      "host",
		"https://reader:pass@example":       "password",
		"https://reader@example":            "user",
		"https://example/?a=pass":           "query",
		"https://example/#pass":             "fragment",
		"https://reader:pass@exa mple":      "not a URL",
		"https://reader:pass@[example":      "not a URL",
		"https://reader:pass@example:https": "not a URL",
		"\x00pass":                          "not a URL",
	} {
		u, err := client.ParseEndpoint(endpoint)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", endpoint, err)
		case want == "" && u.String() != endpoint:
			t.Errorf("%q became %v", endpoint, u)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want an error about %s", endpoint, err, want)
		case err != nil && strings.Contains(err.Error(), "pass@"):
			t.Errorf("%q: the error tells the password: %v", endpoint, err)
		}
	}
}

func TestNewWantsAnEndpointAndOneWayIn(t *testing.T) {
	const endpoint = "https://api.meeting.example"
	for _, c := range []struct {
		cfg client.Config
		ok  bool
	}{
		{client.Config{Endpoint: endpoint, AppID: appID}, true},
		{client.Config{Endpoint: endpoint, Account: account}, true},
		{client.Config{Endpoint: endpoint}, false},
		{client.Config{Endpoint: endpoint, AppID: appID, Account: account}, false},
		{client.Config{AppID: appID}, false},
	} {
		if got, err := client.New(c.cfg); (err == nil) != c.ok || (got != nil) != c.ok {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestAnEndpointMayHaveAPath(t *testing.T) {
	for _, base := range []string{"http://gateway.example/meeting", "http://gateway.example/meeting/"} {
		s := newDirectSite(t)
		stripped := http.StripPrefix("/meeting", s)
		s.cfg.Endpoint, s.cfg.Transport = base, direct{stripped}
		s.renew(t)
		s.mustPoll(t)
		if err := s.client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := s.Requests(""); n != 0 || s.LiveTokens() != 0 {
			t.Errorf("%d requests for another path", n)
		}
	}
}

// idle is a transport that notes when its idle connections are closed.
type idle struct {
	http.RoundTripper
	closed *int
}

func (i idle) CloseIdleConnections() { *i.closed++ }

func TestCloseClosesIdleConnections(t *testing.T) {
	for name, fault := range map[string]simulator.Fault{"": nil, "even if the sign-out fails": simulator.Answer(500, "USG.1", "")} {
		s := newDirectSite(t)
		closed := 0
		s.cfg.Transport = idle{direct{s}, &closed}
		s.renew(t)
		s.mustPoll(t)
		s.fault(fault)
		if err := s.client.Close(t.Context()); (err != nil) != (fault != nil) {
			t.Error(err)
		}
		if closed != 1 {
			t.Errorf("closed %d times %s", closed, name)
		}
	}
}

func TestWhatIsNotConfiguredHasADefault(t *testing.T) {
	s := newLoopbackSite(t)
	s.cfg.Transport, s.cfg.Now, s.cfg.Random, s.cfg.Observe = nil, nil, nil, nil
	s.renew(t)
	s.mustPoll(t)
	if err := s.client.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnOwnerIsTheServiceAndWhoSignsIn(t *testing.T) {
	base := client.Config{Endpoint: "https://api.meeting.example", AppID: appID, UserID: "alice", CorpID: "corp01"}
	for name, c := range map[string]struct {
		change func(*client.Config)
		same   bool
	}{
		"another key":     {func(c *client.Config) { c.Secret = func() (string, error) { return "another", nil } }, true},
		"a slash":         {func(c *client.Config) { c.Endpoint += "/" }, true},
		"a timeout":       {func(c *client.Config) { c.Timeout++ }, true},
		"another host":    {func(c *client.Config) { c.Endpoint = "https://api2.meeting.example" }, false},
		"another app":     {func(c *client.Config) { c.AppID = "another" }, false},
		"an account":      {func(c *client.Config) { c.AppID, c.Account = "", appID }, false},
		"another user":    {func(c *client.Config) { c.UserID = "bob" }, false},
		"another corp":    {func(c *client.Config) { c.CorpID = "corp02" }, false},
		"users for corps": {func(c *client.Config) { c.UserID, c.CorpID = c.CorpID, c.UserID }, false},
		"run together":    {func(c *client.Config) { c.UserID, c.CorpID = "alicecorp", "01" }, false},
	} {
		changed := base
		c.change(&changed)
		if same := changed.Owner() == base.Owner(); same != c.same {
			t.Errorf("%s: same owner %v, want %v", name, same, c.same)
		}
	}
}

func TestTheOwnerIsTheServiceAndWhoSignsInHoweverTheHostIsWritten(t *testing.T) {
	base := client.Config{Endpoint: "https://api.example.com", AppID: "app"}
	for _, endpoint := range []string{"https://API.example.com", "https://api.example.com:443", "https://api.example.com/"} {
		same := base
		same.Endpoint = endpoint
		if same.Owner() != base.Owner() {
			t.Errorf("%s is another owner", endpoint)
		}
	}
	for _, change := range []func(*client.Config){
		func(c *client.Config) { c.Endpoint = "https://api.example.com:8443" },
		func(c *client.Config) { c.Endpoint = "https://api-intl.example.com" },
		func(c *client.Config) { c.AppID = "other" },
		func(c *client.Config) { c.AppID, c.Account = "", "app" },
		func(c *client.Config) { c.UserID = "user" },
		func(c *client.Config) { c.CorpID = "user" },
	} {
		other := base
		change(&other)
		if other.Owner() == base.Owner() {
			t.Errorf("%+v is the same owner", other)
		}
	}
}

func TestASecretThatCannotBeReadForAMomentHoldsNothingBack(t *testing.T) {
	s := newLoopbackSite(t)
	readable := false
	s.cfg.Secret = func() (string, error) {
		if !readable {
			return "", errors.New("no such file")
		}
		return "mykey", nil
	}
	s.renew(t)
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Auth)
	readable = true
	s.mustPoll(t)
}
