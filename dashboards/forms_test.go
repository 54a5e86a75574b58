//go:build !race

package dashboards_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
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
// histograms.
const formsConfig = `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
  - job_name: classic
    static_configs: [{targets: ['127.0.0.1:%[1]s', 'localhost:%[1]s']}]
  - job_name: native
    scrape_native_histograms: true
    static_configs: [{targets: ['127.0.0.1:%[1]s', 'localhost:%[1]s']}]
`

// checkForms checks that queries have the same results with one replica and
// two, and with classic and native histograms. The replicas first serve the
// metrics of the exporter after a week, then those of the end.
func checkForms(t *testing.T, all []query, week, end []*family) {
	var served atomic.Pointer[[]*family]
	served.Store(&week)
	metrics := promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*family, error) { return *served.Load(), nil }), promhttp.HandlerOpts{})
	scrapes := make(chan string, 100)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metrics.ServeHTTP(w, r)
		select {
		case scrapes <- fmt.Sprint(r.Host, " native: ", strings.Contains(r.Header.Get("Accept"), "protobuf")):
		default: // nobody waits for scrapes any more
		}
	}))
	defer target.Close()
	address, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := promserver.Start(t, fmt.Sprintf(formsConfig, address.Port()), t.TempDir())
	awaitScrapes := func(n int) {
		counts, complete, timeout := map[string]int{}, 0, time.After(30*time.Second)
		for complete < 4 {
			select {
			case replica := <-scrapes:
				if counts[replica]++; counts[replica] == n {
					complete++
				}
			case <-timeout:
				t.Fatalf("scrapes after 30 s: %v, want %d of each of 4 replicas", counts, n)
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

	now := time.Now()
	results := func(q query, job, instance string) map[string]float64 {
		v := view{from: now.Add(-2 * time.Hour), to: now, interval: 2 * time.Hour, scrape: time.Minute, variables: map[string]string{
			"job": job, "instance": instance, "utc_offset": "8",
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
	const one, both = "127.0.0.1:.*", ".*"
	compared := map[string]int{}
	for _, q := range all {
		want := results(q, "classic", one)
		for form, got := range map[string]map[string]float64{
			"two replicas": results(q, "classic", both), "native": results(q, "native", one), "two native replicas": results(q, "native", both),
		} {
			compared[form] += compare(t, fmt.Sprintf("%s, %s:\n%s", q, form, q.Expr), got, want)
		}
	}
	for form, n := range compared {
		if n < 50 {
			t.Errorf("%s: only %d values were compared", form, n)
		}
	}
}

// compare compares two results, and returns the number of compared values.
func compare(t *testing.T, what string, got, want map[string]float64) (compared int) {
	if len(got) != len(want) {
		t.Errorf("%s\n%d series, want %d", what, len(got), len(want))
	}
	for labels, want := range want {
		if math.IsNaN(want) {
			continue
		}
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
