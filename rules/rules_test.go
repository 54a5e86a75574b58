package rules_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/test/promserver"
)

func TestPromtool(t *testing.T) {
	t.Parallel()
	rules := glob(t, "*.yaml")
	if want := []string{"capacity-alerts.yaml", "exporter-alerts.yaml", "recording.yaml", "usage-alerts.yaml"}; !slices.Equal(rules, want) {
		t.Errorf("got files %q, want %q", rules, want)
	}
	promtool := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), promserver.Tool(t, "promtool"), args...).CombinedOutput(); err != nil {
				t.Errorf("promtool %q: %v\n%s", args, err, out)
			}
		})
	}
	promtool("check", append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, rules...)...)
	promtool("check Chinese", append([]string{"check", "rules", "--lint=all", "--lint-fatal", "recording.yaml"}, glob(t, "zh-CN/*.yaml")...)...)
	for _, file := range glob(t, "tests/*.yaml") {
		promtool(filepath.Base(file), "test", "rules", file)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	rules := load(t, "*.yaml")
	alerts := slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return r.Type != "alerting" })
	if len(alerts) == 0 || len(alerts) == len(rules) {
		t.Fatalf("%d of %d rules are alerts, want both kinds", len(alerts), len(rules))
	}
	t.Run("metrics and labels exist", func(t *testing.T) { checkNames(t, rules) })
	t.Run("sources stay apart", func(t *testing.T) { checkSources(t, rules) })
	t.Run("alerts are tested", func(t *testing.T) { checkTests(t, alerts) })
	t.Run("alerts are complete", func(t *testing.T) { checkAlerts(t, alerts) })
	t.Run("tables of the README", func(t *testing.T) { checkTables(t, rules) })
	t.Run("Chinese alerts", func(t *testing.T) { checkChinese(t, load(t, "zh-CN/*.yaml"), alerts) })
}

// rule is a rule in the API of Prometheus.
type rule struct {
	Type, Name, Query   string  // the type is alerting or recording
	Duration            float64 // for, in seconds
	Labels, Annotations map[string]string

	tree promserver.Node // of the query
}

// load returns the rules of files as a real Prometheus loads them.
func load(t *testing.T, pattern string) (rules []rule) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p := promserver.Start(t, fmt.Sprintf("rule_files: ['%s/%s']\n", here, pattern), t.TempDir())
	var loaded struct{ Groups []struct{ Rules []rule } }
	p.Get(t, "rules", url.Values{}, &loaded)
	for _, group := range loaded.Groups {
		for _, r := range group.Rules {
			r.tree = p.Parse(t, r.Query)
			rules = append(rules, r)
		}
	}
	return rules
}

var alertTest = regexp.MustCompile(`alertname: (\w+)(?:, exp_alerts: (\[\])|\n\s+exp_alerts:\n\s+- exp_labels:)`)

// checkTests looks for a test in which each alert fires, and one in which it
// does not.
func checkTests(t *testing.T, alerts []rule) {
	firing, silent := map[string]bool{}, map[string]bool{}
	for _, file := range glob(t, "tests/*.yaml") {
		for _, match := range alertTest.FindAllStringSubmatch(read(t, file), -1) {
			if match[2] == "[]" {
				silent[match[1]] = true
			} else {
				firing[match[1]] = true
			}
		}
	}
	for _, r := range alerts {
		if !firing[r.Name] || !silent[r.Name] {
			t.Errorf("%s: a test with the alert: %v, a test without: %v; want both", r.Name, firing[r.Name], silent[r.Name])
		}
	}
}

var (
	alertName   = regexp.MustCompile(`^HuaweiCloudMeeting([A-Z][a-z]+)+$`)
	numberIn    = regexp.MustCompile(`\{\{.*(\$value|query )`)
	runbookForm = regexp.MustCompile(`(?s)\*\*Meaning\.\*\*.*\*\*Look\.\*\*.*` + "```promql\n" + `.*\*\*Do\.\*\*`)
)

