package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

const observed = required + `
serviceMonitor: {enabled: true}
prometheusRule: {enabled: true}
dashboards: {enabled: true}
`

// TestTwoReleases checks that nothing of two releases clashes: neither objects
// nor what Prometheus and Grafana make of them.
func TestTwoReleases(t *testing.T) {
	seen := map[string]bool{}
	once := func(kind string, parts ...any) {
		name := kind + " " + fmt.Sprint(parts...)
		if seen[name] {
			t.Errorf("two releases have the %s", name)
		}
		seen[name] = true
	}
	for _, release := range [][2]string{{"north", "observed"}, {"south", "observed"}, {"north", "elsewhere"}} {
		objects := renderAs(t, release[0], release[1], observed)
		for kind, list := range objects {
			for _, object := range list {
				once(kind, release[1], "/", object.(interface{ GetName() string }).GetName())
			}
		}
		for _, object := range objects["PrometheusRule"] {
			for _, group := range object.(*monitoring.PrometheusRule).Spec.Groups {
				once("group", group.Name)
				for _, r := range group.Rules {
					if r.Record != "" {
						once("series", r.Record, r.Labels["namespace"], r.Labels["job"])
					}
				}
			}
		}
		for file, text := range one[core.ConfigMap](t, objects).Data {
			d := decodeDashboard(t, text)
			once("file", file)
			once("uid", d["uid"])
			once("title", d["title"])
			if uid := d["uid"].(string); len(uid) > 40 {
				t.Errorf("uid %s has more than the 40 characters that Grafana allows", uid)
			}
		}
	}
}

func decodeDashboard(t *testing.T, text string) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRulesOfRelease checks that the rules of a release are those of the
// project in the chosen language, for the series of this release alone.
func TestRulesOfRelease(t *testing.T) {
	own := map[string]string{"namespace": "observed", "job": "meetings-huaweicloud-meeting-exporter"}
	for _, test := range []struct {
		values string
		alerts string // the directory of the alerts
		labels map[string]string
	}{
		{"prometheusRule: {enabled: true}", "rules", own},
		{"language: zh-CN\nprometheusRule: {enabled: true}", "rules/zh-CN", own},
		{"prometheusRule: {enabled: true, source: {enterprise: north}}", "rules", map[string]string{"enterprise": "north"}},
	} {
		original := ruleFiles(t, test.alerts)
		for _, object := range render(t, required+test.values)["PrometheusRule"] {
			object := object.(*monitoring.PrometheusRule)
			file := strings.TrimPrefix(object.Name, "meetings-huaweicloud-meeting-exporter-") + ".yaml"
			groups := original[file].Groups
			if len(groups) == 0 || len(object.Spec.Groups) != len(groups) {
				t.Errorf("%s has %d groups, %s has %d", object.Name, len(object.Spec.Groups), file, len(groups))
				continue
			}
			for i, group := range object.Spec.Groups {
				if !strings.HasSuffix(group.Name, "."+groups[i].Name) || len(group.Rules) != len(groups[i].Rules) {
					t.Errorf("%s: group %s, want the rules of %s", object.Name, group.Name, groups[i].Name)
					continue
				}
				for j, r := range group.Rules {
					checkRule(t, r, groups[i].Rules[j], test.labels)
				}
			}
			delete(original, file)
		}
		if len(original) > 0 {
			t.Errorf("there is no PrometheusRule of %v", slices.Sorted(maps.Keys(original)))
		}
	}
}

// checkRule checks that a rule is an original one with labels added to each
// selector and to what it records.
func checkRule(t *testing.T, got monitoring.Rule, want rule, labels map[string]string) {
	t.Helper()
	name := want.Record + want.Alert
	wantLabels := maps.Clone(want.Labels)
	if want.Record != "" {
		wantLabels = labels
	}
	if got.Record != want.Record || got.Alert != want.Alert || !maps.Equal(got.Labels, wantLabels) {
		t.Errorf("rule %s%s with labels %v, want %s with labels %v", got.Record, got.Alert, got.Labels, name, wantLabels)
	}
	if got.For != nil && string(*got.For) != want.For || got.For == nil && want.For != "" {
		t.Errorf("%s: for %v, want %s", name, got.For, want.For)
	}
	expr, err := metricsql.Parse(got.Expr.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		selector, ok := e.(*metricsql.MetricExpr)
		if !ok || len(selector.LabelFilterss) == 0 {
			return
		}
		filters := selector.LabelFilterss[0]
		for label, value := range labels {
			i := slices.Index(filters, metricsql.LabelFilter{Label: label, Value: value})
			if i < 0 {
				t.Errorf("%s: %s does not select %s=%q", name, selector.AppendString(nil), label, value)
				return
			}
			filters = slices.Delete(filters, i, i+1)
		}
		selector.LabelFilterss[0] = filters
	})
	original, err := metricsql.Parse(want.Expr)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got, want := string(expr.AppendString(nil)), string(original.AppendString(nil)); got != want {
		t.Errorf("%s: without the labels the query is\n%s\nwant\n%s", name, got, want)
	}
	for key, text := range want.Annotations {
		var scope []string
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			scope = append(scope, fmt.Sprintf("%s='%s',", label, labels[label]))
		}
		if text = strings.ReplaceAll(text, "{%s}", "{"+strings.Join(scope, "")+"%s}"); got.Annotations[key] != text {
			t.Errorf("%s: annotation %s is\n%s\nwant\n%s", name, key, got.Annotations[key], text)
		}
	}
}

