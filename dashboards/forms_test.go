//go:build !race

package dashboards_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/test/promserver"
)

type family = dto.MetricFamily

// formsConfig scrapes two replicas, once with classic and once with native
// histograms. Two sources of one job differ in the label enterprise alone: they are
// two targets, or two enterprises of one process. The target of the last job
// ends.
const formsConfig = `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
  - job_name: classic
    static_configs: [{targets: ['127.0.0.1:%[1]s', 'localhost:%[1]s']}]
  - job_name: native
    metrics_path: /native
    scrape_native_histograms: true
    static_configs: [{targets: ['127.0.0.1:%[1]s', 'localhost:%[1]s']}]
  - job_name: sources
    static_configs:
      - {targets: ['127.0.0.1:%[1]s'], labels: {enterprise: north, __metrics_path__: /north}}
      - {targets: ['127.0.0.1:%[1]s'], labels: {enterprise: south, __metrics_path__: /south}}
  - job_name: process
    metrics_path: /process
    static_configs: [{targets: ['127.0.0.1:%[1]s']}]
  - job_name: ends
    metrics_path: /ends
    static_configs: [{targets: ['127.0.0.1:%[1]s']}]
`

// added are the queries that add up sources, by the title of their panel. The
// others show a share, a quantile, or the value of one source.
var added = map[string]string{
	"Meetings": "AB", "Hours in meetings": "AB", "Participants": "AB", "Hardware terminals": "AB",
	"People who joined": "AB", "Person-hours": "AB", "Invited and joined, each day": "AB",
	"Person-hours a day, by department of those who joined": "A",
	"Meetings a day, by conference type":                    "A", "Hours a day, by department": "A", "Busiest departments": "ABDF",
	"Recorded meetings a day": "A", "Hardware terminals a day": "A", "Meetings that end in each hour of the day": "A",
	"Failed polls": "A", "Failed polls by reason": "A", "Polls an hour": "A", "API requests by code": "A",
	"Meetings in the ledger": "A", "Invalid records": "A", "Meetings folded into other": "A", "Attendance backlog": "AB",
	"Running meetings": "A", "Running meetings, by conference type": "A", "People in meetings": "A", "People in meetings, by department": "A",
	"Most meetings at once, each day": "A", "Today, as the service counts": "ABC", "Concurrent participants and their quota": "AB",
	"Live streams and their quota": "AB", "Recordings and their storage": "AB", "Bought and used": "ABDE",
}

// checkForms checks that queries have the same results with one replica and
// two, and with classic and native histograms, and that they add up sources.
// The replicas first serve the metrics of the exporter after a week, then those
// of the end.
func checkForms(t *testing.T, all []query, week, end []*family) {
	var served atomic.Pointer[[]*family]
	served.Store(&week)
	metrics := promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*family, error) { return *served.Load(), nil }), promhttp.HandlerOpts{})
	process := promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*family, error) { return ofProcess(*served.Load()), nil }), promhttp.HandlerOpts{})
	scrapes := make(chan string, 100)
	var ended atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/ends" && ended.Load():
			http.Error(w, "ended", http.StatusServiceUnavailable)
		case r.URL.Path == "/process":
			process.ServeHTTP(w, r)
		default:
			metrics.ServeHTTP(w, r)
		}
		select {
		case scrapes <- r.Host + r.URL.Path:
		default: // nobody waits for scrapes any more
		}
	}))
	defer target.Close()
	address, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := promserver.Start(t, fmt.Sprintf(formsConfig, address.Port()), t.TempDir())
	const targets = 8
	awaitScrapes := func(n int) {
		counts, complete, timeout := map[string]int{}, 0, time.After(30*time.Second)
		for complete < targets {
			select {
			case replica := <-scrapes:
				if counts[replica]++; counts[replica] == n {
					complete++
				}
			case <-timeout:
				t.Fatalf("scrapes after 30 s: %v, want %d of each of %d targets", counts, n, targets)
			}
		}
	}
	// Prometheus stores a scrape before it starts the next one. The first scrape
	// of the end may still have the metrics of the week.
	awaitScrapes(3)
	served.Store(&end)
	for len(scrapes) > 0 {
		<-scrapes
	}
	awaitScrapes(6)
	ended.Store(true)
	for len(scrapes) > 0 {
		<-scrapes
	}
	awaitScrapes(3)

	now := time.Now()
	results := func(q query, job, instance, enterprise string) map[string]float64 {
		v := view{from: now.Add(-2 * time.Hour), to: now, interval: 2 * time.Hour, scrape: time.Minute, variables: map[string]string{
			"job": job, "instance": instance, "enterprise": enterprise, "utc_offset": "8",
		}}
		at := now
		if strings.Contains(q.Expr, "offset -") { // the bar of a day that has just begun
			at = now.Add(-time.Hour)
		}
		q.Interval = ""
		values := map[string]float64{}
		for _, s := range p.At(t, v.interpolate(t, q.target), at) {
			values[fmt.Sprint(s.Labels)] = s.Values[0]
		}
		return values
	}
	const one, both, every = "127.0.0.1:.*", ".*", ".*"
	compared := map[string]int{}
	for _, q := range all {
		want := results(q, "classic", one, every)
		for form, got := range map[string]map[string]float64{
			"two replicas": results(q, "classic", both, every), "native": results(q, "native", one, every), "two native replicas": results(q, "native", both, every),
		} {
			compared[form] += compare(t, fmt.Sprintf("%s, %s:\n%s", q, form, q.Expr), got, want, 1)
		}
		for _, c := range []struct {
			job, enterprise string
			sources         int
		}{{"sources", every, 2}, {"(sources|classic)", every, 3}, {"process", every, 2}, {"process", "south", 1}, {"process", "(north|south)", 2}} {
			factor := 1.0
			if strings.Contains(added[q.panel.Title], q.RefID) {
				factor = float64(c.sources)
			}
			got, what := results(q, c.job, both, c.enterprise), fmt.Sprintf("%s, job %s, enterprise %s:\n%s", q, c.job, c.enterprise, q.Expr)
			if strings.Contains(q.LegendFormat, "{{enterprise}}") {
				got = merge(t, what, got, c.sources)
			}
			compared[c.job] += compare(t, what, got, want, factor)
		}
		checkEnded(t, q, results(q, "(classic|ends)", both, every))
	}
	for form, n := range compared {
		if n < 50 {
			t.Errorf("%s: only %d values were compared", form, n)
		}
	}
}

