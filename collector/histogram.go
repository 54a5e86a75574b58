package collector

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/ledger"
)

var (
	durationBuckets    = []float64{60, 300, 900, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 28800}
	participantBuckets = []float64{1, 2, 3, 5, 10, 20, 50, 100, 200, 500}
)

// The native form has eight buckets for each power of two, so a quantile is off
// by at most 4.4 %.
const (
	nativeSchema     = 3
	bucketsPerDouble = 1 << nativeSchema
)

// histogram is one histogram in both forms. The text formats show the classic
// form, the protobuf format shows both.
type histogram struct{ classic, native prometheus.Metric }

// newHistogram returns the metric of a distribution.
func newHistogram(desc *prometheus.Desc, buckets []float64, d ledger.Distribution, created time.Time, labels ...string) prometheus.Metric {
	var count, zero uint64
	var sum int64
	classic := make(map[float64]uint64, len(buckets))
	for _, bound := range buckets {
		classic[bound] = 0 // empty buckets are shown too
	}
	native := map[int]int64{}
	for value, times := range d {
		count += times
		sum += value * int64(times)
		for _, bound := range buckets {
			if float64(value) <= bound {
				classic[bound] += times
			}
		}
		if value == 0 {
			zero += times
		} else {
			native[nativeBucket(value)] += int64(times)
		}
	}
	return histogram{
		classic: prometheus.MustNewConstHistogramWithCreatedTimestamp(desc, count, float64(sum), classic, created, labels...),
		native: prometheus.MustNewConstNativeHistogram(desc, count, float64(sum), native, nil, zero,
			nativeSchema, prometheus.DefNativeHistogramZeroThreshold, created, labels...),
	}
}

// nativeBucket returns the index of the bucket of a positive value: the lowest i
// for which value <= 2^(i/8). Log2 is exact at powers of two, and no other bound
// is a whole number.
func nativeBucket(value int64) int {
	return int(math.Ceil(math.Log2(float64(value)) * bucketsPerDouble))
}

// Desc implements prometheus.Metric.
func (h histogram) Desc() *prometheus.Desc { return h.classic.Desc() }

// Write implements prometheus.Metric.
func (h histogram) Write(out *dto.Metric) error {
	var classic dto.Metric
	if err := h.classic.Write(&classic); err != nil {
		return err
	}
	if err := h.native.Write(out); err != nil {
		return err
	}
	out.Histogram.Bucket = classic.Histogram.Bucket
	return nil
}
