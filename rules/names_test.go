package rules_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
)

// The labels that Prometheus gives to every target.
var targetLabels = []string{"job", "instance"}

// series are the labels that a metric has, each with the values that are known
// from the start, or none.
type series map[string][]string

// shown are the metrics that the rules may name: those in the code, and those
// that any Go program's target has.
func shown(t *testing.T) map[string]series {
	t.Helper()
	metrics := map[string]series{"up": {}, "process_start_time_seconds": {}}
	health := collector.NewHealth(time.Now)
	view := collector.New(ledger.New(ledger.Config{Window: 24 * time.Hour}, time.Now()), 24*time.Hour, time.Now)

	// Only its text tells what a descriptor holds.
	text := regexp.MustCompile(`fqName: "([^"]+)",.* variableLabels: \{([^}]*)\}`)
	descs := make(chan *prometheus.Desc, 100)
	health.Describe(descs)
	view.Describe(descs)
	close(descs)
	for desc := range descs {
		match := text.FindStringSubmatch(desc.String())
		if match == nil {
			t.Fatalf("descriptor %s is not as expected", desc)
		}
		metrics[match[1]] = series{}
		for label := range strings.SplitSeq(match[2], ",") {
			metrics[match[1]][label] = nil
		}
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(health, view)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		labels := metrics[f.GetName()]
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
			}
			if h := m.GetHistogram(); h != nil {
				buckets := maps.Clone(labels)
				for _, b := range h.GetBucket() {
					buckets["le"] = append(buckets["le"], strconv.FormatFloat(b.GetUpperBound(), 'f', -1, 64))
				}
				metrics[f.GetName()+"_bucket"], metrics[f.GetName()+"_count"], metrics[f.GetName()+"_sum"] = buckets, labels, labels
			}
		}
	}
	return metrics
}

func TestEveryMetricAndLabelExists(t *testing.T) {
	t.Parallel()
	rules, metrics := load(t), shown(t)
	labels := append([]string{"week"}, targetLabels...) // the habits add a week
	for _, s := range metrics {
		labels = slices.AppendSeq(labels, maps.Keys(s))
	}
	for _, r := range rules {
		if r.Type == "recording" {
			metrics[r.Name] = nil
		}
	}
	for _, r := range rules {
		check := func(node map[string]any) {
			switch node["type"] {
			case "vectorSelector", "matrixSelector":
				name := node["name"].(string)
				s, known := metrics[name]
				if !known {
					t.Errorf("%s: no metric %s", r.Name, name)
				}
				for _, m := range node["matchers"].([]any) {
					m := m.(map[string]any)
					checkMatcher(t, r.Name+": "+name, s, m["name"].(string), m["value"].(string))
				}
			case "aggregation":
				checkLabels(t, r.Name, node["grouping"], labels)
			case "binaryExpr":
				if matching, ok := node["matching"].(map[string]any); ok {
					checkLabels(t, r.Name, matching["labels"], labels)
				}
			}
		}
		walk(r.tree, check)
		for _, text := range r.Annotations {
			for _, name := range regexp.MustCompile(`([a-z_]+:)?huaweicloud_meeting_[a-z0-9_:]+`).FindAllString(text, -1) {
				if _, known := metrics[name]; !known {
					t.Errorf("%s: no metric %s", r.Name, name)
				}
			}
		}
	}
}

// walk shows every node of the tree of a query.
func walk(tree any, show func(map[string]any)) {
	switch node := tree.(type) {
	case map[string]any:
		show(node)
		for _, child := range node {
			walk(child, show)
		}
	case []any:
		for _, child := range node {
			walk(child, show)
		}
	}
}

func checkLabels(t *testing.T, what string, used any, known []string) {
	t.Helper()
	list, _ := used.([]any)
	for _, label := range list {
		if !slices.Contains(known, label.(string)) {
			t.Errorf("%s: no label %s", what, label)
		}
	}
}

// checkMatcher makes sure that there is the label, and that each alternative
// of the value is one that the code knows.
func checkMatcher(t *testing.T, what string, s series, label, value string) {
	t.Helper()
	if label == "__name__" || slices.Contains(targetLabels, label) {
		return
	}
	values, known := s[label]
	if !known {
		t.Errorf("%s: no label %s", what, label)
		return
	}
	for alternative := range strings.SplitSeq(value, "|") {
		if re := regexp.MustCompile("^(" + alternative + ")$"); !slices.ContainsFunc(values, re.MatchString) {
			t.Errorf("%s: no %s is %s, only %q", what, label, alternative, values)
		}
	}
}
