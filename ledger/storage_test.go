package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

func TestRestart(t *testing.T) {
	t.Run("goes on where the ledger stood", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon), ended("late", noon, participants(meeting.Absent)))
		w.pass(time.Minute)
		w.tail(ended("a", noon), ended("b", noon, department("legal"), recorded), ended("c", noon, webinar, lasting(0)))
		w.tail(ended("a", noon.Add(-time.Hour), participants(12)), ended("late", noon, participants(3)))
		w.release()
		w.tail(ended("d", noon, department("later")))
		before := viewOf(w.Ledger, w.now)
		w.restart(defaults())
		want(t, "after a restart", viewOf(w.Ledger, w.now), before)
		w.tail(ended("a", noon.Add(-time.Hour), participants(13)), ended("base", noon), ended("e", noon))
		want(t, "counters go on", w.counted()[sales], ledger.Sums{Meetings: 2, DurationSeconds: 7200, Participants: 26, Terminals: 4})
	})
	t.Run("the first sweep counts what was missed", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		w.restart(defaults())
		w.pass(3 * 24 * time.Hour)
		want(t, "what a sweep reads", w.SweepFrom(w.now), noon.Add(-54*time.Hour))
		w.sweep(ended("missed", noon.Add(time.Hour)), ended("before the reach", noon.Add(-60*time.Hour)))
		want(t, "counters", w.counted(), sumsOf{sales: one})
	})
	t.Run("a held series starts at 0 again", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep()
		w.tail(ended("a", noon))
		w.scrape()
		w.pass(time.Minute) // due, but the process ends first
		w.restart(defaults())
		want(t, "held", w.scrape(), sumsOf{sales: zero})
		w.failedPoll()
		want(t, "until a hold after a new delivery", w.scrape(), sumsOf{sales: zero})
		w.pass(time.Minute)
		w.failedPoll()
		w.restart(defaults())
		want(t, "released", w.scrape(), sumsOf{sales: one})
	})
	t.Run("what is forgotten stays forgotten", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("a", noon), ended("b", noon, department("legal")))
		w.tail(ended("a", noon.Add(2*time.Hour)))
		w.pass(100 * time.Hour)
		w.sweep(ended("c", w.now))
		w.restart(defaults())
		want(t, "remembered", w.Snapshot().Remembered(), 1)
		want(t, "departments", departmentsOf(w.recent()), []string{"legal", "sales"})
	})
	t.Run("a lower cap removes no department", func(t *testing.T) {
		cfg := defaults()
		cfg.MaxDepartments = 2
		w := storedWorld(t, filepath.Join(t.TempDir(), "ledger.db"), cfg)
		w.sweep(ended("1", noon, department("a")), ended("2", noon, department("b")))
		cfg.MaxDepartments = 1
		w.restart(cfg)
		w.tail(ended("3", noon, department("b")), ended("4", noon, department("c")))
		want(t, "lower", departmentsOf(w.recent()), []string{"a", "b", "other"})
		want(t, "folded", w.Unheld().Folded(), 1)
		cfg.MaxDepartments = 3
		w.restart(cfg)
		w.tail(ended("5", noon, department("c")))
		want(t, "higher", departmentsOf(w.recent()), []string{"a", "b", "c", "other"})
		want(t, "folded", w.Unheld().Folded(), 1)
	})
	t.Run("an empty file is a new ledger", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger.db")
		write(t, path, nil)
		w := storedWorld(t, path, defaults())
		w.restart(defaults()) // before the first commit
		w.sweep(ended("a", noon))
		want(t, "counters", w.scrape(), sumsOf{sales: zero})
	})
	t.Run("a symbolic link stays one", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "target.db")
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		w := storedWorld(t, link, defaults())
		w.sweep(ended("a", noon))
		w.RewriteNext()
		w.tail(ended("b", noon))
		w.restart(defaults())
		want(t, "remembered", w.Snapshot().Remembered(), 2)
		info, err := os.Lstat(target)
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("the target of the link is no file: %v", err)
		}
	})
	t.Run("a failed rewrite falls back to an append", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("a", noon))
		w.RewriteNext()
		w.SetSync(failRewrite)
		w.tail(ended("b", noon))
		want(t, "frames", len(payloadsOf(t, w.path)), 3)
		if err := w.RewriteError(); err == nil {
			t.Error("nobody learns that the rewrite failed")
		}
		w.SetSync(noSync)
		w.RewriteNext()
		w.tail(ended("c", noon))
		ok(t, w.RewriteError())
		w.restart(defaults())
		want(t, "remembered", w.Snapshot().Remembered(), 3)
	})
	t.Run("the file stays in proportion", func(t *testing.T) {
		w := newStoredWorld(t)
		many := manyMeetings(3000)
		w.sweep(many...)
		state, rewrites := len(read(w.path)), 0
		for turn, size := 1, state; turn <= 40; turn++ {
			for i := range many {
				many[i].Participants = meeting.Count(turn)
			}
			w.sweep(many...)
			before := size
			if size = len(read(w.path)); size < before {
				rewrites++
			}
			if limit := 3*state + 1<<20 + state; size > limit {
				t.Fatalf("turn %d: %d bytes, want at most %d", turn, size, limit)
			}
		}
		want(t, "rewrites", rewrites, 3)
		before := viewOf(w.Ledger, noon)
		w.restart(defaults())
		want(t, "stored", viewOf(w.Ledger, noon).Unheld, before.Unheld)
	})
	t.Run("Open waits for a process that ends", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		type opened struct {
			l   *ledger.Ledger
			err error
		}
		w.tail(ended("new", noon))
		next := make(chan opened)
		go func() {
			l, err := ledger.Open(w.path, defaults(), owner, noon)
			next <- opened{l, err}
		}()
		w.close()
		got := <-next
		ok(t, got.err)
		defer got.l.Close()
		want(t, "counters", bySet(got.l.Unheld().Totals()), sumsOf{sales: one})
	})
	t.Run("a closed ledger takes no poll", func(t *testing.T) {
		w := newStoredWorld(t)
		w.close()
		if err := w.Apply(w.sweepPoll(), noon); !errors.Is(err, ledger.ErrStorage) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSeedAndStateFiles(t *testing.T) {
	source := newWorld(t, defaults())
	source.sweep(ended("base", noon))
	source.tail(ended("a", noon, participants(3)), ended("b", noon, department("legal"), webinar))
	source.release()
	source.tail(ended("held", noon, department("held")))
	now := source.now

	path := filepath.Join(t.TempDir(), "state")
	if err := source.WriteFile(path, owner); err != nil {
		t.Fatal(err)
	}
	kept := read(path)
	stateFile, err := ledger.ReadFile(path, defaults(), owner)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "read from a file", viewOf(stateFile, now), viewOf(source.Ledger, now))
	want(t, "the file", read(path), kept)
	if _, err := ledger.ReadFile(path, defaults(), "another"); !errors.Is(err, ledger.ErrOwner) {
		t.Errorf("another owner: got %v", err)
	}
	if _, err := ledger.ReadFile(path+"missing", defaults(), owner); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: got %v", err)
	}

	seeded := newStoredWorld(t)
	if err := seeded.Seed(stateFile, noon); err != nil {
		t.Fatal(err)
	}
	seeded.restart(defaults())
	wanted := viewOf(source.Ledger, now)
	wanted.Horizon, wanted.SweepFrom = noon, now.Add(-54*time.Hour)
	want(t, "seeded", viewOf(seeded.Ledger, now), wanted)

	t.Run("a file of failed polls", func(t *testing.T) {
		seeded := &world{t: t, now: noon, clock: noon, path: filepath.Join(t.TempDir(), "ledger.db")}
		var err error
		seeded.Ledger, err = ledger.Open(seeded.path, defaults(), owner, noon.Add(time.Hour))
		ok(t, err)
		t.Cleanup(func() { seeded.Close() })
		seeded.release() // stores that the 0 of the fixed series was delivered
		want(t, "frames", len(payloadsOf(t, seeded.path)), 2)
		ok(t, seeded.Seed(stateFile, noon))
		seeded.restart(defaults())
		want(t, "seeded", viewOf(seeded.Ledger, now), wanted)
	})
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns the content of a file, and nothing of what is not one.
func read(path string) []byte {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	content, _ := os.ReadFile(path)
	return content
}

func payloadsOf(t testing.TB, path string) [][]byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	payloads, err := ledger.Payloads(file, int64(len(read(path))))
	if err != nil {
		t.Fatal(err)
	}
	return payloads
}
