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

// reportCPU reports the CPU time of the whole process, both ends of a
// connection included, that each run of f takes.
func reportCPU(b *testing.B, f func()) {
	b.ReportAllocs()
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		runtime.GC() // garbage of what went before is not f's
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

// peakHeap returns by how much the live heap exceeds, at its most during f,
// what it is before. The collector is made to run often to see it.
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

// liveHeap is what is in use after a collection.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what the first one freed is swept now
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
