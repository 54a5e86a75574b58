package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape is the exporter's page of metrics, read by the test itself.
type scrape struct {
	at       time.Time // in the minute of which all of the page was written
	text     string
	families map[string]*dto.MetricFamily
}

// newScrape gets the page.
func newScrape(t *testing.T, exporterURL string) scrape {
	t.Helper()
	s := scrape{at: time.Now()}
	got := get(t, exporterURL+"/metrics")
	if got.status != http.StatusOK {
		t.Fatalf("/metrics: got status %d, want 200", got.status)
	}
	if s.at.Truncate(time.Minute) != time.Now().Truncate(time.Minute) {
		return newScrape(t, exporterURL) // gauges may be of either minute
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(got.body))
	if err != nil {
		t.Fatalf("/metrics: %v", err)
	}
	s.text, s.families = got.body, families
	return s
}

// sample returns the value of a series of the exporter, or "".
func (s scrape) sample(series string) string { return sample(s.text, "huaweicloud_meeting_"+series) }

// series returns the values of a metric by label set; those of a histogram
// are its counts.
func (s scrape) series(metric string) series {
	values := series{}
	for _, one := range s.families["huaweicloud_meeting_"+metric].GetMetric() {
		labels := map[string]string{}
		for _, pair := range one.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		values[labelSet(labels)] = one.GetCounter().GetValue() + one.GetGauge().GetValue() + float64(one.GetHistogram().GetSampleCount())
	}
	return values
}

// differentCounters says how the counters differ from the truth.
func (s scrape) differentCounters(truth totals) string {
	for _, metric := range sums {
		if diff := cmp.Diff(seriesOf(truth, metric.of), s.series(metric.total)); diff != "" {
			return fmt.Sprintf("%s (-want +got):\n%s", metric.total, diff)
		}
	}
	return ""
}

// differentGauges says how the gauges of the window differ from the truth.
func (s scrape) differentGauges(truth totals) string {
	for _, metric := range sums {
		if diff := cmp.Diff(seriesOf(truth, metric.of), s.series(metric.recent)); diff != "" {
			return fmt.Sprintf("%s (-want +got):\n%s", metric.recent, diff)
		}
	}
	return ""
}

// differentHistograms says how the histograms' counts differ from the truth.
func (s scrape) differentHistograms(truth distributions) string {
	for metric, values := range map[string]map[string][]float64{
		"ended_duration_seconds": truth.durations,
		"ended_participants":     truth.participants,
	} {
		if diff := cmp.Diff(counts(values), s.series(metric)); diff != "" {
			return fmt.Sprintf("%s (-want +got):\n%s", metric, diff)
		}
	}
	return ""
}

// failures returns how many polls failed, by reason, for each there was.
func (s scrape) failures() series {
	failed := s.series("poll_failures_total")
	for reason, n := range failed {
		if n == 0 {
			delete(failed, reason)
		}
	}
	return failed
}
