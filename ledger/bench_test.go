package ledger_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

const million = 1_000_000

// manyMeetings spreads n meetings over 40 departments and the hours that a
// ledger remembers.
func manyMeetings(n int) []meeting.Meeting {
	meetings := make([]meeting.Meeting, n)
	for i := range meetings {
		end := noon.Add(-time.Duration(i%(54*60)) * time.Minute)
		meetings[i] = ended(fmt.Sprintf("%032x", i), end, lasting(time.Duration(i%40)*time.Minute), department(fmt.Sprint("department ", i%41)))
		meetings[i].Type = meeting.Types()[i%4]
	}
	return meetings
}

// BenchmarkRemember reports the heap that each of 1,000,000 meetings takes.
func BenchmarkRemember(b *testing.B) {
	meetings := manyMeetings(million)
	for b.Loop() {
		before := heap()
		l := ledger.New(defaults(), noon)
		apply(b, l, sweepOf(l, meetings))
		b.ReportMetric(float64(heap()-before)/million, "B/meeting")
		runtime.KeepAlive(l)
	}
	runtime.KeepAlive(meetings)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPoll is a tail poll that brings nothing new, and one that brings 100
// new meetings, of a ledger in a file that remembers few or many.
func BenchmarkPoll(b *testing.B) {
	for _, n := range []int{10_000, million} {
		l, _ := ledgerOf(b, n)
		tail := manyMeetings(1000)
		poll := func() {
			apply(b, l, ledger.Poll{From: noon.Add(-4 * time.Hour), Began: noon, Ended: noon, Meetings: tail})
		}
		b.Run(fmt.Sprintf("nothing-new/remembered=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				poll()
			}
		})
		polls := 0
		b.Run(fmt.Sprintf("100-new/remembered=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				polls++
				for i := range 100 {
					tail[i].UUID = fmt.Sprint("new ", polls, i)
				}
				poll()
			}
		})
		l.Close()
	}
}

// BenchmarkStart opens a file that holds 1,000,000 meetings.
func BenchmarkStart(b *testing.B) {
	l, path := ledgerOf(b, million)
	l.Close()
	b.ReportAllocs()
	for b.Loop() {
		l, err := ledger.Open(path, defaults(), owner, noon)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
}

// ledgerOf returns a ledger in a file that remembers n meetings.
func ledgerOf(b *testing.B, n int) (l *ledger.Ledger, path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "ledger.db")
	l, err := ledger.Open(path, defaults(), owner, noon)
	if err != nil {
		b.Fatal(err)
	}
	apply(b, l, sweepOf(l, manyMeetings(n)))
	return l, path
}

// BenchmarkTail is a poll of 1,000 meetings, one of them new, beside 100,000
// that are remembered in memory.
func BenchmarkTail(b *testing.B) {
	l := ledger.New(defaults(), noon)
	meetings := manyMeetings(100_000)
	apply(b, l, sweepOf(l, meetings))
	tail := meetings[:1000]
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tail[0].UUID = fmt.Sprint("new ", i)
		apply(b, l, ledger.Poll{From: noon.Add(-4 * time.Hour), Began: noon, Ended: noon, Meetings: tail})
	}
}

// BenchmarkWindows sums the window of every series.
func BenchmarkWindows(b *testing.B) {
	l := ledger.New(defaults(), noon)
	apply(b, l, sweepOf(l, manyMeetings(100_000)))
	b.ReportAllocs()
	for b.Loop() {
		l.Snapshot().Recent(noon)
		l.Snapshot().Totals()
	}
}

func sweepOf(l *ledger.Ledger, meetings []meeting.Meeting) ledger.Poll {
	return ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: meetings}
}

func apply(b *testing.B, l *ledger.Ledger, p ledger.Poll) {
	b.Helper()
	if err := l.Apply(p, noon); err != nil {
		b.Fatal(err)
	}
}
