package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/fakeservice"
	"huaweicloud_meeting_exporter/test/stack"
)

// sweepSize is how many meetings a sweep reads: 201 pages.
const sweepSize = 100_000

var largeService = sync.OnceValue(func() *fakeservice.Service { return fakeservice.NewService(fakeservice.Rows(sweepSize)) })

// newStack returns a stack that reads from a URL, without a limit, at the time
// of the prepared pages.
func newStack(b *testing.B, url string) *stack.Stack {
	b.Helper()
	cfg := stack.Defaults(nil)
	cfg.Client.Endpoint, cfg.Client.Timeout, cfg.Client.MaxRequestsPerMinute = url, time.Minute, 1e9
	cfg.Now = fakeservice.Now
	cfg.Poller.SweepInterval = time.Nanosecond // every poll is a sweep
	s, err := stack.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return s
}

// sweep makes one sweep of all meetings.
func sweep(b *testing.B, s *stack.Stack) {
	b.Helper()
	if r, err := s.Poller.Poll(b.Context()); err != nil || r.Kind != poller.Sweep {
		b.Fatalf("got %+v, %v", r, err)
	}
	if n := s.Ledger.Snapshot().Remembered(); n != sweepSize {
		b.Fatalf("%d meetings are remembered", n)
	}
}

// BenchmarkSweep measures the CPU time of a sweep over loopback HTTP, with an
// empty ledger and with one that knows every meeting. Beside it, one baseline
// transfers the same pages, and one decodes them with encoding/json.
func BenchmarkSweep(b *testing.B) {
	service := largeService()
	server := httptest.NewServer(service)
	defer server.Close()

	b.Run("first", func(b *testing.B) {
		reportCPU(b, func() { sweep(b, newStack(b, server.URL)) })
	})
	b.Run("again", func(b *testing.B) {
		s := newStack(b, server.URL)
		sweep(b, s)
		reportCPU(b, func() { sweep(b, s) })
	})
	b.Run("transfer", func(b *testing.B) {
		reportCPU(b, func() { transfer(b, server, service) })
	})
	b.Run("all-fields", func(b *testing.B) {
		bodies := service.Bodies()
		reportCPU(b, func() {
			for _, body := range bodies {
				var p fakeservice.FullPage
				if err := json.Unmarshal(body, &p); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkSweepMemory reports the peak of the live heap during a sweep, without
// what was in use before it and what is remembered after it.
func BenchmarkSweepMemory(b *testing.B) {
	server := httptest.NewServer(largeService())
	defer server.Close()
	run := func(name string, newStack func() *stack.Stack) {
		b.Run(name, func(b *testing.B) {
			var peak, kept int64
			for b.Loop() {
				s := newStack()
				before := liveHeap()
				peak += peakHeap(func() { sweep(b, s) })
				kept += liveHeap() - before
				runtime.KeepAlive(s)
			}
			n := int64(b.N)
			b.ReportMetric(float64((peak-kept)/n)/sweepSize, "peak-B/meeting")
			b.ReportMetric(float64(kept/n)/sweepSize, "kept-B/meeting")
		})
	}
	run("first", func() *stack.Stack { return newStack(b, server.URL) })
	known := newStack(b, server.URL)
	sweep(b, known)
	run("again", func() *stack.Stack { return known })
}

// transfer reads every page and discards it.
func transfer(b *testing.B, server *httptest.Server, service *fakeservice.Service) {
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
