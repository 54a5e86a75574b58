package bench

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"testing"
	"time"
)

// reportCPU reports the CPU time that each run of f takes in the whole process,
// which contains both ends of a connection.
func reportCPU(b *testing.B, f func()) {
	b.ReportAllocs()
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		runtime.GC() // so f does not pay for earlier garbage
		b.StartTimer()
		before := cpuTime(b)
		f()
		spent += cpuTime(b) - before
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakHeap returns how far the live heap rises during f. It makes the garbage
// collector run often, since only a collection measures the live heap.
func peakHeap(f func()) (peak int64) {
	defer debug.SetGCPercent(debug.SetGCPercent(2))
	before := liveHeap()
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				metrics.Read(live)
				peak = max(peak, int64(live[0].Value.Uint64())-before)
			}
		}
	})
	f()
	close(done)
	watching.Wait()
	return peak
}

// liveHeap returns the heap in use after a garbage collection.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // it finishes the sweep of the first one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
