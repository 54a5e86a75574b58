package collector_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
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
	"huaweicloud_meeting_exporter/test/stack"
)

var update = flag.Bool("update", false, "write the golden file again")

// The golden file is the whole of /metrics, without what the Go runtime and
// the build add.
func TestMetricsEqualTheGoldenFile(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 40 }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunOptional()
		for range 4 * 60 {
			s.Pass(time.Minute)
			s.Scrape()
		}
		families, err := s.Stack.Scrape()
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
			t.Errorf("go test ./collector -update writes it again (-want +got):\n%s", diff)
		}
	})
}

func TestMetricsFollowTheConventions(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunOptional()
		s.Pass(10 * time.Second)
		problems, err := testutil.GatherAndLint(s.Gatherer())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.Metric == "huaweicloud_meeting_running_meetings_without_count" {
				continue // the linter takes the end of the name for a part of a histogram
			}
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}

func TestSlowBodyIsNoSkew(t *testing.T) {
	stack.Simulate(t, nil, func(_ *testing.T, s *stack.Simulated) {
		s.Service.SetFault(simulator.SlowBody(20 * time.Second))
		s.Run()
		s.Pass(time.Minute)
		s.Want(1, "up")
		s.Want(0, "clock_skew_seconds")
	})
}

func TestGathererKeepsFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := 0
		source := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			times++
			return nil, nil
		})
		l := ledger.New(ledger.Config{}, time.Now())
		g := collector.NewGatherer(source, l, time.Now)
		for _, step := range []struct {
			when string
			do   func()
			want int
		}{
			{"at first", func() {}, 1},
			{"within the minute", func() { time.Sleep(30 * time.Second) }, 1},
			{"at the end of the minute", func() { time.Sleep(30*time.Second - time.Nanosecond) }, 1},
			{"in the next minute", func() { time.Sleep(time.Nanosecond) }, 2},
			{"after a new snapshot", func() {
				if err := l.Apply(ledger.Poll{Ended: time.Now()}, time.Now()); err != nil {
					t.Fatal(err)
				}
			}, 3},
		} {
			step.do()
			if _, err := g.Gather(); err != nil {
				t.Fatal(err)
			}
			if times != step.want {
				t.Errorf("%s: gathered %d times, want %d", step.when, times, step.want)
			}
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
	if err := l.Apply(ledger.Poll{Sweep: true, From: l.SweepFrom(now), Began: now, Ended: now, Meetings: meetings}, now); err != nil {
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
