package client_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestParseEndpoint(t *testing.T) {
	for want, endpoints := range map[string][]string{ // a part of the error, or none
		"": {
			"https://api.meeting.example", "https://api.meeting.example/", "https://api.meeting.example:8443",
			"http://127.0.0.1:10048", "https://gateway.example/meeting",
		},
		"https://":  {"", "api.meeting.example", "api.meeting.example:443", "ftp://api.meeting.example"},
		"host":      {"https:api.meeting.example", "https:///v1", "https://:443"},
		"password":  {"https://reader:pass@example", "https://reader@example"},
		"query":     {"https://example/?a=pass", "https://example/#pass"},
		"not a URL": {"https://reader:pass@exa mple", "https://reader:pass@[example", "https://reader:pass@example:https", "\x00pass"},
	} {
		for _, endpoint := range endpoints {
			u, err := client.ParseEndpoint(endpoint)
			switch {
			case want == "" && (err != nil || u.String() != endpoint):
				t.Errorf("%q became %v, %v", endpoint, u, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass@")):
				t.Errorf("%q: %v, want an error about %s without the URL", endpoint, err, want)
			}
		}
	}
}

func TestNewChecksConfig(t *testing.T) {
	const endpoint = "https://api.meeting.example"
	for _, c := range []struct {
		cfg   client.Config
		valid bool
	}{
		{client.Config{Endpoint: endpoint, AppID: appID}, true},
		{client.Config{Endpoint: endpoint, Account: account}, true},
		{client.Config{Endpoint: endpoint}, false},
		{client.Config{Endpoint: endpoint, AppID: appID, Account: account}, false},
		{client.Config{AppID: appID}, false},
	} {
		if got, err := client.New(c.cfg); (err == nil) != c.valid || (got != nil) != c.valid {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestEndpointWithPath(t *testing.T) {
	for _, base := range []string{"http://gateway.example/meeting", "http://gateway.example/meeting/"} {
		s := newDirectSetup(t)
		s.cfg.Endpoint, s.cfg.Transport = base, direct{http.StripPrefix("/meeting", s)}
		s.reset(t)
		s.mustList(t)
		if err := s.client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := s.Requests(""); n != 0 || s.LiveTokens() != 0 {
			t.Errorf("%d requests for another path", n)
		}
	}
}

// The default transport takes a proxy from the environment. net/http reads that
// once per process, so the client runs in another process.
func TestDefaults(t *testing.T) {
	s := newService(nil)
	if os.Getenv("HTTP_PROXY") != "" {
		s.cfg.Now, s.cfg.Random, s.cfg.Observe = nil, nil, nil
		s.reset(t)
		s.mustList(t)
		if err := s.client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	proxy := httptest.NewServer(s)
	defer proxy.Close()
	child := exec.Command(os.Args[0], "-test.run=^TestDefaults$")
	child.Env = []string{"HTTP_PROXY=" + proxy.URL}
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if n := s.Requests(simulator.PathHistory); n != 1 || s.LiveTokens() != 0 {
		t.Errorf("%d requests came through the proxy, want 1", n)
	}
}

func TestOwner(t *testing.T) {
	base := client.Config{Endpoint: "https://api.meeting.example", AppID: appID, UserID: "alice", CorpID: "corp01"}
	for name, c := range map[string]struct {
		change func(*client.Config)
		same   bool
	}{
		"another key":        {func(c *client.Config) { c.Secret = func() (string, error) { return "another", nil } }, true},
		"a slash":            {func(c *client.Config) { c.Endpoint += "/" }, true},
		"capitals":           {func(c *client.Config) { c.Endpoint = "https://API.Meeting.example" }, true},
		"the default port":   {func(c *client.Config) { c.Endpoint += ":443" }, true},
		"a timeout":          {func(c *client.Config) { c.Timeout++ }, true},
		"another port":       {func(c *client.Config) { c.Endpoint += ":8443" }, false},
		"another host":       {func(c *client.Config) { c.Endpoint = "https://api2.meeting.example" }, false},
		"another app":        {func(c *client.Config) { c.AppID = "another" }, false},
		"an account":         {func(c *client.Config) { c.AppID, c.Account = "", appID }, false},
		"another user":       {func(c *client.Config) { c.UserID = "bob" }, false},
		"another corp":       {func(c *client.Config) { c.CorpID = "corp02" }, false},
		"no user":            {func(c *client.Config) { c.UserID = "" }, false},
		"user for corp":      {func(c *client.Config) { c.UserID, c.CorpID = c.CorpID, c.UserID }, false},
		"same concatenation": {func(c *client.Config) { c.UserID, c.CorpID = "alicecorp", "01" }, false},
	} {
		changed := base
		c.change(&changed)
		if same := changed.Owner() == base.Owner(); same != c.same {
			t.Errorf("%s: same owner %v, want %v", name, same, c.same)
		}
	}
}
