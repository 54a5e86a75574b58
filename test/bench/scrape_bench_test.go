package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/test/fakeservice"
	"huaweicloud_meeting_exporter/test/stack"
)

// BenchmarkScrape measures a scrape of the meeting families while the snapshot
// and the minute stay the same. The baseline is a scrape of plain GaugeVecs with
// as many samples.
func BenchmarkScrape(b *testing.B) {
	for _, sets := range []int{100, 1000, 5000} {
		clock := fakeservice.Now()
		gatherer, samples := meetingFamilies(b, sets, func() time.Time { return clock })
		exporter, vecs := promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}), plainGauges(samples)
		for _, format := range []struct {
			name   string
			header http.Header
		}{
			{"text", http.Header{}},
			{"gzip", http.Header{"Accept-Encoding": {"gzip"}}},
			{"protobuf", http.Header{"Accept": {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"}}},
		} {
			b.Run(fmt.Sprintf("sets=%d/%s/exporter", sets, format.name), func(b *testing.B) {
				reportScrape(b, exporter, format.header, func() {})
			})
			b.Run(fmt.Sprintf("sets=%d/%s/gaugevecs", sets, format.name), func(b *testing.B) {
				reportScrape(b, vecs, format.header, func() {})
			})
		}
		b.Run(fmt.Sprintf("sets=%d/first-of-minute/exporter", sets), func(b *testing.B) {
			offset := 0
			reportScrape(b, exporter, http.Header{}, func() {
				offset = 1 - offset
				clock = fakeservice.Now().Add(time.Duration(offset) * time.Minute)
			})
		})
	}
}

func reportScrape(b *testing.B, handler http.Handler, header http.Header, before func()) {
	b.ReportAllocs()
	w := &response{header: http.Header{}}
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header = header
	for b.Loop() {
		before()
		clear(w.header)
		w.body.Reset()
		handler.ServeHTTP(w, r)
		if w.body.Len() == 0 {
			b.Fatal("empty answer")
		}
	}
	b.ReportMetric(float64(w.body.Len()), "B/scrape")
}

// response reuses its buffer, so its growth is not measured.
type response struct {
	header http.Header
	body   bytes.Buffer
}

func (w *response) Header() http.Header         { return w.header }
func (w *response) WriteHeader(int)             {}
func (w *response) Write(p []byte) (int, error) { return w.body.Write(p) }

// meetingFamilies returns the gatherer of a ledger with the given number of
// label sets, and the number of its samples.
func meetingFamilies(b *testing.B, sets int, now func() time.Time) (g prometheus.Gatherer, samples int) {
	noon := fakeservice.Now()
	cfg := stack.Defaults(nil).Ledger
	cfg.MaxDepartments = sets
	l := ledger.New(cfg, noon)
	var meetings []meeting.Meeting
	for i := range 10 * sets {
		set, end := i%sets, noon.Add(-time.Duration(i%1440)*time.Minute)
		meetings = append(meetings, meeting.Meeting{
			UUID: fmt.Sprint(i), Start: end.Add(-time.Duration(i%90) * time.Minute), End: end,
			Department: fmt.Sprint("Department ", set/4), Type: meeting.Types()[set%4], Participants: meeting.Count(i % 30),
		})
	}
	if err := l.Apply(ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: meetings}, noon); err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.New(l, cfg.Window, now))
	g = collector.NewGatherer(registry, l, now)
	families, err := g.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			// A classic histogram has buckets, +Inf, sum and count.
			samples++
			if m.Histogram != nil {
				samples += len(m.Histogram.Bucket) + 2
			}
		}
	}
	return g, samples
}

// plainGauges shows the given number of samples in ten GaugeVecs with two
// labels.
func plainGauges(samples int) http.Handler {
	const vecs = 10
	registry := prometheus.NewRegistry()
	for v := range vecs {
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: fmt.Sprint("huaweicloud_meeting_plain_gauge_", v), Help: "A gauge as every exporter has them.",
		}, []string{"department", "conference_type"})
		registry.MustRegister(vec)
		for i := v; i < samples; i += vecs {
			set := i / vecs
			vec.WithLabelValues(fmt.Sprint("Department ", set/4), meeting.Types()[set%4].String()).Set(float64(i))
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
