package backfill

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxSamples is the largest number of samples in a request.
const maxSamples = 2000

// request is an encoded prometheus.WriteRequest of remote write 1.0. The package
// remote has a type for 2.0 only. The numbers of the fields are those of
// https://prometheus.io/docs/specs/prw/remote_write_spec/#protocol.
type request []byte

// Size returns the number of bytes, as the package remote wants it.
func (r request) Size() int { return len(r) }

// MarshalToSizedBuffer copies the bytes, as the package remote wants it.
func (r request) MarshalToSizedBuffer(buffer []byte) (int, error) { return copy(buffer, r), nil }

// storedSeries is a series as a store has it. A histogram is several of them.
type storedSeries struct {
	labels []byte // encoded
	first  int    // an index of times
	value  func(i int) float64
}

// eachRequest calls send for all samples. The requests come in the order of
// time, and each holds a series once. A request is valid until send returns.
func (s *samples) eachRequest(send func(request) error) error {
	var r request
	series := s.stored()
	instants := max(1, maxSamples/max(1, len(series)))
	for begin := 0; begin < len(s.times); begin += instants {
		end, held := min(begin+instants, len(s.times)), 0
		for _, one := range series {
			from := max(begin, one.first)
			if from >= end {
				continue
			}
			if held += end - from; held > maxSamples {
				if err := send(r); err != nil {
					return err
				}
				r, held = r[:0], end-from
			}
			r = one.appendTo(r, s.times, from, end)
		}
		if len(r) > 0 {
			if err := send(r); err != nil {
				return err
			}
			r = r[:0]
		}
	}
	return nil
}

// stored returns all series, in the same order in every run.
func (s *samples) stored() []storedSeries {
	var all []storedSeries
	for _, name := range slices.Sorted(maps.Keys(s.families)) {
		of := s.families[name]
		for _, key := range slices.Sorted(maps.Keys(of.series)) {
			one := of.series[key]
			add := func(suffix string, value func(i int) float64, more ...*dto.LabelPair) {
				labels := slices.Concat(s.labels, one.labels, more, []*dto.LabelPair{{Name: new("__name__"), Value: new(name + suffix)}})
				all = append(all, storedSeries{labels: encodeLabels(labels), first: one.first, value: func(i int) float64 { return value(i - one.first) }})
			}
			if of.typ != dto.MetricType_HISTOGRAM {
				add("", func(i int) float64 { return one.values[i] })
				continue
			}
			count := func(i int) float64 { return float64(one.histograms[i].GetSampleCount()) }
			for b, bucket := range one.histograms[0].Bucket {
				if !math.IsInf(bucket.GetUpperBound(), +1) {
					add("_bucket", func(i int) float64 { return float64(one.histograms[i].Bucket[b].GetCumulativeCount()) },
						&dto.LabelPair{Name: new("le"), Value: new(formatBound(bucket.GetUpperBound()))})
				}
			}
			add("_bucket", count, &dto.LabelPair{Name: new("le"), Value: new("+Inf")})
			add("_sum", func(i int) float64 { return one.histograms[i].GetSampleSum() })
			add("_count", count)
		}
	}
	return all
}

// formatBound formats the bound of a bucket as OpenMetrics and Prometheus 3 do.
func formatBound(bound float64) string {
	text := strconv.FormatFloat(bound, 'g', -1, 64)
	if !strings.ContainsAny(text, "e.") {
		text += ".0"
	}
	return text
}

// encodeLabels encodes the labels of a TimeSeries, in the order of their names.
func encodeLabels(labels []*dto.LabelPair) []byte {
	slices.SortFunc(labels, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
	var encoded, pair []byte
	for _, label := range labels {
		pair = protowire.AppendTag(pair[:0], 1, protowire.BytesType)
		pair = protowire.AppendString(pair, label.GetName())
		pair = protowire.AppendTag(pair, 2, protowire.BytesType)
		pair = protowire.AppendString(pair, label.GetValue())
		encoded = protowire.AppendTag(encoded, 1, protowire.BytesType)
		encoded = protowire.AppendBytes(encoded, pair)
	}
	return encoded
}

// appendTo appends a TimeSeries with the samples from one index of times until
// before another.
func (s *storedSeries) appendTo(r request, times []int64, from, end int) request {
	series := slices.Clone(s.labels)
	var sample []byte
	for i := from; i < end; i++ {
		sample = protowire.AppendTag(sample[:0], 1, protowire.Fixed64Type)
		sample = protowire.AppendFixed64(sample, math.Float64bits(s.value(i)))
		sample = protowire.AppendTag(sample, 2, protowire.VarintType)
		sample = protowire.AppendVarint(sample, uint64(times[i]))
		series = protowire.AppendTag(series, 2, protowire.BytesType)
		series = protowire.AppendBytes(series, sample)
	}
	r = protowire.AppendTag(r, 1, protowire.BytesType)
	return protowire.AppendBytes(r, series)
}