// checkAlerts checks that an alert says how bad it is and what to do about it.
func checkAlerts(t *testing.T, alerts []rule) {
	readme := read(t, "README.md")
	for _, r := range alerts {
		_, after, _ := strings.Cut(readme, "\n### "+r.Name+"\n")
		runbook, _, _ := strings.Cut(after, "\n##")
		description := r.Annotations["description"]
		for want, ok := range map[string]bool{
			"a name in camel case that begins with HuaweiCloudMeeting": alertName.MatchString(r.Name),
			"a duration":                                 r.Duration > 0,
			"the severity critical, warning or info":     slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]),
			"a summary":                                  r.Annotations["summary"] != "",
			"a number in the description":                numberIn.MatchString(description),
			"the enterprise in the description":          strings.Contains(description, "with $labels.enterprise"),
			"what to do first in the description":        strings.Contains(description, " First "),
			"an annotation with the link to the runbook": r.Annotations["runbook"] == "rules/README.md#"+strings.ToLower(r.Name),

			"a runbook with Meaning, Look with a query, and Do, in this order": runbookForm.MatchString(runbook),
		} {
			if !ok {
				t.Errorf("%s: want %s, got for %v, labels %v, annotations %q, runbook\n%s", r.Name, want, r.Duration, r.Labels, r.Annotations, runbook)
			}
		}
	}
}

// checkChinese checks that Chinese alerts differ from the English ones only in
// what people read.
func checkChinese(t *testing.T, chinese, english []rule) {
	if len(chinese) != len(english) {
		t.Fatalf("%d Chinese alerts, %d English ones", len(chinese), len(english))
	}
	for i, got := range chinese {
		want := english[i]
		for _, text := range []string{"summary", "description"} {
			if !regexp.MustCompile(`\p{Han}`).MatchString(got.Annotations[text]) {
				t.Errorf("%s: the %s is not Chinese: %s", got.Name, text, got.Annotations[text])
			}
			if text == "description" && !strings.Contains(got.Annotations[text], "请先") {
				t.Errorf("%s: the description does not say what to do first: %s", got.Name, got.Annotations[text])
			}
			got.Annotations[text] = want.Annotations[text]
		}
		if got.tree, want.tree = nil, nil; !reflect.DeepEqual(got, want) {
			t.Errorf("got the alert %+v, want %+v", got, want)
		}
	}
}

var (
	tableRow  = regexp.MustCompile("(?m)^\\| \\[?`[^`]+`")
	zeroUnits = regexp.MustCompile(`([hm])0[ms0]+$`) // of a duration
)

// checkTables checks that the tables of the README list all rules, with their
// severity, duration or value, and no others.
func checkTables(t *testing.T, rules []rule) {
	readme := read(t, "README.md")
	for _, r := range rules {
		row := fmt.Sprintf("| `%s` |", r.Name)
		if strings.HasSuffix(r.Name, ":threshold") {
			row = fmt.Sprintf("| `%s` | %s |", r.Name, strings.Trim(r.Query, `"`))
		}
		if r.Type == "alerting" {
			duration := zeroUnits.ReplaceAllString(time.Duration(r.Duration*float64(time.Second)).String(), "$1")
			row = fmt.Sprintf("| [`%s`](#%s) | %s | %s |", r.Name, strings.ToLower(r.Name), r.Labels["severity"], duration)
		}
		if !strings.Contains(readme, "\n"+row) {
			t.Errorf("README.md has no row that begins with %s", row)
		}
	}
	for _, row := range tableRow.FindAllString(readme, -1) {
		if name := strings.Trim(row, "|[` "); !strings.HasSuffix(name, ".yaml") && !slices.ContainsFunc(rules, func(r rule) bool { return r.Name == name }) {
			t.Errorf("README.md has a row for %s, which is not a rule", name)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: got files %q and error %v, want some", pattern, files, err)
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
