package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// TestForeignChange changes the file behind the back of the ledger, between two
// turns. What Apply acknowledges must be there after a restart.
func TestForeignChange(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"removed": os.Remove,
		"moved":   func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+"2", read(path), 0o600), os.Rename(path+"2", path))
		},
		"cut off":   func(path string) error { return os.Truncate(path, 100) },
		"longer":    func(path string) error { return os.Truncate(path, 10_000) },
		"a link":    func(path string) error { return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path)) },
		"read-only": func(path string) error { return os.Chmod(path, 0o400) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newStoredWorld(t)
			w.sweep(ended("base", noon))
			ok(t, change(w.path))
			w.tail(ended("a", noon))
			w.tail(ended("b", noon))
			w.restart(defaults())
			want(t, "counted", w.counted(), sumsOf{sales: times(2, one)})
		})
	}
	t.Run("of the lock", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		ok(t, os.Remove(w.path+".lock"))
		before := read(w.path)
		other := storedWorld(t, w.path, defaults())
		if err := w.Apply(w.tailPoll(), noon); !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), "was removed or replaced") {
			t.Errorf("got %v", err)
		}
		want(t, "the file", read(w.path), before)
		other.tail(ended("a", noon))
	})
}

// TestFailedSync fails the sync of each kind of write. The poll does not count,
// and the ledger goes on when the disk works again.
func TestFailedSync(t *testing.T) {
	syncFails := func(*os.File) error { return errors.New("sync failed") }
	fail := func(w *world, p ledger.Poll) {
		w.t.Helper()
		before := w.Snapshot()
		w.SetSync(syncFails)
		if err := w.Apply(p, w.now); !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), "sync failed") {
			w.t.Fatalf("got %v", err)
		}
		w.SetSync(noSync)
		if w.Snapshot() != before {
			w.t.Error("a poll that failed was published")
		}
	}
	// The kernel may drop what it could not sync, or a part of it.
	for name, change := range map[string]func(path string, synced []byte) error{
		"kept":    func(string, []byte) error { return nil },
		"dropped": func(path string, synced []byte) error { return os.WriteFile(path, synced, 0o600) },
		"damaged": func(path string, synced []byte) error { return os.Truncate(path, int64(len(synced)-5)) },
		"removed": func(path string, _ []byte) error { return os.Remove(path) },
	} {
		t.Run("of an append that is "+name, func(t *testing.T) {
			w := newStoredWorld(t)
			w.sweep(ended("base", noon))
			w.tail(ended("a", noon))
			w.release()
			synced := read(w.path)
			fail(w, w.tailPoll(ended("b", noon), ended("c", noon, department("legal"))))
			ok(t, change(w.path, synced))
			w.tail(ended("c", noon, department("legal")))
			want(t, "frames after a rewrite", len(payloadsOf(t, w.path)), 2)
			legal := ledger.LabelSet{Department: "legal", Type: meeting.Immediate}
			want(t, "held", w.scrape(), sumsOf{sales: one, legal: zero})
			w.release()
			want(t, "counters", w.scrape(), sumsOf{sales: one, legal: one})
			before := viewOf(w.Ledger, w.now)
			w.restart(defaults())
			want(t, "stored", viewOf(w.Ledger, w.now), before)
		})
	}
	t.Run("before a restart", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		fail(w, w.tailPoll(ended("a", noon)))
		w.restart(defaults())
		want(t, "counted", w.counted(), sumsOf{sales: one})
		w.tail()
		want(t, "frames after a rewrite", len(payloadsOf(t, w.path)), 2)
	})
	t.Run("of the first commit", func(t *testing.T) {
		w := newStoredWorld(t)
		fail(w, w.sweepPoll(ended("base", noon)))
		w.sweep(ended("base", noon))
		w.tail(ended("a", noon))
		want(t, "held", w.scrape(), sumsOf{sales: zero})
		w.release()
		want(t, "counters", w.scrape(), sumsOf{sales: one})
	})
	t.Run("of a release", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep()
		w.tail(ended("a", noon))
		w.scrape()
		w.pass(time.Minute)
		w.SetSync(syncFails)
		if err := w.ReleaseHeld(w.now); !errors.Is(err, ledger.ErrStorage) {
			t.Fatalf("got %v", err)
		}
		w.SetSync(noSync)
		want(t, "not published", w.scrape(), sumsOf{sales: zero})
		want(t, "histogram not published", w.Snapshot().Durations(meeting.Immediate), nil)
		w.tail()
		want(t, "published", w.scrape(), sumsOf{sales: one})
		want(t, "histogram published", w.Snapshot().Durations(meeting.Immediate), ledger.Distribution{3600: 1})
	})
	t.Run("of a seed", func(t *testing.T) {
		source := newWorld(t, defaults())
		source.sweep(ended("base", noon))
		w := newStoredWorld(t)
		w.SetSync(func(f *os.File) error {
			if f.Name() == filepath.Dir(w.path) {
				return errors.New("sync failed") // the file is renamed
			}
			return nil
		})
		if err := w.Seed(source.Ledger, noon); !errors.Is(err, ledger.ErrStorage) {
			t.Fatalf("got %v", err)
		}
		w.restart(defaults())
		want(t, "still new", w.Snapshot().LastSweep(), time.Time{})
		ok(t, w.Seed(source.Ledger, noon))
		if err := w.Seed(source.Ledger, noon); err == nil {
			t.Error("seeded twice")
		}
	})
}

// failRewrite fails the sync of the new file of a rewrite.
func failRewrite(f *os.File) error {
	if strings.Contains(f.Name(), ".rewrite-") {
		return errors.New("sync failed")
	}
	return nil
}
