package collector_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The whole of /metrics, apart from what the Go runtime and the build add.
func TestTheWholeOfMetricsIsAsTheGoldenFileSays(t *testing.T) {
	inBubble(t, func(o *options) { o.service.MeetingsPerDay = 40 }, func(r *rig) {
		for range 4 * 60 {
			r.pass(time.Minute)
			r.scrape()
		}
		families, err := r.gatherer.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		encoder := expfmt.NewEncoder(&got, expfmt.NewFormat(expfmt.TypeTextPlain))
		for _, f := range families {
			if err := encoder.Encode(f); err != nil {
				t.Fatal(err)
			}
		}
		const golden = "testdata/metrics.txt"
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("go test ./collector -update writes it anew (-want +got):\n%s", diff)
		}
	})
}

func TestMetricsFollowTheConventions(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		problems, err := testutil.GatherAndLint(r.gatherer)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}

func TestNothingIsGatheredAnewUntilASnapshotOrMinuteIsNew(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		times := 0
		source := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			times++
			return nil, nil
		})
		g := collector.NewGatherer(source, r.ledger, time.Now)
		gather := func(want int, why string) {
			t.Helper()
			if _, err := g.Gather(); err != nil {
				t.Fatal(err)
			}
			if times != want {
				t.Errorf("%s: gathered %d times, want %d", why, times, want)
			}
		}
		gather(1, "first")
		r.pass(30 * time.Second)
		gather(1, "within the minute")
		r.pass(30*time.Second - time.Nanosecond)
		gather(1, "at the end of the minute")
		r.pass(time.Nanosecond)
		gather(2, "next minute, with its poll")
		if err := r.ledger.Apply(ledger.Poll{Ended: time.Now()}, time.Now()); err != nil {
			t.Fatal(err)
		}
		gather(3, "new snapshot")
	})
}

func TestGaugesAreWithheldWhenTheDataIsStale(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.service.SetFault(simulator.HTML())
		r.pass(59 * time.Minute)
		if got := r.totals(gauges); len(got) == 0 {
			t.Error("no gauges after less than an hour")
		}
		r.pass(2 * time.Minute)
		if got := r.totals(gauges); len(got) != 0 {
			t.Errorf("gauges of stale data: %v", got)
		}
		if r.scrape()["ended_meetings_total"] == nil {
			t.Error("counters are withheld too")
		}
	})
}

func BenchmarkGather(b *testing.B) {
	// 20,000 meetings in 200 departments.
	now := time.Now()
	l := ledger.New(ledger.Config{Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, StaleAfter: time.Hour, MaxDepartments: 200}, now)
	var meetings []meeting.Meeting
	for i := range 20_000 {
		end := now.Add(-time.Duration(i) * time.Second)
		meetings = append(meetings, meeting.Meeting{
			UUID: fmt.Sprint(i), Start: end.Add(-time.Hour), End: end,
			Department: fmt.Sprint("department ", i%200), Type: meeting.Types()[i%4],
		})
	}
	if err := l.Apply(ledger.Poll{Sweep: true, From: l.SweepFrom(now), Began: now, Ended: now, Meetings: ledger.BatchOf(meetings...)}, now); err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.New(l, 24*time.Hour, time.Now))
	b.Run("fresh", func(b *testing.B) {
		for b.Loop() {
			if _, err := registry.Gather(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kept", func(b *testing.B) {
		g := collector.NewGatherer(registry, l, time.Now)
		for b.Loop() {
			if _, err := g.Gather(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
