package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

const alertingConfig = `
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: ['%[1]s']
scrape_configs:
  - job_name: any name
    static_configs: [{targets: ['%[2]s']}]
`

// newAlerting starts a Prometheus that scrapes a target every second and
// evaluates a rule file as often.
func newAlerting(t *testing.T, rules, target string) prometheus {
	t.Helper()
	p := start(t, tool(t, "prometheus"),
		"--config.file="+write(t, "prometheus.yml", fmt.Sprintf(alertingConfig, rules, target)),
		"--storage.tsdb.path="+t.TempDir(),
		"--web.listen-address=127.0.0.1:0")
	url := "http://" + p.address(t)
	awaitReady(t, url)
	return prometheus{url}
}

// hastened returns a copy of the project's alerts on the exporter that does
// within seconds what takes minutes: nobody waits for these in a test. What an
// alert asks, and of which metrics, stays as it is.
func hastened(t *testing.T) string {
	t.Helper()
	rules, err := os.ReadFile("../rules/exporter-alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(rules)
	for slow, quick := range map[string]string{
		`(?m)^( +for:) \d+[mh]$`: "$1 2s",
		`\[15m\]`:                "[10s]", // ten polls, rather than fifteen
	} {
		re := regexp.MustCompile(slow)
		if !re.MatchString(text) {
			t.Fatalf("no %s in the alerts on the exporter", slow)
		}
		text = re.ReplaceAllString(text, quick)
	}
	return write(t, "alerts.yaml", text)
}

// alerts returns the states of the alerts that are not inactive, by name.
func (p prometheus) alerts(t *testing.T) map[string]string {
	t.Helper()
	got := get(t, p.url+"/api/v1/alerts")
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string `json:"labels"`
				State  string            `json:"state"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK {
		t.Fatalf("alerts: status %d, %v\n%s", got.status, err, got.body)
	}
	states := map[string]string{}
	for _, alert := range answer.Data.Alerts {
		name := strings.TrimPrefix(alert.Labels["alertname"], "HuaweiCloudMeeting")
		if reason := alert.Labels["reason"]; reason != "" {
			name += " by " + reason
		}
		states[name] = alert.State
	}
	return states
}

// awaitAlerts waits until just these alerts are in these states.
func (p prometheus) awaitAlerts(t *testing.T, want map[string]string) {
	t.Helper()
	await(t, slowest, func() string {
		if diff := cmp.Diff(want, p.alerts(t)); diff != "" {
			return "alerts (-want +got):\n" + diff
		}
		return ""
	})
}

func TestAlertFiresWhileTheServiceFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault simulator.Fault
		alert string
	}{
		"a portal answers in its place": {
			simulator.On(simulator.PathHistory, simulator.HTML()),
			"PollsFailing by response",
		},
		// The token in use is taken for void, so that a new one is needed.
		"it refuses the sign-in": {
			simulator.Answer(http.StatusUnauthorized, "USG.206010025", "wrong app key"),
			"SignInRefused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, url := newService(t, simulator.Config{})
			_, exporterURL := serve(t, append(signIn(t, url, testAppKey), quick...)...)
			awaitReady(t, exporterURL)
			p := newAlerting(t, hastened(t), strings.TrimPrefix(exporterURL, "http://"))
			await(t, slowest, func() string {
				if polled := p.query(t, time.Now(), "huaweicloud_meeting_up == 1"); len(polled) == 0 {
					return "Prometheus has not seen a poll that succeeded"
				}
				return ""
			})
			p.awaitAlerts(t, map[string]string{}) // that of the absent one ends

			service.SetFault(c.fault)
			p.awaitAlerts(t, map[string]string{c.alert: "pending"})
			p.awaitAlerts(t, map[string]string{c.alert: "firing"})

			service.SetFault(nil)
			p.awaitAlerts(t, map[string]string{})
		})
	}
}
