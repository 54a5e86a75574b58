//go:build !race

package dashboards_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/test/promserver"
)

var keep = flag.String("keep", "", "new `directory` for the data of the history; without it the data is deleted")

// TestQueries runs every query against a real Prometheus with 15 days of
// scrapes of the exporter. The race detector makes the scrapes ten times
// slower, so the test is not built with it.
func TestQueries(t *testing.T) {
	data := *keep
	if data == "" {
		data = t.TempDir()
	}
	text := filepath.Join(t.TempDir(), "history.om")
	file, err := os.Create(text)
	if err != nil {
		t.Fatal(err)
	}
	week, end := writeHistory(t, file)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	// promtool reads the file once for each block, so one long block is fastest.
	load := exec.CommandContext(t.Context(), promserver.Tool(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics",
		"--quiet", "--max-block-duration=1000h", "--label=job=meetings", "--label=instance=exporter:10047", text, data)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := promserver.Start(t, "global: {}\n", data)
	all := queries(dashboards(t, ".")) // the Chinese ones have the same
	t.Run("metrics and labels exist", func(t *testing.T) { checkNames(t, p, all, end) })
	t.Run("no panel is empty", func(t *testing.T) { checkResults(t, p, all) })
	t.Run("panels without last week", func(t *testing.T) { checkFirstHour(t, p, all) })
	t.Run("replicas, sources and native histograms", func(t *testing.T) { checkForms(t, all, week, end) })
}

// query is a query with its panel and dashboard.
type query struct {
	target
	panel     panel
	dashboard dashboard
}

func (q query) String() string {
	return fmt.Sprintf("%s, panel %d %q, query %s", q.dashboard.UID, q.panel.ID, q.panel.Title, q.RefID)
}

func queries(all map[string]dashboard) (found []query) {
	for _, d := range all {
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				found = append(found, query{q, panel, d})
			}
		}
	}
	return found
}

// views returns the views of dashboards at one time. It makes each only once.
func views(t *testing.T, p promserver.Server, to time.Time) func(query) view {
	made := map[string]view{}
	return func(q query) view {
		v, ok := made[q.dashboard.UID]
		if !ok {
			v = newView(t, p, q.dashboard, to)
			made[q.dashboard.UID] = v
		}
		return v
	}
}

func checkResults(t *testing.T, p promserver.Server, all []query) {
	isNumber := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	hasNumber := func(s promserver.Series) bool { return slices.ContainsFunc(s.Values, isNumber) }
	viewOf := views(t, p, historyEnd)
	for _, q := range all {
		if v := viewOf(q); !slices.ContainsFunc(v.run(t, p, q.target), hasNumber) {
			t.Errorf("%s has no result:\n%s", q, v.interpolate(t, q.target))
		}
	}
}

// checkFirstHour checks that panels that compare with last week show a text
// when there is no data of last week.
func checkFirstHour(t *testing.T, p promserver.Server, all []query) {
	viewOf := views(t, p, historyStart.Add(time.Hour))
	found := 0
	for _, q := range all {
		if !strings.Contains(q.Expr, "offset 7d") {
			continue
		}
		found++
		if got := viewOf(q).run(t, p, q.target); len(got) != 1 || !math.IsNaN(got[0].Values[0]) {
			t.Errorf("%s: got %v, want NaN, which the panel shows as a text", q, got)
		}
		if mappings := fmt.Sprint(q.panel.FieldConfig.Defaults.Mappings); !strings.Contains(mappings, "null+nan") {
			t.Errorf("%s: no mapping of NaN to a text: %s", q, mappings)
		}
	}
	if found == 0 {
		t.Error("no query compares with last week")
	}
}

var legendLabel = regexp.MustCompile(`{{(.*?)}}`)

// checkNames checks that the exporter has every metric and label of a query.
func checkNames(t *testing.T, p promserver.Server, all []query, end []*family) {
	metrics, labels := names(end)
	labels["hour"] = true // a query adds it
	viewOf := views(t, p, historyEnd)
	for _, q := range all {
		wantLabel := func(name string) {
			if !labels[name] {
				t.Errorf("%s: there is no label %q", q, name)
			}
		}
		p.Parse(t, viewOf(q).interpolate(t, q.target)).Walk(func(n promserver.Node, above []promserver.Node) {
			for _, label := range n.Grouping() {
				wantLabel(label)
			}
			matchers, isSelector := n.Matchers()
			if !isSelector {
				return
			}
			for label := range matchers {
				wantLabel(label)
			}
			if name, _ := n["name"].(string); !metrics[name] {
				t.Errorf("%s: there is no metric %q", q, name)
			}
			if problem := selectorProblem(matchers, above); problem != "" {
				t.Errorf("%s: %s: %v", q, problem, n["name"])
			}
		})
		for _, match := range legendLabel.FindAllStringSubmatch(q.LegendFormat, -1) {
			wantLabel(match[1])
		}
	}
}

// selectorProblem returns what is wrong with the use of a selector. A selector
// must match job, instance and enterprise. The query must show the greatest or least of all
// exporters, or reduce replicas and keep sources apart until it adds them up.
func selectorProblem(matchers map[string]string, above []promserver.Node) string {
	for _, label := range []string{"job", "instance", "enterprise"} {
		if _, ok := matchers[label]; !ok {
			return "no matcher of " + label
		}
	}
	var aggregations []any
	for _, n := range above {
		if n["type"] == "aggregation" {
			aggregations = append(aggregations, n["op"])
		}
	}
	if len(aggregations) == 1 && (aggregations[0] == "max" || aggregations[0] == "min") {
		return ""
	}
	reduced, problem := promserver.Replicas(above)
	if !reduced {
		return "the panel shows replicas separately"
	}
	return problem
}
