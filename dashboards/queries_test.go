package dashboards_test

import (
	"flag"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var keep = flag.String("keep", "", "new `directory` in which to leave the data of the history, for a Prometheus and a Grafana to look at it")

// The real exporter over fifteen days of virtual time, in a real Prometheus.
func TestEveryQueryHasAnAnswer(t *testing.T) {
	if raceEnabled {
		t.Skip("takes minutes with the race detector: make test runs it without")
	}
	promtool := tool(t, "promtool")
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
	// One long block: promtool reads the file once for each.
	load := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics",
		"--quiet", "--max-block-duration=1000h", "--label=job=meetings", "--label=instance=exporter:10047", text, data)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := newPrometheus(t, data, "global: {}\n")
	all := dashboards(t)
	t.Run("metrics and labels exist", func(t *testing.T) { namesExist(t, p, all, end) })
	t.Run("no panel is empty", func(t *testing.T) { noPanelIsEmpty(t, p, all) })
	t.Run("a panel that needs last week says so", func(t *testing.T) { missesLastWeek(t, p, all) })
	t.Run("replicas and native histograms", func(t *testing.T) { sameInEveryForm(t, all, week, end) })
}

// shownAt is a dashboard at its default time range, which ends at an instant.
func shownAt(t *testing.T, p server, d dashboard, to time.Time) view {
	t.Helper()
	span := map[string]time.Duration{"now-24h": 24 * time.Hour, "now-14d/d": 14 * 24 * time.Hour}[d.Time.From]
	if span == 0 {
		t.Fatalf("%s: time range from %s", d.Title, d.Time.From)
	}
	return view{from: to.Add(-span), to: to, scrape: scrapeInterval, variables: p.queryVariables(t, d)}
}

// ask evaluates a query as Grafana does, at steps that are whole.
func (v view) ask(t *testing.T, p server, q target) []series {
	t.Helper()
	expr := v.interpolate(t, q)
	if q.Instant {
		return p.at(t, expr, v.to)
	}
	step := v.step(t, q)
	return p.over(t, expr, v.from.Truncate(step), v.to.Truncate(step), step)
}

func noPanelIsEmpty(t *testing.T, p server, all map[string]dashboard) {
	for file, d := range all {
		v := shownAt(t, p, d, historyEnd)
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				isNumber := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
				if !slices.ContainsFunc(v.ask(t, p, q), func(s series) bool { return slices.ContainsFunc(s.values, isNumber) }) {
					t.Errorf("%s: panel %d %q, query %s is empty:\n%s", file, panel.ID, panel.Title, q.RefID, v.interpolate(t, q))
				}
			}
		}
	}
}

// missesLastWeek looks an hour after the start, when there is only now.
func missesLastWeek(t *testing.T, p server, all map[string]dashboard) {
	found := 0
	for file, d := range all {
		v := shownAt(t, p, d, historyStart.Add(time.Hour))
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				if !strings.Contains(q.Expr, "offset 7d") {
					continue
				}
				found++
				got := v.ask(t, p, q)
				if len(got) != 1 || !math.IsNaN(got[0].values[0]) {
					t.Errorf("%s: panel %q, query %s: %v, want NaN, which is shown as a text", file, panel.Title, q.RefID, got)
				}
				if mappings := fmt.Sprint(panel.FieldConfig.Defaults.Mappings); !strings.Contains(mappings, "null+nan") {
					t.Errorf("%s: panel %q shows nothing for NaN: %s", file, panel.Title, mappings)
				}
			}
		}
	}
	if found == 0 {
		t.Error("nothing is compared with last week")
	}
}

// made are labels that queries themselves make.
var made = []string{"hour"}

// namesExist looks at the syntax trees of all queries.
func namesExist(t *testing.T, p server, all map[string]dashboard, end []*family) {
	metrics, labels := names(end)
	for _, l := range made {
		labels[l] = true
	}
	for file, d := range all {
		v := shownAt(t, p, d, historyEnd)
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				where := fmt.Sprintf("%s: panel %d %q, query %s", file, panel.ID, panel.Title, q.RefID)
				var tree node
				p.get(t, "parse_query", url.Values{"query": {v.interpolate(t, q)}}, &tree)
				tree.walk(nil, func(n node, above []node) {
					for _, name := range n.labels() {
						if !labels[name] {
							t.Errorf("%s: no label %q in the code", where, name)
						}
					}
					if n.isSelector() {
						if name, _ := n["name"].(string); !metrics[name] {
							t.Errorf("%s: no metric %q in the code", where, name)
						}
						checkSelector(t, where, n, above)
					}
				})
				for _, l := range regexp.MustCompile(`{{(.*?)}}`).FindAllStringSubmatch(q.LegendFormat, -1) {
					if !labels[l[1]] {
						t.Errorf("%s: no label %q of the legend in the code", where, l[1])
					}
				}
			}
		}
	}
}

// checkSelector demands that a series is chosen by job and instance, and that
// replicas, which count the same meetings, are not added up.
func checkSelector(t *testing.T, where string, n node, above []node) {
	t.Helper()
	if l := n.labels(); !slices.Contains(l, "job") || !slices.Contains(l, "instance") {
		t.Errorf("%s: %v is not chosen by job and instance", where, n["name"])
	}
	for _, a := range slices.Backward(above) {
		if a["type"] != "aggregation" {
			continue
		}
		op, _ := a["op"].(string)
		if op == "max" || op == "min" || slices.Contains(a.labels(), "instance") {
			return
		}
		// There is no max of native histograms. Quantiles and fractions of
		// them are the same whatever the number of replicas.
		for _, b := range above {
			if f, ok := b["func"].(map[string]any); ok && (f["name"] == "histogram_quantile" || f["name"] == "histogram_fraction") {
				return
			}
		}
		t.Errorf("%s: %s of %v adds up replicas", where, op, n["name"])
		return
	}
	t.Errorf("%s: replicas of %v are shown side by side", where, n["name"])
}
