package simulator_test

import (
	"reflect"
	"runtime"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

const day = 24 * time.Hour

func TestRetention(t *testing.T) {
	var c clock
	cfg := generated(100)
	cfg.Now, cfg.Start, cfg.Retention = c.now, noon.Add(-20*day), 10*day
	cfg.TokenLifetime = 10 * day
	s := simulator.New(cfg)
	old, malformed := record("old", time.Hour, 10*day), record("malformed", time.Hour, time.Hour)
	malformed.End = time.Time{} // counts as retained by its other times
	malformed.ListedAt = malformed.Start
	s.Add(old, malformed)
	a := signedIn(t, s)
	check := func(want bool) {
		t.Helper()
		rows, now := a.rows("limit=1"), c.now()
		var listed int64
		for _, sum := range s.Listed(now) {
			listed += sum.Meetings
		}
		equal(t, "meetings in the sums", listed, int64(rows.Count))
		oldest := now
		found := false
		for _, r := range s.Records(now) {
			found = found || r.ConfUUID == "old"
			if r.ConfUUID != "malformed" && r.End.Before(oldest) {
				oldest = r.End
			}
		}
		equal(t, "the old one is listed", found, want)
		between(t, "age of the oldest", now.Sub(oldest), 10*day-2*time.Hour, 10*day+time.Minute)
	}
	check(true)
	c.advance(30 * time.Second) // it leaves as long after its end as it was listed
	check(true)
	c.advance(time.Second)
	check(false)
	c.advance(3 * day)
	check(false)
}

// Days that were dropped from memory come back as they were, also with the
// changes that tests made.
func TestForgottenDaysComeBack(t *testing.T) {
	cfg := generated(100)
	cfg.Start = noon.Add(-20 * day)
	s := simulator.New(cfg)
	s.SetMaxKept(500)
	a := signedIn(t, s)
	rows := func(ago time.Duration) listing {
		return a.rows("limit=500&startDate=" + millis(noon.Add(-ago)) + "&endDate=" + millis(noon.Add(day-ago)))
	}
	first := rows(15 * day)
	removed, edited := first.Data[0]["confUUID"].(string), first.Data[1]["confUUID"].(string)
	s.Remove(removed)
	s.Edit(edited, func(r *simulator.Record) { r.DeptName = "edited" })
	first = rows(15 * day)
	equal(t, "edited", first.Data[0]["deptName"], any("edited"))
	for ago := 14 * day; ago > 0; ago -= day {
		s.Window(noon.Add(-ago), day)
	}
	if diff := gocmp.Diff(first, rows(15*day)); diff != "" {
		t.Error(diff)
	}
	equal(t, "a removed record can be removed", s.Remove(removed), false)
}

// polled simulates a client that polls an enterprise for some days, and returns
// the memory that the service needs afterwards, in bytes.
func polled(perDay, maxKept, days int) int64 {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	now := noon
	cfg := generated(perDay)
	cfg.Now = func() time.Time { return now }
	s := simulator.New(cfg)
	s.SetMaxKept(maxKept)
	for range days {
		now = now.Add(day)
		s.Window(now, 8*day)
	}
	used := heap() - before
	runtime.KeepAlive(s)
	return used
}

func TestMemoryStaysBounded(t *testing.T) {
	// All the records would need 25 MB.
	between(t, "bytes", polled(300, 4000, 50), 1<<20, 12<<20)
}

// BenchmarkMonthsOfPolling reports the memory after half a year of the demo.
func BenchmarkMonthsOfPolling(b *testing.B) {
	var used int64
	for b.Loop() {
		used = polled(1500, 20_000, 183)
	}
	b.ReportMetric(float64(used)/1e6, "MB")
}

// A backfill reads six months day by day.
func TestSixMonthsAreListed(t *testing.T) {
	cfg := generated(5)
	cfg.History = 183 * day
	s := simulator.New(cfg)
	a := signedIn(t, s)
	found := 0
	for ago := 184 * day; ago > 0; ago -= day {
		// Both ends are inclusive.
		found += a.rows("startDate=" + millis(noon.Add(-ago)) + "&endDate=" + millis(noon.Add(day-ago-time.Millisecond))).Count
	}
	want := s.Records(noon)
	equal(t, "meetings", found, len(want))
	if !reflect.DeepEqual(want, simulator.New(cfg).Records(noon)) {
		t.Error("another service has other meetings")
	}
	between(t, "age of the first", noon.Sub(want[0].Start), 180*day, 183*day)
}
