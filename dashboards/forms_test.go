package dashboards_test

import (
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

type family = dto.MetricFamily

// The two ways in which Prometheus takes histograms in.
const bothForms = `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
  - job_name: classic
    static_configs: [{targets: ['127.0.0.1:%[1]s', 'localhost:%[1]s']}]
  - job_name: native
    scrape_native_histograms: true
    static_configs: [{targets: ['127.0.0.1:%[1]s', 'localhost:%[1]s']}]
`

// sameInEveryForm lets a Prometheus scrape two replicas in both ways, which
// show what the exporter showed after a week and then what it showed at the
// end, and compares what the queries of the dashboards make of it.
func sameInEveryForm(t *testing.T, all map[string]dashboard, week, end []*family) {
	var shown atomic.Pointer[[]*family]
	shown.Store(&week)
	target := httptest.NewServer(promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*family, error) {
		return *shown.Load(), nil
	}), promhttp.HandlerOpts{}))
	defer target.Close()
	address, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := newPrometheus(t, t.TempDir(), fmt.Sprintf(bothForms, address.Port()))
	awaitScrapes := func(n int) {
		began := time.Now()
		await(t, "every target was scraped", func() bool {
			window := int(time.Since(began).Milliseconds()) + 1
			got := p.at(t, fmt.Sprintf(`count_over_time(huaweicloud_meeting_up[%dms])`, window), time.Now())
			scraped := 0
			for _, s := range got {
				if s.values[0] >= float64(n) {
					scraped++
				}
			}
			return scraped == 4
		})
	}
	awaitScrapes(2)
	shown.Store(&end)
	awaitScrapes(4)

	now := time.Now()
	answer := func(q query, job, instance string) map[string]float64 {
		v := view{from: now.Add(-2 * time.Hour), to: now, interval: 2 * time.Hour, scrape: time.Minute, variables: map[string]string{
			"job": job, "instance": instance, "utc_offset": "8",
		}}
		at := now
		if strings.Contains(q.Expr, "offset -") { // the bar of a day that has just begun
			at = now.Add(-time.Hour)
		}
		q.Interval = ""
		values := map[string]float64{}
		for _, s := range p.at(t, v.interpolate(t, q.target), at) {
			values[fmt.Sprint(s.labels)] = s.values[0]
		}
		return values
	}
	const one, both = "127.0.0.1:.*", ".*"
	compared := map[string]int{}
	for _, q := range queries(all) {
		classic := answer(q, "classic", one)
		for name, other := range map[string]map[string]float64{
			"two replicas": answer(q, "classic", both), "native": answer(q, "native", one), "two native replicas": answer(q, "native", both),
		} {
			for labels, want := range classic {
				got, ok := other[labels]
				if math.IsNaN(want) {
					continue
				}
				// Extrapolation differs by what a few scrapes allow, and an
				// interpolated quantile by the width of a classic bucket.
				tolerance := 0.35*math.Abs(want) + 0.03
				if strings.Contains(q.Expr, "round(") {
					tolerance++
				}
				if !ok || math.Abs(got-want) > tolerance {
					t.Errorf("%s, %s: %v (present: %v), want %v\n%s", q.where, name, got, ok, want, q.Expr)
				}
				compared[name]++
			}
			if len(other) != len(classic) {
				t.Errorf("%s, %s: %d series, want %d\n%s", q.where, name, len(other), len(classic), q.Expr)
			}
		}
	}
	for name, n := range compared {
		if n < 50 {
			t.Errorf("%s: only %d values were compared", name, n)
		}
	}
}

// query is a query and where it stands.
type query struct {
	target
	where string
}

func queries(all map[string]dashboard) (found []query) {
	for file, d := range all {
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				found = append(found, query{q, fmt.Sprintf("%s: panel %d %q, query %s", file, panel.ID, panel.Title, q.RefID)})
			}
		}
	}
	return found
}