// TestDashboardsOfRelease checks that the dashboards of a release are those of
// the project in the chosen language, with a UID and a title of their own, and
// open on its target. The UID is the same in each language.
func TestDashboardsOfRelease(t *testing.T) {
	uids := checkDashboards(t, "en", "dashboards/*.json")
	if chinese := checkDashboards(t, "zh-CN", "dashboards/zh-CN/*.json"); !maps.Equal(chinese, uids) {
		t.Errorf("in Chinese the UIDs are %v, in English %v", chinese, uids)
	}
}

// checkDashboards compares the dashboards of a release in a language with files,
// and returns their UIDs.
func checkDashboards(t *testing.T, language, files string) map[string]string {
	t.Helper()
	want, uids := originals(t, files), map[string]string{}
	got := one[core.ConfigMap](t, render(t, observed+"language: "+language+"\n")).Data
	if len(got) != len(want) {
		t.Errorf("%d dashboards, want %d", len(got), len(want))
	}
	const id = "observed.meetings-huaweicloud-meeting-exporter."
	for file, text := range want {
		got, want := decodeDashboard(t, got[id+file]), decodeDashboard(t, text)
		uids[file] = got["uid"].(string)
		if !strings.HasPrefix(uids[file], strings.TrimSuffix(want["uid"].(string), "-zh")+"-") || got["title"] != want["title"].(string)+" (observed/meetings)" {
			t.Errorf("uid %v and title %v of %v and %v", got["uid"], got["title"], want["uid"], want["title"])
		}
		instance := variable(t, got, "instance")
		if current := fmt.Sprint(instance["current"]); !strings.Contains(current, "[observed/meetings-huaweicloud-meeting-exporter]") {
			t.Errorf("%s opens on %s", file, current)
		}
		got["uid"], got["title"], instance["current"] = want["uid"], want["title"], variable(t, want, "instance")["current"]
		if got, want := fmt.Sprint(got), fmt.Sprint(want); got != want {
			t.Errorf("%s differs in more than uid, title and instance", file)
		}
	}
	return uids
}

func variable(t *testing.T, dashboard map[string]any, name string) map[string]any {
	t.Helper()
	for _, v := range dashboard["templating"].(map[string]any)["list"].([]any) {
		if v := v.(map[string]any); v["name"] == name {
			return v
		}
	}
	t.Fatalf("no variable %s", name)
	return nil
}

// TestSubchart renders the chart as a part of another chart that can switch it
// off.
func TestSubchart(t *testing.T) {
	parent := t.TempDir()
	packageChart(t, filepath.Join(parent, "charts"))
	write(t, filepath.Join(parent, "Chart.yaml"), `
apiVersion: v2
name: parent
version: 1.0.0
dependencies:
  - name: huaweicloud-meeting-exporter
    version: ">=0"
    condition: huaweicloud-meeting-exporter.enabled
`)
	for enabled, want := range map[string]bool{"true": true, "false": false} {
		values := "global: {imageRegistry: mine}\nhuaweicloud-meeting-exporter:\n  enabled: " + enabled +
			strings.ReplaceAll(required, "\n", "\n  ")
		text, err := helm(t, values, "template", "meetings", parent)
		if err != nil {
			t.Error(err)
		}
		if got := strings.Contains(text, "kind: Deployment"); err == nil && got != want {
			t.Errorf("enabled: %s: a Deployment: %v", enabled, got)
		}
	}
}

// TestSecurityContexts checks that both contexts can be replaced and emptied.
func TestSecurityContexts(t *testing.T) {
	pod := func(values string) core.PodSpec {
		return one[apps.Deployment](t, render(t, required+values)).Spec.Template.Spec
	}
	emptied := pod("podSecurityContext: {}\ncontainerSecurityContext: {}\n")
	if emptied.SecurityContext != nil || emptied.Containers[0].SecurityContext != nil {
		t.Errorf("emptied: %v and %v", emptied.SecurityContext, emptied.Containers[0].SecurityContext)
	}
	replaced := pod("podSecurityContext: {runAsNonRoot: true}\ncontainerSecurityContext: {privileged: false}\n")
	if s := replaced.SecurityContext; *s.RunAsNonRoot != true || s.RunAsUser != nil || s.FSGroup != nil {
		t.Errorf("replaced: %v", s)
	}
	if s := replaced.Containers[0].SecurityContext; *s.Privileged || s.Capabilities != nil {
		t.Errorf("replaced: %v", s)
	}
}
