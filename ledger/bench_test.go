package ledger_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

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
	const n = 1_000_000
	meetings := manyMeetings(n)
	for b.Loop() {
		before := heap()
		l := ledger.New(defaults(), noon)
		apply(b, l, ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: meetings})
		b.ReportMetric(float64(heap()-before)/n, "B/meeting")
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

// BenchmarkTail is a poll of 1,000 meetings, one of them new, beside 100,000
// that are remembered.
func BenchmarkTail(b *testing.B) {
	l := ledger.New(defaults(), noon)
	meetings := manyMeetings(100_000)
	apply(b, l, ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: meetings})
	tail := meetings[:1000]
	for i := 0; b.Loop(); i++ {
		tail[0].UUID = fmt.Sprint("new ", i)
		apply(b, l, ledger.Poll{From: noon.Add(-4 * time.Hour), Began: noon, Ended: noon, Meetings: tail})
	}
}

// BenchmarkScrape sums the window of every series.
func BenchmarkScrape(b *testing.B) {
	l := ledger.New(defaults(), noon)
	apply(b, l, ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: manyMeetings(100_000)})
	for b.Loop() {
		l.Snapshot().Recent(noon)
		l.Snapshot().Totals()
	}
}

func apply(b *testing.B, l *ledger.Ledger, p ledger.Poll) {
	b.Helper()
	if err := l.Apply(p, noon); err != nil {
		b.Fatal(err)
	}
}
