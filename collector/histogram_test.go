package collector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/testing/protocmp"

	"huaweicloud_meeting_exporter/ledger"
)

func TestHistogramEqualsTheLibrary(t *testing.T) {
	for name, c := range map[string]struct {
		buckets []float64
		n       int
		value   func(*rand.Rand) int64
	}{
		"durations":    {durationBuckets, 5000, func(r *rand.Rand) int64 { return r.Int64N(600) * 60 }},
		"participants": {participantBuckets, 5000, func(r *rand.Rand) int64 { return r.Int64N(1200) }},
		"few":          {participantBuckets, 5000, func(r *rand.Rand) int64 { return r.Int64N(3) }},
		"nothing":      {durationBuckets, 0, nil},
		"zeros":        {participantBuckets, 5000, func(*rand.Rand) int64 { return 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			library := prometheus.NewHistogram(prometheus.HistogramOpts{
				Name: "h", Help: "h", Buckets: c.buckets, NativeHistogramBucketFactor: 1.1,
			})
			d := ledger.Distribution{}
			for range c.n {
				v := c.value(random)
				library.Observe(float64(v))
				d[v]++
			}
			var got, want dto.Metric
			created := time.Unix(1, 0)
			if err := newHistogram(prometheus.NewDesc("h", "h", nil, nil), c.buckets, d, created).Write(&got); err != nil {
				t.Fatal(err)
			}
			if err := library.Write(&want); err != nil {
				t.Fatal(err)
			}
			want.Histogram.CreatedTimestamp = got.Histogram.CreatedTimestamp
			if diff := cmp.Diff(&want, &got, protocmp.Transform()); diff != "" {
				t.Errorf("(-library +ours):\n%s", diff)
			}
		})
	}
}

// It tries every value that a meeting may have, and every bound of a bucket.
func TestNativeBucketEqualsTheLibrary(t *testing.T) {
	library := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", NativeHistogramBucketFactor: 1.1})
	counts := map[int]int64{}
	for v := int64(1); v <= 1_000_000; v++ {
		library.Observe(float64(v))
		counts[nativeBucket(v)]++
	}
	for v := int64(1_000_020); v <= 31*24*3600; v += 60 {
		library.Observe(float64(v))
		counts[nativeBucket(v)]++
	}
	var m dto.Metric
	if err := library.Write(&m); err != nil {
		t.Fatal(err)
	}
	want := map[int]int64{}
	index, n, i := 0, int64(0), 0
	for _, span := range m.Histogram.PositiveSpan {
		index += int(span.GetOffset())
		for range span.GetLength() {
			n += m.Histogram.PositiveDelta[i]
			if n != 0 {
				want[index] = n
			}
			index++
			i++
		}
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("(-library +ours):\n%s", diff)
	}
}
