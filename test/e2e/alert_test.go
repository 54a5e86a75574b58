package e2e_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

func TestAlertsFire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault simulator.Fault
		alert string
	}{
		"a portal responds": {onHistory(simulator.HTML()), "PollsFailing by response"},
		// The exporter signs in again because its token is rejected too.
		"the sign-in is refused": {
			simulator.Answer(http.StatusUnauthorized, "USG.206010025", "wrong app key"), "SignInRefused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, url := newService(t, simulator.Config{})
			_, exporterURL := serve(t, append(signIn(t, url, testAppKey), everySecond...)...)
			awaitReady(t, exporterURL)
			config := configure(t, time.Second, []string{fasterAlerts(t)}, exporterURL, "any name")
			p := startPrometheus(t, config, t.TempDir())
			p.awaitPoll(t)
			p.awaitAlerts(t, map[string]string{}) // the alert on an absent exporter ends

			service.SetFault(c.fault)
			p.awaitAlerts(t, map[string]string{c.alert: "pending"})
			p.awaitAlerts(t, map[string]string{c.alert: "firing"})

			service.SetFault(nil)
			p.awaitAlerts(t, map[string]string{})
		})
	}
}

// fasterAlerts returns the path of a copy of the alerts on the exporter in which
// minutes are seconds.
func fasterAlerts(t *testing.T) string {
	t.Helper()
	rules, err := os.ReadFile("../../rules/exporter-alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(rules)
	for slow, fast := range map[string]string{
		`(?m)^( +for:) \d+[mh]$`: "$1 2s",
		`\[15m\]`:                "[10s]",
	} {
		re := regexp.MustCompile(slow)
		if !re.MatchString(text) {
			t.Fatalf("no %s in the alerts on the exporter", slow)
		}
		text = re.ReplaceAllString(text, fast)
	}
	return write(t, t.TempDir(), "alerts.yaml", text)
}

// awaitAlerts waits until these alerts, and no others, are pending or firing.
func (p prometheus) awaitAlerts(t *testing.T, want map[string]string) {
	t.Helper()
	await(t, deadline, func() string {
		var data struct {
			Alerts []struct {
				Labels map[string]string `json:"labels"`
				State  string            `json:"state"`
			} `json:"alerts"`
		}
		p.api(t, "alerts", &data)
		states := map[string]string{}
		for _, alert := range data.Alerts {
			name := strings.TrimPrefix(alert.Labels["alertname"], "HuaweiCloudMeeting")
			if reason := alert.Labels["reason"]; reason != "" {
				name += " by " + reason
			}
			states[name] = alert.State
		}
		if diff := cmp.Diff(want, states); diff != "" {
			return "alerts (-want +got):\n" + diff
		}
		return ""
	})
}
