package backfill

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// samples collects the samples of one day, which come by time. OpenMetrics wants
// all samples of a series together, and all series of a family.
type samples struct {
	labels   []*dto.LabelPair // of every series
	times    []int64          // milliseconds since 1970
	families map[string]*family
}

type family struct {
	help   string
	typ    dto.MetricType
	series map[string]*series
}

// series has a sample at each time from its first one on.
type series struct {
	labels     []*dto.LabelPair
	first      int // an index of times
	values     []float64
	histograms []*dto.Histogram
}

// liveOnly are the families that describe a running exporter.
var liveOnly = []string{
	"huaweicloud_meeting_last_success_timestamp_seconds",
	"huaweicloud_meeting_ledger_meetings",
	"huaweicloud_meeting_newest_meeting_end_timestamp_seconds",
}

// newSamples returns no samples. The labels belong to every series.
func newSamples(labels map[string]string) *samples {
	s := &samples{families: map[string]*family{}}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		s.labels = append(s.labels, &dto.LabelPair{Name: &name, Value: new(labels[name])})
	}
	return s
}

// add adds the families of a scrape.
func (s *samples) add(at time.Time, families []*dto.MetricFamily) {
	for _, mf := range families {
		if slices.Contains(liveOnly, mf.GetName()) {
			continue
		}
		known := s.families[mf.GetName()]
		if known == nil {
			known = &family{help: mf.GetHelp(), typ: mf.GetType(), series: map[string]*series{}}
			s.families[mf.GetName()] = known
		}
		for _, m := range mf.Metric {
			known.seriesOf(m, len(s.times)).add(m)
		}
	}
	s.times = append(s.times, at.UnixMilli())
}

// seriesOf returns the series of a metric. An unknown one begins now, an index
// of times.
func (f *family) seriesOf(m *dto.Metric, now int) *series {
	values := make([]string, len(m.Label))
	for i, l := range m.Label {
		values[i] = l.GetValue()
	}
	key := strings.Join(values, "\xff")
	s := f.series[key]
	if s == nil {
		s = &series{labels: m.Label, first: now}
		f.series[key] = s
	}
	return s
}

func (s *series) add(m *dto.Metric) {
	switch {
	case m.Histogram != nil:
		s.histograms = append(s.histograms, m.Histogram)
	case m.Counter != nil:
		s.values = append(s.values, m.Counter.GetValue())
	default:
		s.values = append(s.values, m.Gauge.GetValue())
	}
}

// writeTo writes the samples as a file of OpenMetrics 1.0.
func (s *samples) writeTo(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(s.families)) {
		known := s.families[name]
		for i, key := range slices.Sorted(maps.Keys(known.series)) {
			if err := s.writeSeries(out, name, known, known.series[key], i == 0); err != nil {
				return err
			}
		}
	}
	if _, err := expfmt.FinalizeOpenMetrics(out); err != nil {
		return err
	}
	return out.Flush()
}

// writeSeries writes one series as a family of its own, so only its metrics are
// in memory. The head of the family is written on request.
func (s *samples) writeSeries(w io.Writer, name string, of *family, one *series, head bool) error {
	mf := &dto.MetricFamily{Name: &name, Help: &of.help, Type: &of.typ}
	for i, at := range s.times[one.first:] {
		m := &dto.Metric{Label: slices.Concat(s.labels, one.labels), TimestampMs: &at}
		switch of.typ {
		case dto.MetricType_HISTOGRAM:
			m.Histogram = one.histograms[i]
		case dto.MetricType_COUNTER:
			m.Counter = &dto.Counter{Value: &one.values[i]}
		default:
			m.Gauge = &dto.Gauge{Value: &one.values[i]}
		}
		mf.Metric = append(mf.Metric, m)
	}
	var text bytes.Buffer
	if _, err := expfmt.MetricFamilyToOpenMetrics(&text, mf); err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	for !head && bytes.HasPrefix(text.Bytes(), []byte("#")) {
		if _, err := text.ReadBytes('\n'); err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
	}
	_, err := text.WriteTo(w)
	return err
}
