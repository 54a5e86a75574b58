package rules_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var files = []string{"exporter-alerts.yaml", "recording.yaml", "usage-alerts.yaml"}

// tool returns the path of a program that belongs to Prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run the tests with make test, which builds it", err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestRuleFilesAreValid(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob("*.yaml")
	if err != nil || !slices.Equal(found, files) {
		t.Errorf("got files %q and error %v, want %q", found, err, files)
	}
	args := append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, files...)
	if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}

func TestRulesDoWhatTheirTestsSay(t *testing.T) {
	t.Parallel()
	for _, file := range testFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), "test", "rules", file).CombinedOutput(); err != nil {
				t.Errorf("promtool test rules: %v\n%s", err, out)
			}
		})
	}
}

// testFiles returns the tests that promtool runs.
func testFiles(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("tests/*.yaml")
	if err != nil || len(found) == 0 {
		t.Fatalf("got tests %q and error %v, want some", found, err)
	}
	return found
}

var alertTest = regexp.MustCompile(`alertname: (\w+)(?:, exp_alerts: (\[\])|\n\s+exp_alerts:\n\s+- exp_labels:)`)

func TestEveryAlertIsTestedFiringAndSilent(t *testing.T) {
	t.Parallel()
	firing, silent := map[string]bool{}, map[string]bool{}
	for _, file := range testFiles(t) {
		for _, match := range alertTest.FindAllStringSubmatch(read(t, file), -1) {
			if match[2] == "[]" {
				silent[match[1]] = true
			} else {
				firing[match[1]] = true
			}
		}
	}
	for _, r := range alerts(load(t)) {
		if !firing[r.Name] {
			t.Errorf("%s: no test sees it fire", r.Name)
		}
		if !silent[r.Name] {
			t.Errorf("%s: no test sees it silent", r.Name)
		}
	}
}

func TestEveryAlertSaysHowBadItIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	for _, r := range alerts(load(t)) {
		if !regexp.MustCompile(`^HuaweiCloudMeeting([A-Z][a-z]+)+$`).MatchString(r.Name) {
			t.Errorf("%s: want a name in camel case that begins with HuaweiCloudMeeting", r.Name)
		}
		if r.Duration <= 0 {
			t.Errorf("%s: want for", r.Name)
		}
		if severity := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, severity) {
			t.Errorf("%s: got severity %q, want critical, warning or info", r.Name, severity)
		}
		if r.Annotations["summary"] == "" {
			t.Errorf("%s: want a summary", r.Name)
		}
		description := r.Annotations["description"]
		if !regexp.MustCompile(`\{\{.*(\$value|query )`).MatchString(description) {
			t.Errorf("%s: got description %q, want a number in it", r.Name, description)
		}
		if !strings.Contains(description, " First ") {
			t.Errorf("%s: got description %q, want what to do first in it", r.Name, description)
		}
		if got, want := r.Annotations["runbook"], "rules/README.md#"+strings.ToLower(r.Name); got != want {
			t.Errorf("%s: got runbook %q, want %q", r.Name, got, want)
		}
		if runbook := section(readme, r.Name); !inOrder(runbook, "**Meaning.**", "**Look.**", "```promql\n", "**Do.**") {
			t.Errorf("%s: got runbook\n%s\nwant a meaning, how to look, by a query, and what to do", r.Name, runbook)
		}
	}
}

// section returns the part of a document under a heading of the third level.
func section(document, heading string) string {
	_, after, _ := strings.Cut(document, "\n### "+heading+"\n")
	part, _, _ := strings.Cut(after, "\n##")
	return part
}

// inOrder tells whether the texts follow one another.
func inOrder(text string, texts ...string) bool {
	for _, one := range texts {
		_, after, found := strings.Cut(text, one)
		if !found {
			return false
		}
		text = after
	}
	return true
}

func TestTheTablesOfTheReadmeAreTrue(t *testing.T) {
	t.Parallel()
	rules := load(t)
	var want []string
	for _, r := range rules {
		value := strings.Trim(r.Query, `"`)
		switch {
		case r.Type == "alerting":
			d := time.Duration(r.Duration * float64(time.Second))
			want = append(want, fmt.Sprintf("| [`%s`](#%s) | %s | %s |", r.Name, strings.ToLower(r.Name), r.Labels["severity"], short(d)))
		case strings.HasSuffix(r.Name, ":threshold"):
			want = append(want, fmt.Sprintf("| `%s` | %s |", r.Name, value))
		default:
			want = append(want, fmt.Sprintf("| `%s` |", r.Name))
		}
	}
	readme := read(t, "README.md")
	for _, row := range want {
		if !strings.Contains(readme, "\n"+row) {
			t.Errorf("README.md: want a row that begins with %s", row)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| \\[?`[^`]+`").FindAllString(readme, -1) {
		if name := strings.Trim(row, "|[` "); !strings.HasSuffix(name, ".yaml") && !slices.ContainsFunc(rules, func(r rule) bool { return r.Name == name }) {
			t.Errorf("README.md: got a row for %s, which is no rule", name)
		}
	}
}

// short writes a duration as the rules do.
func short(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}
