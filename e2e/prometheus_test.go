package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The two ways in which Prometheus takes histograms in, each a scrape job.
const (
	classicJob = "classic"
	nativeJob  = "native"
)

// A new series of the exporter shows its 0 for one --history.interval after
// it was first scraped, so that the interval must be longer than this.
const scrapeInterval = time.Second

const prometheusConfig = `
global:
  scrape_interval: %[1]s
  scrape_timeout: %[1]s
scrape_configs:
  - job_name: classic
    static_configs: [{targets: ['%[2]s']}]
  - job_name: native
    scrape_native_histograms: true
    static_configs: [{targets: ['%[2]s']}]
`

// prometheus is a real one.
type prometheus struct{ url string }

// newPrometheus starts a Prometheus that scrapes a target in both ways.
func newPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	return newPrometheusEvery(t, scrapeInterval, target)
}

// newPrometheusEvery is newPrometheus with another time between two scrapes.
func newPrometheusEvery(t *testing.T, interval time.Duration, target string) prometheus {
	t.Helper()
	return newPrometheusOn(t, t.TempDir(), fmt.Sprintf(prometheusConfig, interval, target))
}

// newPrometheusOn starts a Prometheus on a directory that may hold blocks.
func newPrometheusOn(t *testing.T, dir, config string) prometheus {
	t.Helper()
	p := start(t, tool(t, "prometheus"),
		"--config.file="+write(t, "prometheus.yml", config),
		"--storage.tsdb.path="+dir,
		"--web.listen-address=127.0.0.1:0",
		// Needed by releases before the selector anchored became stable.
		"--enable-feature=promql-extended-range-selectors")
	url := "http://" + p.address(t)
	awaitReady(t, url)
	return prometheus{url}
}

// series are values by label set, without the labels that every series of a
// job shares.
type series map[string]float64

// labelSet writes a label set like Prometheus does, but for the shared labels.
func labelSet(labels map[string]string) string {
	var pairs []string
	for name, value := range labels {
		if !slices.Contains([]string{"__name__", "instance", "job"}, name) {
			pairs = append(pairs, fmt.Sprintf("%s=%q", name, value))
		}
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ", ") + "}"
}

// at evaluates an expression at an instant, to one value of each label set.
func (p prometheus) at(t *testing.T, at time.Time, expression string) series {
	t.Helper()
	values := series{}
	for _, one := range p.query(t, at, expression) {
		values[labelSet(one.Metric)] = one.Value.value(t)
	}
	return values
}

// samples returns the raw samples of a metric since an instant, by label set.
// Of native histograms they are the counts.
func (p prometheus) samples(t *testing.T, since, at time.Time, selector string) map[string][]float64 {
	t.Helper()
	values := map[string][]float64{}
	for _, one := range p.query(t, at, fmt.Sprintf("%s[%dms]", selector, at.Sub(since).Milliseconds())) {
		for _, s := range append(one.Values, one.Histograms...) {
			values[labelSet(one.Metric)] = append(values[labelSet(one.Metric)], s.value(t))
		}
	}
	return values
}

// result is one series of an answer: a vector has one value of each, a matrix
// several.
type result struct {
	Metric     map[string]string `json:"metric"`
	Value      point             `json:"value"`
	Values     []point           `json:"values"`
	Histograms []point           `json:"histograms"`
}

// point is an instant and a value, the latter as a text or, of a native
// histogram, as an object that holds texts.
type point [2]any

func (p point) value(t *testing.T) float64 {
	t.Helper()
	text, ok := p[1].(string)
	if histogram, isOne := p[1].(map[string]any); !ok && isOne {
		text, _ = histogram["count"].(string)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("value of a sample: %v", err)
	}
	return v
}

func (p prometheus) query(t *testing.T, at time.Time, expression string) []result {
	t.Helper()
	got := get(t, p.url+"/api/v1/query?"+url.Values{
		"query": {expression},
		"time":  {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)},
	}.Encode())
	var answer struct {
		Data     struct{ Result []result } `json:"data"`
		Warnings []string                  `json:"warnings"`
		Infos    []string                  `json:"infos"`
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK {
		t.Fatalf("query %s: status %d, %v\n%s", expression, got.status, err, got.body)
	}
	if len(answer.Warnings)+len(answer.Infos) > 0 {
		t.Errorf("query %s: annotated with %q", expression, append(answer.Warnings, answer.Infos...))
	}
	return answer.Data.Result
}
