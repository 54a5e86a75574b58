package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/simulator"
)

func TestCheckFindsThatPollingWillWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role  simulator.Role
		wants []string
	}{
		"administrator":    {simulator.Administrator, []string{"Signed in at", "is an administrator", "Polling will work."}},
		"no administrator": {simulator.User, []string{"not an administrator", "only their own meetings", "Polling will work."}},
	} {
		t.Run(name, func(t *testing.T) {
			service, url := newService(t, simulator.Config{MeetingsPerDay: 100, Worldwide: true, Admin: c.role})
			p := start(t, exporter, append(signIn(t, url, testAppKey), "check")...)
			if got := p.status(t); got != 0 {
				t.Errorf("got exit status %d, want 0", got)
			}
			for _, want := range c.wants {
				if got := p.stdout.String(); !strings.Contains(got, want) {
					t.Errorf("got on standard output\n%s\nwant it to say %q", got, want)
				}
			}
			if got := p.stderr.String(); got != "" {
				t.Errorf("got on standard error\n%s\nwant nothing", got)
			}
			if got := service.LiveTokens(); got != 0 {
				t.Errorf("got %d live tokens afterwards, want none", got)
			}
		})
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	withAccount := func(state simulator.AccountState) func(t *testing.T) string {
		return func(t *testing.T) string {
			service, url := newService(t, simulator.Config{})
			service.SetAccountState(state)
			return url
		}
	}
	withFault := func(fault simulator.Fault) func(t *testing.T) string {
		return func(t *testing.T) string {
			service, url := newService(t, simulator.Config{})
			service.SetFault(fault)
			return url
		}
	}
	for name, c := range map[string]struct {
		url  func(t *testing.T) string
		key  string
		want string // the sentence
	}{
		"wrong key":            {withFault(nil), "wrong-key", "The App Key is wrong."},
		"nothing listens":      {unreachable, testAppKey, "No answer comes from "},
		"a web site":           {webSite, testAppKey, "is not the meeting API."},
		"a web site afterward": {withFault(simulator.On(simulator.PathHistory, simulator.HTML())), testAppKey, "is not the meeting API."},
		"account locked":       {withAccount(simulator.AccountLocked), testAppKey, "The account is locked."},
		"account disabled":     {withAccount(simulator.AccountDisabled), testAppKey, "The account is disabled."},
		"no right to list": {
			withFault(simulator.On(simulator.PathHistory, simulator.Answer(http.StatusForbidden, "MMC.1", "no"))),
			testAppKey, "The user may not list the history of meetings.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, exporter, append(signIn(t, c.url(t), c.key), "check")...)
			if got := p.status(t); got != 1 {
				t.Errorf("got exit status %d, want 1", got)
			}
			var sentences []string
			for _, line := range p.stdout.lines() {
				if strings.Contains(line, c.want) {
					sentences = append(sentences, line)
				}
			}
			if len(sentences) != 1 {
				t.Errorf("got on standard output\n%s\nwant one line that says %q", p.stdout.String(), c.want)
			}
			if got := p.stderr.lines(); len(got) != 1 {
				t.Errorf("got on standard error\n%s\nwant one line", p.stderr.String())
			}
			if got := p.stdout.String(); strings.Contains(got, "Polling will work") {
				t.Errorf("got on standard output\n%s\nwant no word of success", got)
			}
		})
	}
}

// webSite serves pages for people, whatever is asked.
func webSite(t *testing.T) string {
	t.Helper()
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Meetings</title><p>Join a meeting.")
	}))
}

func TestSimulateIsAServiceToPointTheExporterAt(t *testing.T) {
	t.Parallel()
	simulate := start(t, exporter, "simulate", "--simulate.listen-address=127.0.0.1:0")
	url := simulate.find(t, &simulate.stdout, `listens on (http://\S+?)\. `)
	for key, want := range map[string]int{"demo-app-key": 0, "another-key": 1} {
		p := start(t, "env", "HUAWEICLOUD_MEETING_APP_KEY="+key, exporter, "check",
			"--huaweicloud.endpoint="+url, "--huaweicloud.app-id=demo")
		if got := p.status(t); got != want {
			t.Errorf("check with the key %s: got exit status %d, want %d\n%s", key, got, want, p.stdout.String())
		}
		if got := strings.Contains(p.stdout.String(), "The App Key is wrong."); got != (want == 1) {
			t.Errorf("check with the key %s says that it is wrong: got %t, want %t\n%s", key, got, want == 1, p.stdout.String())
		}
	}
}
