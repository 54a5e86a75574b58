package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestVictoriaMetrics evaluates every query of the rules and dashboards in a
// real VictoriaMetrics, which refuses a function that it does not know, and
// compares the sums of two sources, one of which has two replicas.
func TestVictoriaMetrics(t *testing.T) {
	server := "http://" + run(t, tool(t, "victoria-metrics"), "started server at http://",
		"-httpListenAddr=127.0.0.1:0", "-storageDataPath="+t.TempDir(), "-search.latencyOffset=0s")
	now := time.Now().Truncate(time.Minute)
	var samples strings.Builder
	for at := now.Add(-2 * time.Hour); !at.After(now); at = at.Add(time.Minute) {
		for source, meetings := range map[string]int{
			`enterprise="north",instance="a"`: 100, `enterprise="north",instance="b"`: 98, `enterprise="south",instance="a"`: 90,
		} {
			minutes := int(at.Sub(now.Add(-2 * time.Hour)).Minutes())
			for series, value := range map[string]int{
				"history_window_seconds{":                   86400,
				`recent_meetings{department="A",`:           meetings,
				`ended_meetings_total{department="A",`:      meetings * minutes,
				"ended_duration_seconds_count{":             meetings * minutes,
				`ended_duration_seconds_bucket{le="28800",`: meetings / 2 * minutes,
				"resource_expiry_timestamp_seconds{":        int(now.Unix()) + 86400*meetings/5, // in 20 and in 18 days
			} {
				fmt.Fprintf(&samples, "huaweicloud_meeting_%sjob=%q,%s} %d %d\n", series, "meetings", source, value, at.UnixMilli())
			}
		}
	}
	response, err := http.Post(server+"api/v1/import/prometheus", "text/plain", strings.NewReader(samples.String()))
	if err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatalf("import: %v, error %v", response, err)
	}
	response.Body.Close()
	get(t, server+"internal/force_flush")
	evaluate := func(expr string) map[string]string {
		text := get(t, server+"api/v1/query?"+url.Values{"query": {expr}, "time": {fmt.Sprint(now.Unix())}}.Encode())
		var answer struct {
			Error string
			Data  struct {
				Result []struct {
					Metric map[string]string
					Value  [2]any
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Error != "" {
			t.Errorf("%s\n%v %s", expr, err, answer.Error)
		}
		values := map[string]string{}
		for _, r := range answer.Data.Result {
			values[r.Metric["enterprise"]] = fmt.Sprint(r.Value[1])
		}
		return values
	}
	all := queries(t)
	for _, expr := range all {
		evaluate(expr)
	}
	if len(all) < 120 {
		t.Errorf("only %d queries", len(all))
	}
	for name, want := range map[string]map[string]string{
		"job:huaweicloud_meeting_recent_meetings:sum":                              {"north": "100", "south": "90"},
		"job:huaweicloud_meeting_ended_duration_seconds:over8h_increase1d":         {"north": "6000", "south": "5400"},
		"job_department_conference_type:huaweicloud_meeting_ended_meetings:rate1h": {"north": fmt.Sprint(100. / 60), "south": "1.5"},
		"HuaweiCloudMeetingResourceExpiring":                                       {"north": "1728000", "south": "1555200"},
		"meeting-usage.json panel 2 query A":                                       {"": "190"},
	} {
		if got := evaluate(all[name]); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v\n%s", name, got, want, all[name])
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	templateQuery = regexp.MustCompile(`printf "([^"]*)" \$source \| query`)
	// panelVariables are values of the variables of Grafana.
	panelVariables = strings.NewReplacer("$job", ".*", "$instance", ".*", "$enterprise", ".*", "$__interval_ms", "86400000", "$__interval", "1d",
		"$__range", "1d", "$__rate_interval", "5m", "$utc_offset", "8")
)

// queries returns the queries of all rules, templates and panels by a name.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, rules := range ruleFiles(t, "rules") {
		for _, group := range rules.Groups {
			for _, r := range group.Rules {
				all[r.Record+r.Alert] = r.Expr
				for _, match := range templateQuery.FindAllStringSubmatch(r.Annotations["description"], -1) {
					all[r.Alert+" description"] = strings.ReplaceAll(match[1], "%s", `job="meetings",`)
				}
			}
		}
	}
	for file, text := range originals(t, "dashboards/*.json") {
		var dashboard struct {
			Panels []struct {
				ID      int
				Targets []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				all[fmt.Sprintf("%s panel %d query %s", file, panel.ID, target.RefID)] = panelVariables.Replace(target.Expr)
			}
		}
	}
	return all
}