// ofProcess returns the metrics of a process for two enterprises, each of which
// has the given metrics. Those of the process itself have no label enterprise.
func ofProcess(families []*family) (all []*family) {
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "huaweicloud_meeting_") && name != "huaweicloud_meeting_exporter_build_info" {
			several := &family{Name: f.Name, Help: f.Help, Type: f.Type}
			for _, enterprise := range []string{"north", "south"} {
				for _, m := range f.GetMetric() {
					label := &dto.LabelPair{Name: new("enterprise"), Value: &enterprise}
					several.Metric = append(several.Metric, &dto.Metric{
						Label: append(slices.Clone(m.Label), label), Gauge: m.Gauge, Counter: m.Counter, Histogram: m.Histogram,
					})
				}
			}
			f = several
		}
		all = append(all, f)
	}
	return all
}

var enterpriseLabel = regexp.MustCompile(`enterprise:\w+ ?`)

// merge merges the series of enterprises that have the same values. There must
// be one of each enterprise.
func merge(t *testing.T, what string, series map[string]float64, enterprises int) map[string]float64 {
	merged := map[string]float64{}
	for labels, value := range series {
		merged[enterpriseLabel.ReplaceAllString(labels, "")] = value
	}
	if len(series) != enterprises*len(merged) {
		t.Errorf("%s\n%d series, want one of each of %d enterprises", what, len(series), enterprises)
	}
	return merged
}

// checkEnded checks the panels that show a source that ended beside one that
// goes on: it failed, and its age still counts.
func checkEnded(t *testing.T, q query, got map[string]float64) {
	want := map[string]func(float64) bool{
		"Last poll":       func(x float64) bool { return x == 0 },
		"Age of the data": func(x float64) bool { return x > 0 },
		"Newest meeting":  func(x float64) bool { return x > 0 },
	}[q.panel.Title]
	if value, ok := got["map[]"]; want != nil && !(ok && want(value)) {
		t.Errorf("%s, with a source that ended: got %v", q, got)
	}
}

// compare compares a result with a multiple of another, and returns the number
// of compared values.
func compare(t *testing.T, what string, got, want map[string]float64, factor float64) (compared int) {
	if len(got) != len(want) {
		t.Errorf("%s\n%d series, want %d", what, len(got), len(want))
	}
	for labels, want := range want {
		if math.IsNaN(want) {
			continue
		}
		want *= factor
		// The extrapolation of a few scrapes is inexact. The quantiles of a
		// classic histogram are exact to the width of a bucket.
		tolerance := 0.35*math.Abs(want) + 0.03
		if strings.Contains(what, "round(") {
			tolerance++
		}
		if got, ok := got[labels]; !ok || math.Abs(got-want) > tolerance {
			t.Errorf("%s\n%s: got %v (present: %v), want %v", what, labels, got, ok, want)
		}
		compared++
	}
	return compared
}
