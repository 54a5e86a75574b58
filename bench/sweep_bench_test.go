package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/simulator"
)

// sweepSize is how many meetings a sweep reads: 201 pages.
const sweepSize = 100_000

var largeService = sync.OnceValue(func() *Service { return NewService(Rows(sweepSize)) })

func ledgerConfig() ledger.Config {
	return ledger.Config{
		Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, MaxCatchUp: 168 * time.Hour,
		StaleAfter: time.Hour, Hold: time.Minute, MaxDepartments: 200,
	}
}

// BenchmarkSweep is a whole sweep over loopback HTTP, of a ledger that is empty
// and of one that knows every meeting, beside reading the same pages and
// leaving them, and beside decoding them with encoding/json without HTTP.
func BenchmarkSweep(b *testing.B) {
	service := largeService()
	server := httptest.NewServer(service)
	defer server.Close()

	b.Run("first", func(b *testing.B) {
		reportCPU(b, func() { sweep(b, server.URL, ledger.New(ledgerConfig(), Now)) })
	})
	b.Run("again", func(b *testing.B) {
		l := ledger.New(ledgerConfig(), Now)
		sweep(b, server.URL, l)
		reportCPU(b, func() { sweep(b, server.URL, l) })
	})
	b.Run("transfer", func(b *testing.B) {
		reportCPU(b, func() { transfer(b, server, service) })
	})
	b.Run("all-fields", func(b *testing.B) {
		bodies := service.Bodies()
		reportCPU(b, func() {
			for _, body := range bodies {
				var p FullPage
				if err := json.Unmarshal(body, &p); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkSweepMemory reports the peak of the live heap during a sweep,
// beyond what is in use before it and what is remembered after it.
func BenchmarkSweepMemory(b *testing.B) {
	server := httptest.NewServer(largeService())
	defer server.Close()
	run := func(name string, l func() *ledger.Ledger) {
		b.Run(name, func(b *testing.B) {
			var peak, kept int64
			for b.Loop() {
				l := l()
				before := liveHeap()
				peak += peakHeap(func() { sweep(b, server.URL, l) })
				kept += liveHeap() - before
				runtime.KeepAlive(l)
			}
			n := int64(b.N)
			b.ReportMetric(float64((peak-kept)/n)/sweepSize, "peak-B/meeting")
			b.ReportMetric(float64(kept/n)/sweepSize, "kept-B/meeting")
		})
	}
	run("first", func() *ledger.Ledger { return ledger.New(ledgerConfig(), Now) })
	known := ledger.New(ledgerConfig(), Now)
	sweep(b, server.URL, known)
	run("again", func() *ledger.Ledger { return known })
}

// sweep lets a new poller make its first poll, which is a sweep.
func sweep(b *testing.B, url string, l *ledger.Ledger) {
	b.Helper()
	c, err := client.New(client.Config{
		Endpoint: url, Account: "account", Secret: func() (string, error) { return "", nil },
		Timeout: time.Minute, MaxRequestsPerMinute: 1e9, SignInInterval: time.Minute, Now: now,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	polled := make(chan error, 1)
	poller := collector.NewPoller(collector.PollerConfig{
		Interval: time.Hour, SweepInterval: time.Hour, Tail: time.Hour, Now: now,
		Logger: log.LoggerFunc(func(keyvals ...any) error {
			var err error
			if !slices.Contains(keyvals, any("Poll complete")) {
				err = fmt.Errorf("%v", keyvals)
			}
			polled <- err
			return nil
		}),
	}, c, l, collector.NewHealth(now))
	var polling sync.WaitGroup
	polling.Go(func() { poller.Run(ctx) })
	if err := <-polled; err != nil {
		b.Error(err)
	}
	cancel()
	polling.Wait()
	if err := c.Close(b.Context()); err != nil {
		b.Error(err)
	}
	if n := l.Snapshot().Size(); n != sweepSize {
		b.Fatalf("%d meetings remembered", n)
	}
}

func now() time.Time { return Now }

// transfer reads every page and leaves it.
func transfer(b *testing.B, server *httptest.Server, service *Service) {
	b.Helper()
	for _, offset := range service.Offsets {
		resp, err := server.Client().Get(fmt.Sprint(server.URL, simulator.PathHistory, "?offset=", offset))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		resp.Body.Close()
	}
}
