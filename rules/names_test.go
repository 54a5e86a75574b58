package rules_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/test/promserver"
	"huaweicloud_meeting_exporter/test/stack"
)

// labels are the labels of a metric, with the values that it has from the
// start, if any.
type labels map[string][]string

// metricLabels returns the labels of every metric that rules may use: those of
// the exporter, and two that every Go program has.
func metricLabels(t *testing.T) map[string]labels {
	t.Helper()
	exporter, err := stack.New(stack.Defaults(http.DefaultTransport))
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]labels{"up": {}, "process_start_time_seconds": {}}
	descriptors := make(chan *prometheus.Desc, 100)
	exporter.Self.Describe(descriptors)
	collector.New(exporter.Ledger, 0, nil).Describe(descriptors)
	collector.NewAttendance(exporter.Ledger).Describe(descriptors)
	close(descriptors)
	text := regexp.MustCompile(`fqName: "([^"]+)",.* variableLabels: \{([^}]*)\}`) // a descriptor has no accessors
	for d := range descriptors {
		match := text.FindStringSubmatch(d.String())
		if match == nil {
			t.Fatalf("unexpected descriptor %s", d)
		}
		metrics[match[1]] = labels{}
		for name := range strings.SplitSeq(match[2], ",") {
			metrics[match[1]][name] = nil
		}
	}

	families, err := exporter.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		all := metrics[f.GetName()]
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				all[l.GetName()] = append(all[l.GetName()], l.GetValue())
			}
			if h := m.GetHistogram(); h != nil {
				bucket := maps.Clone(all)
				for _, b := range h.GetBucket() {
					bucket["le"] = append(bucket["le"], strconv.FormatFloat(b.GetUpperBound(), 'f', -1, 64))
				}
				metrics[f.GetName()+"_bucket"], metrics[f.GetName()+"_count"], metrics[f.GetName()+"_sum"] = bucket, all, all
			}
		}
	}
	return metrics
}

var metricName = regexp.MustCompile(`([a-z_]+:)?huaweicloud_meeting_[a-z0-9_:]+`)

// checkNames checks that every metric, label and label value in the queries
// and annotations of the rules exists.
func checkNames(t *testing.T, rules []rule) {
	metrics := metricLabels(t)
	targetLabels := []string{"job", "instance", "enterprise", "pod"}
	grouping := append([]string{"week"}, targetLabels...) // habits add the label week
	for _, l := range metrics {
		grouping = slices.AppendSeq(grouping, maps.Keys(l))
	}
	for _, r := range rules {
		if r.Type == "recording" {
			metrics[r.Name] = nil
		}
	}
	for _, r := range rules {
		wantMetric := func(name string) {
			if _, ok := metrics[name]; !ok {
				t.Errorf("%s: there is no metric %s", r.Name, name)
			}
		}
		r.tree.Walk(func(n promserver.Node, _ []promserver.Node) {
			for _, label := range n.Grouping() {
				if !slices.Contains(grouping, label) {
					t.Errorf("%s: there is no label %s", r.Name, label)
				}
			}
			matchers, isSelector := n.Matchers()
			if !isSelector {
				return
			}
			name := n["name"].(string)
			wantMetric(name)
			for label, value := range matchers {
				if slices.Contains(targetLabels, label) {
					continue
				}
				values, ok := metrics[name][label]
				if !ok {
					t.Errorf("%s: %s has no label %s", r.Name, name, label)
				}
				for alternative := range strings.SplitSeq(value, "|") {
					if re := regexp.MustCompile("^(" + alternative + ")$"); !slices.ContainsFunc(values, re.MatchString) {
						t.Errorf("%s: the label %s of %s is never %s, only one of %q", r.Name, label, name, alternative, values)
					}
				}
			}
		})
		for _, text := range r.Annotations {
			for _, name := range metricName.FindAllString(text, -1) {
				wantMetric(name)
			}
		}
	}
}

// checkSources checks that rules keep sources apart: they drop no label of the
// target but instance and pod. A recording rule must drop these two.
func checkSources(t *testing.T, rules []rule) {
	for _, r := range rules {
		r.tree.Walk(func(n promserver.Node, above []promserver.Node) {
			matching, _ := n["matching"].(map[string]any)
			if matching["on"] == true && len(n.Grouping()) > 0 || n["type"] == "aggregation" && n["without"] != true {
				t.Errorf("%s: on or by %q drops the other labels of a source; want ignoring or without", r.Name, n.Grouping())
			}
			name, _ := n["name"].(string)
			if _, isSelector := n.Matchers(); !isSelector || strings.Contains(name, ":") {
				return
			}
			reduced, problem := promserver.Replicas(above)
			if problem == "" && !reduced && r.Type == "recording" {
				problem = "the rule keeps replicas apart"
			}
			if problem != "" {
				t.Errorf("%s: %s: %s", r.Name, name, problem)
			}
		})
	}
}
