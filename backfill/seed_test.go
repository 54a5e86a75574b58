package backfill_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

func TestSeededLedgerContinues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		path := filepath.Join(t.TempDir(), "ledger")
		seeded, err := ledger.Open(path, cfg.Ledger, "owner", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Seed(seeded, run(t, service, cfg)); err != nil {
			t.Fatal(err)
		}
		if err := seeded.Close(); err != nil {
			t.Fatal(err)
		}
		if seeded, err = ledger.Open(path, cfg.Ledger, "owner", time.Now()); err != nil {
			t.Fatal(err)
		}
		defer seeded.Close()
		total := func() (n int64) {
			for _, one := range seeded.Snapshot().Totals() {
				n += one.Meetings
			}
			return n
		}
		counted := func(until time.Time) (n int64) {
			for _, r := range service.Records(time.Now()) {
				if end := r.End.Truncate(time.Minute); !end.Before(from) && end.Before(until) {
					n++
				}
			}
			return n
		}
		if want := counted(to); total() != want || !seeded.Snapshot().LastSweep().Equal(to.Add(-time.Millisecond)) {
			t.Fatalf("got %d meetings and a sweep at %v, want %d just before %v", total(), seeded.Snapshot().LastSweep(), want, to)
		}
		sweepFrom := seeded.SweepFrom(time.Now())
		if want := to.Add(-cfg.Ledger.Window - cfg.Ledger.MaxMeetingDuration); !sweepFrom.Equal(want) {
			t.Errorf("the next sweep begins at %v, want %v", sweepFrom, want)
		}
		listing, err := newClient(t, service).History(t.Context(), sweepFrom, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		poll := ledger.Poll{Sweep: true, From: sweepFrom, Began: time.Now(), Ended: time.Now(), Meetings: listing.Meetings}
		if err := seeded.Apply(poll, time.Now()); err != nil {
			t.Fatal(err)
		}
		seeded.Snapshot().MarkDelivered(time.Now())
		if err := seeded.ReleaseHeld(time.Now().Add(cfg.Ledger.Hold)); err != nil {
			t.Fatal(err)
		}
		if want := counted(time.Now()); total() != want {
			t.Errorf("got %d meetings after the seam, want %d", total(), want)
		}
	})
}

func TestMeetingsBeforeTheRange(t *testing.T) {
	t.Parallel()
	cfg := config(t, nil)
	cfg.From = to.Add(-time.Hour) // much shorter than the reach of a sweep
	l := ledger.New(cfg.Ledger, from)
	if err := l.Apply(ledger.Poll{Sweep: true, From: cfg.From.Add(-24 * time.Hour), Began: cfg.From, Ended: cfg.From}, cfg.From); err != nil {
		t.Fatal(err)
	}
	seeded := ledger.New(cfg.Ledger, from)
	if err := cfg.Seed(seeded, l); err != nil {
		t.Fatal(err)
	}
	old := meeting.Meeting{UUID: "1", Department: "A", Start: cfg.From.Add(-20 * time.Hour), End: cfg.From.Add(-19 * time.Hour)}
	if err := seeded.Apply(ledger.Poll{Sweep: true, From: old.Start, Began: to, Ended: to, Meetings: []meeting.Meeting{old}}, to); err != nil {
		t.Fatal(err)
	}
	if got := seeded.Snapshot().Totals(); len(got) != 0 {
		t.Errorf("got %+v, want nothing counted", got)
	}
}
