package check_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/check"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestCheckSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		service  func(*simulator.Config)
		fault    simulator.Fault
		state    simulator.AccountState
		client   func(*client.Config)
		sentence string // of the error; empty if polling would work
		words    []string
	}{
		"all is well":       {words: []string{"ok    Signed in", "is an administrator", "meetings", "Polling will work."}},
		"by account":        {client: byAccount, words: []string{"with the account", "Polling will work."}},
		"wrong key":         {client: func(c *client.Config) { c.Secret = secret("wrong") }, sentence: "the App Key is wrong", words: []string{"--huaweicloud.app-key-file"}},
		"wrong password":    {client: func(c *client.Config) { byAccount(c); c.Secret = secret("wrong") }, sentence: "the password is wrong", words: []string{"--huaweicloud.password-file"}},
		"clock behind":      {client: clockOff(-time.Hour), sentence: "the clock is off: the local one is 1h behind the service's"},
		"clock a bit ahead": {client: clockOff(3 * time.Minute), words: []string{"ahead of the service's", "Polling will work."}},
		"locked":            {state: simulator.AccountLocked, sentence: "the account is locked", words: []string{"wait until"}},
		"disabled":          {state: simulator.AccountDisabled, sentence: "the account is disabled"},
		"unknown user":      {fault: simulator.Answer(http.StatusBadRequest, "USG.201040000", ""), sentence: "the service does not know this user, or the user is not active"},
		"refused":           {fault: simulator.Answer(http.StatusForbidden, "USG.000000001", ""), sentence: "the service refuses the sign-in"},
		"no administrator":  {service: func(c *simulator.Config) { c.Role = simulator.User }, words: []string{"not an administrator", "sees only their own meetings", "Polling will work."}},
		"no permission":     {fault: onHistory(simulator.Answer(http.StatusForbidden, "MMC.111070002", "")), sentence: "the user may not list the history of meetings"},
		"throttled":         {fault: simulator.Throttled(), sentence: "the service says that it is asked too often"},
		"server":            {fault: simulator.Answer(http.StatusServiceUnavailable, "", ""), sentence: "the service itself fails"},
		"cut":               {fault: simulator.Cut(), sentence: "no answer comes from HOST"},
		"HTML":              {fault: simulator.HTML(), sentence: "what answers at HOST is not the meeting API"},
		"redirect":          {fault: simulator.Redirect("/portal"), sentence: "what answers at HOST is not the meeting API"},
		"HTML as history":   {fault: onHistory(simulator.HTML()), sentence: "what answers at HOST is not the meeting API"},
		"other paths":       {client: func(c *client.Config) { c.Endpoint += "/portal" }, sentence: "what answers at HOST is not the meeting API"},
		"page numbers":      {service: variant(simulator.Variant{Offset: simulator.OffsetPageFrom1}), words: []string{"a page number that counts from 1", "Polling will work."}},
		"whole pages":       {service: variant(simulator.Variant{Offset: simulator.OffsetWholePage}), words: []string{"rounded down to a whole page"}},
		"meetings that run": {service: func(c *simulator.Config) { c.Variant.ListRunning, c.Worldwide, c.MeetingsPerDay = true, true, 300 }, words: []string{"of meetings that have not ended", "Polling will work."}},
		"unknown format":    {fault: page(`{"data":[{"confUUID":"u","endTime":"14/03/2025"}],"count":1}`), sentence: "the service lists records, and none of them is usable", words: []string{"(time 1)", "report this line"}},
		"unknown paging":    {fault: page(`{"data":[{"conferenceState":"Created"},{"conferenceState":"Creating"},{"conferenceState":"Schedule"}],"count":9}`), words: []string{"does not tell how the service pages"}},
		"history rejected":  {fault: onHistory(simulator.Answer(http.StatusUnauthorized, "USG.1", "")), sentence: "the service lets the user sign in, but does not accept the sign-in for the history"},
		"nothing held":      {service: func(c *simulator.Config) { c.MeetingsPerDay = 0 }, words: []string{"0 meetings", "The service lists no meetings for this time", "Polling will work."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := simulator.Config{Seed: 3, MeetingsPerDay: 100, AppID: "app", AppKey: "the-key", Account: "account", Password: "the-password"}
			if c.service != nil {
				c.service(&config)
			}
			service := simulator.New(config)
			service.SetFault(c.fault)
			service.SetAccountState(c.state)
			server := httptest.NewServer(service)
			defer server.Close()
			cfg := client.Config{
				Endpoint: server.URL, AppID: "app", Secret: secret("the-key"),
				Timeout: 10 * time.Second, MaxRequestsPerMinute: 600, UserAgent: "test",
			}
			if c.client != nil {
				c.client(&cfg)
			}

			var out strings.Builder
			err := check.Run(t.Context(), cfg, 24*time.Hour, &out)
			host := strings.TrimPrefix(server.URL, "http://")
			switch {
			case c.sentence == "" && err != nil:
				t.Errorf("got error %v", err)
			case c.sentence != "":
				want := "polling would not work: " + strings.ReplaceAll(c.sentence, "HOST", host)
				if err == nil || err.Error() != want {
					t.Errorf("got error %v, want %s", err, want)
				}
				for _, part := range []string{"FAIL  ", "What came back: ", "What to do: "} {
					if !strings.Contains(out.String(), part) {
						t.Errorf("%q is not in\n%s", part, &out)
					}
				}
			}
			for _, words := range c.words {
				if !strings.Contains(out.String(), words) {
					t.Errorf("%q is not in\n%s", words, &out)
				}
			}
			for _, hidden := range []string{"the-key", "the-password"} {
				if strings.Contains(out.String(), hidden) {
					t.Errorf("the secret is in\n%s", &out)
				}
			}
			if n := service.LiveTokens(); n > 0 && name != "cut" && name != "history rejected" { // the service says that it is dead
				t.Errorf("%d tokens are left", n)
			}
		})
	}
}

func TestUnreachableServiceIsTriedOnce(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	var out strings.Builder
	err := check.Run(t.Context(), client.Config{
		Endpoint: server.URL, AppID: "app", Secret: secret("key"), Timeout: time.Second, MaxRequestsPerMinute: 1,
	}, time.Hour, &out)
	if err == nil || !strings.Contains(out.String(), "connection refused") || !strings.Contains(out.String(), "firewall") {
		t.Errorf("got error %v and\n%s", err, &out)
	}
}

func secret(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func byAccount(c *client.Config) {
	c.AppID, c.Account, c.Secret = "", "account", secret("the-password")
}

func clockOff(by time.Duration) func(*client.Config) {
	return func(c *client.Config) { c.Now = func() time.Time { return time.Now().Add(by) } }
}

func variant(v simulator.Variant) func(*simulator.Config) {
	return func(c *simulator.Config) { c.Variant, c.MaxLimit = v, 10 }
}

// page responds to every request for history with the same page.
func page(text string) simulator.Fault {
	return onHistory(simulator.Body(http.StatusOK, "application/json", text))
}

func onHistory(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }
