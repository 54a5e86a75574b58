package e2e_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// window is the --history.window of exporters whose meetings are compared.
const window = time.Hour

// polling returns flags for short intervals. The tail does not reach meetings
// that the service lists an hour after their end, so only sweeps find those.
func polling(interval, sweepInterval time.Duration) []string {
	return []string{
		"--history.window=" + window.String(),
		"--history.max-meeting-duration=2h",
		"--history.interval=" + interval.String(),
		"--history.sweep-interval=" + sweepInterval.String(),
		"--history.tail=30m",
		"--history.stale-after=1h",
		"--history.hold=0s", // one interval, see below
		"--huaweicloud.max-requests-per-minute=60000",
	}
}

// The intervals of polling. A new series stays at 0 for one interval after that
// 0 was delivered, so a Prometheus must scrape more often.
const shortInterval = time.Second

var (
	everySecond  = polling(shortInterval, 2*time.Second)
	forScrapes   = polling(3*time.Second, 6*time.Second)
	oneSweepOnly = polling(20*time.Minute, 20*time.Minute)
)

// serve starts an exporter on a free port of loopback and returns its URL.
func serve(t *testing.T, args ...string) (p *process, url string) {
	t.Helper()
	p = start(t, exporter, append(args, "--web.listen-address=127.0.0.1:0")...)
	return p, p.url(t)
}

// signIn returns the flags with which an exporter signs in at a URL.
func signIn(t *testing.T, url, key string) []string {
	t.Helper()
	return []string{
		"--huaweicloud.endpoint=" + url,
		"--huaweicloud.app-id=" + testAppID,
		"--huaweicloud.app-key-file=" + write(t, t.TempDir(), "app-key", key),
	}
}

// write writes a file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// example returns a file of deploy/. It replaces texts, given in pairs, all of
// which must be there.
func example(t *testing.T, name string, replace ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s: no %q to replace", name, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// page is an HTTP response.
type page struct {
	status            int
	contentType, body string
}

// fetch sends a request.
func fetch(client *http.Client, req *http.Request) (page, error) {
	resp, err := client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return page{resp.StatusCode, resp.Header.Get("Content-Type"), string(body)}, err
}

// newRequest returns a GET request.
func newRequest(ctx context.Context, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err) // the tests make only valid URLs
	}
	return req
}

// get returns a page.
func get(t *testing.T, url string) page {
	t.Helper()
	got, err := fetch(http.DefaultClient, newRequest(t.Context(), url))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// awaitReady waits until an exporter has completed its first sweep, or until a
// Prometheus is ready, which has the same path.
func awaitReady(t *testing.T, url string) {
	t.Helper()
	await(t, deadline, func() string {
		if got := get(t, url+"/-/ready"); got.status != http.StatusOK {
			return url + " is not ready: " + got.body
		}
		return ""
	})
}

// series are values by label set.
type series map[string]float64

// reader returns the series of a metric of the exporter. The name is without
// the prefix huaweicloud_meeting_.
type reader func(metric string) series

// scrape is the exporter's page of metrics.
type scrape struct {
	at      time.Time // all of the page belongs to the minute of this time
	text    string
	samples model.Vector
}

// newScrape gets the page of metrics.
func newScrape(t *testing.T, exporterURL string) scrape {
	t.Helper()
	began := time.Now()
	got := get(t, exporterURL+"/metrics")
	if got.status != http.StatusOK {
		t.Fatalf("/metrics: got status %d, want 200", got.status)
	}
	if began.Truncate(time.Minute) != time.Now().Truncate(time.Minute) {
		return newScrape(t, exporterURL) // gauges may be of either minute
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(got.body))
	if err != nil {
		t.Fatalf("/metrics: %v", err)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, slices.Collect(maps.Values(families))...)
	if err != nil {
		t.Fatalf("/metrics: %v", err)
	}
	return scrape{began, got.body, samples}
}

// series returns the series of a metric. It is a reader.
func (s scrape) series(metric string) series {
	values := series{}
	for _, one := range s.samples {
		if one.Metric[model.MetricNameLabel] == model.LabelValue("huaweicloud_meeting_"+metric) {
			values[labelSet(one.Metric)] = float64(one.Value)
		}
	}
	return values
}

// up returns whether the last poll succeeded.
func (s scrape) up() bool { return s.series("up")["{}"] == 1 }

// checkUp checks the metric up.
func (s scrape) checkUp(t *testing.T, when string, want float64) {
	t.Helper()
	if got, ok := s.series("up")["{}"]; !ok || got != want {
		t.Errorf("up %s: got %v (present: %t), want %v", when, got, ok, want)
	}
}

// failures returns how many polls failed, by reason, without the zeros.
func (s scrape) failures() series {
	failed := s.series("poll_failures_total")
	for reason, n := range failed {
		if n == 0 {
			delete(failed, reason)
		}
	}
	return failed
}

// awaitScrape scrapes until problem returns "", and returns the last scrape.
func awaitScrape(t *testing.T, limit time.Duration, exporterURL string, problem func(scrape) string) (s scrape) {
	t.Helper()
	await(t, limit, func() string {
		s = newScrape(t, exporterURL)
		return problem(s)
	})
	return s
}

// awaitUp waits until the last poll has succeeded.
func awaitUp(t *testing.T, exporterURL string) scrape {
	t.Helper()
	return awaitScrape(t, 2*deadline, exporterURL, func(s scrape) string {
		if !s.up() {
			return "the last poll has not succeeded"
		}
		return ""
	})
}

// awaitFailures waits until so many polls have failed for a reason.
func awaitFailures(t *testing.T, exporterURL, reason string, n float64) scrape {
	t.Helper()
	return awaitScrape(t, 2*deadline, exporterURL, func(s scrape) string {
		if failed := s.failures(); failed[fmt.Sprintf("{reason=%q}", reason)] < n {
			return fmt.Sprintf("failed polls: %v, want %v for the reason %s", failed, n, reason)
		}
		return ""
	})
}
