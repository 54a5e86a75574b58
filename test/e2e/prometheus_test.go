package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// The scrape jobs. The job native takes native histograms.
const (
	classicJob = "classic"
	nativeJob  = "native"
)

var jobs = []string{classicJob, nativeJob}

// configure writes a configuration of Prometheus in which the jobs scrape one
// target, and returns its path.
func configure(t *testing.T, interval time.Duration, ruleFiles []string, targetURL string, jobs ...string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}\n", interval)
	fmt.Fprintf(&b, "rule_files: [%s]\nscrape_configs:\n", strings.Join(ruleFiles, ", "))
	for _, job := range jobs {
		fmt.Fprintf(&b, "- job_name: %s\n  scrape_native_histograms: %t\n  static_configs: [{targets: ['%s']}]\n",
			job, job == nativeJob, strings.TrimPrefix(targetURL, "http://"))
	}
	return write(t, t.TempDir(), "prometheus.yaml", b.String())
}

// prometheus is a running Prometheus, or another server with its API.
type prometheus struct {
	url    string
	engine string // "" for that of the server
}

// startPrometheus starts a Prometheus on a directory that may hold blocks.
func startPrometheus(t *testing.T, config, dir string, flags ...string) prometheus {
	t.Helper()
	p := start(t, tool(t, "prometheus"), append(flags,
		"--config.file="+config,
		"--storage.tsdb.path="+dir,
		"--web.listen-address=127.0.0.1:0")...)
	url := p.url(t)
	awaitReady(t, url)
	return prometheus{url: url}
}

// awaitPoll waits until Prometheus has scraped a poll that succeeded.
func (p prometheus) awaitPoll(t *testing.T) {
	t.Helper()
	await(t, deadline, func() string {
		if p.query(t, time.Now(), "huaweicloud_meeting_up")["{}"] != 1 {
			return "Prometheus has not scraped a poll that succeeded"
		}
		return ""
	})
}

// labelSet formats a label set, without the labels that are the same for all
// series of a scrape job.
func labelSet[M ~map[model.LabelName]model.LabelValue](labels M) string {
	own := model.LabelSet(maps.Clone(labels))
	for _, shared := range []model.LabelName{model.MetricNameLabel, model.InstanceLabel, model.JobLabel} {
		delete(own, shared)
	}
	return own.String()
}

// query evaluates an expression at a time, to one value of each label set.
func (p prometheus) query(t *testing.T, at time.Time, expression string) series {
	t.Helper()
	var vector model.Vector
	p.evaluate(t, at, expression, &vector)
	values := series{}
	for _, one := range vector {
		values[labelSet(one.Metric)] = float64(one.Value)
	}
	return values
}

// reader returns a reader that evaluates an expression at a time. The
// expression holds %s in the place of the metric's name without the prefix.
func (p prometheus) reader(t *testing.T, at time.Time, expression string) reader {
	return func(metric string) series { return p.query(t, at, fmt.Sprintf(expression, metric)) }
}

// samples returns the samples of a metric since a time, by label set. Those of
// native histograms are the counts.
func (p prometheus) samples(t *testing.T, since, until time.Time, selector string) map[string][]float64 {
	t.Helper()
	var matrix model.Matrix
	p.evaluate(t, until, fmt.Sprintf("%s[%dms]", selector, until.Sub(since).Milliseconds()), &matrix)
	samples := map[string][]float64{}
	for _, one := range matrix {
		labels := labelSet(one.Metric)
		for _, s := range one.Values {
			samples[labels] = append(samples[labels], float64(s.Value))
		}
		for _, s := range one.Histograms {
			samples[labels] = append(samples[labels], float64(s.Histogram.Count))
		}
	}
	return samples
}

// evaluate evaluates an expression at a time.
func (p prometheus) evaluate(t *testing.T, at time.Time, expression string, result any) {
	t.Helper()
	p.api(t, "query?"+url.Values{
		"query":  {expression},
		"engine": {p.engine},
		"time":   {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)},
	}.Encode(), &struct {
		Result any `json:"result"`
	}{result})
}

// api calls an endpoint of the HTTP API. A warning fails the test.
func (p prometheus) api(t *testing.T, endpoint string, data any) {
	t.Helper()
	got := get(t, p.url+"/api/v1/"+endpoint)
	var response struct {
		Data            json.RawMessage
		Warnings, Infos []string
	}
	if err := json.Unmarshal([]byte(got.body), &response); err != nil || got.status != http.StatusOK {
		t.Fatalf("%s: status %d, %v\n%s", endpoint, got.status, err, got.body)
	}
	if annotations := slices.Concat(response.Warnings, response.Infos); len(annotations) > 0 {
		t.Errorf("%s: got the annotations %q", endpoint, annotations)
	}
	if err := json.Unmarshal(response.Data, data); err != nil {
		t.Fatalf("%s: %v", endpoint, err)
	}
}
