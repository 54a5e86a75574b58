package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

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
		want(t, "counters go on", w.scrape()[sales], ledger.Sums{Meetings: 2, DurationSeconds: 7200, Participants: 26, Terminals: 4})
	})
	t.Run("the first sweep counts what was missed", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		w.restart(defaults())
		w.pass(3 * 24 * time.Hour)
		want(t, "what a sweep reads", w.SweepFrom(w.now), noon.Add(-54*time.Hour))
		w.sweep(ended("missed", noon.Add(time.Hour)), ended("before the reach", noon.Add(-60*time.Hour)))
		want(t, "counters", w.scrape(), sumsOf{sales: one})
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
		want(t, "folded", w.Snapshot().Folded(), 1)
		cfg.MaxDepartments = 3
		w.restart(cfg)
		w.tail(ended("5", noon, department("c")))
		want(t, "higher", departmentsOf(w.recent()), []string{"a", "b", "c", "other"})
		want(t, "folded", w.Snapshot().Folded(), 1)
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
		w.close()
		// The name of the temporary file gets too long.
		long := filepath.Join(filepath.Dir(w.path), strings.Repeat("x", 240))
		ok(t, os.Rename(w.path, long))
		w.path = long
		w.open(defaults())
		w.RewriteNext()
		w.tail(ended("b", noon))
		want(t, "frames", len(payloadsOf(t, long)), 3)
		w.restart(defaults())
		want(t, "remembered", w.Snapshot().Remembered(), 2)
	})
	t.Run("the file stays in proportion", func(t *testing.T) {
		w := newStoredWorld(t)
		w.SetSync(noSync)
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
		want(t, "counters", got.l.Unheld(), sumsOf{sales: one})
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
}

func TestRefusedFiles(t *testing.T) {
	w := newStoredWorld(t)
	w.sweep(ended("a", noon))
	w.tail(ended("b", noon))
	w.close()
	valid := read(w.path)
	payloads := payloadsOf(t, w.path)
	changed := func(frame, field int, value any) []byte {
		fields := map[int]any{}
		if err := cbor.Unmarshal(payloads[frame], &fields); err != nil {
			t.Fatal(err)
		}
		fields[field] = value
		payload, err := cbor.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		frames := append([][]byte{}, payloads...)
		frames[frame] = payload
		return ledger.Frames(frames...)
	}
	bbolt := make([]byte, 8192)
	copy(bbolt[16:], "\xed\xda\x0c\xed\x02\x00\x00\x00")

	for name, c := range map[string]struct {
		owner   string
		content []byte
		prepare func(t *testing.T, path string)
		words   string
	}{
		"other owner":          {"another", valid, nil, "another endpoint"},
		"newer format":         {owner, changed(0, 2, 3), nil, "format 3 where this version knows format 2: it was written by a newer version"},
		"newer head":           {owner, changed(0, 9, 1), nil, "written by a newer version"},
		"newer turn":           {owner, changed(2, 99, 1), nil, "written by a newer version"},
		"other format":         {owner, changed(0, 1, "something else"), nil, "damaged"},
		"first edition":        {owner, bbolt, nil, "is a ledger of a version before 2, which stored bbolt databases: move it away"},
		"text":                 {owner, []byte(strings.Repeat("text ", 10_000)), nil, "damaged"},
		"zeros":                {owner, make([]byte, 10_000), nil, "damaged"},
		"a few bytes":          {owner, []byte("x"), nil, "damaged"},
		"only a head":          {owner, ledger.Frames(payloads[0]), nil, "damaged"},
		"a frame missing":      {owner, ledger.Frames(payloads[0], payloads[2]), nil, "damaged"},
		"a frame twice":        {owner, ledger.Frames(payloads[0], payloads[1], payloads[2], payloads[2], payloads[1]), nil, "damaged"},
		"no CBOR":              {owner, ledger.Frames(payloads[0], []byte("text")), nil, "damaged"},
		"horizon goes back":    {owner, changed(2, 2, 1), nil, "the horizon goes back"},
		"created twice":        {owner, changed(2, 1, 1), nil, "created twice"},
		"folded falls":         {owner, changed(2, 5, -1), nil, "folded"},
		"department twice":     {owner, changed(2, 6, []string{"sales"}), nil, "a department comes twice"},
		"unknown label set":    {owner, changed(2, 7, []any{map[int]any{1: 999}}), nil, "label set 999 is unknown"},
		"counter falls":        {owner, changed(2, 7, []any{map[int]any{1: 17, 2: true, 4: noon.UnixNano(), 5: map[int]int{1: -1}}}), nil, "falls"},
		"sums without counter": {owner, changed(1, 7, []any{map[int]any{1: 17, 5: map[int]int{1: 1}}}), nil, "has no counters"},
		"series out of order":  {owner, changed(1, 7, []any{map[int]any{1: 2}, map[int]any{1: 1}}), nil, "out of order"},
		"unknown histogram":    {owner, changed(2, 8, []any{map[int]any{1: 9, 4: 1}}), nil, "belongs to no histogram"},
		"histogram falls":      {owner, changed(2, 8, []any{map[int]any{1: 1, 2: 1, 3: 10}}), nil, "a histogram falls"},
		"meeting of no series": {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 16), 3: 999}}), nil, "unknown label set"},
		"negative number":      {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 16), 2: 17, 3: 17, 5: map[int]int{1: -9}}}), nil, "negative"},
		"unknown forgotten":    {owner, changed(2, 10, [][]byte{make([]byte, 16)}), nil, "an unknown meeting is forgotten"},
		"directory":            {owner, nil, func(t *testing.T, path string) { ok(t, os.Mkdir(path, 0o755)) }, "is a directory"},
		"pipe":                 {owner, nil, func(t *testing.T, path string) { ok(t, syscall.Mkfifo(path, 0o600)) }, "not a regular file"},
		"in use":               {owner, valid, func(t *testing.T, path string) { storedWorld(t, path, defaults()) }, "in use by another process"},
		"no directory":         {owner, nil, func(t *testing.T, path string) { ok(t, os.Remove(filepath.Dir(path))) }, "cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "directory", "ledger.db")
			ok(t, os.Mkdir(filepath.Dir(path), 0o755))
			if c.content != nil {
				write(t, path, c.content)
			}
			if c.prepare != nil {
				c.prepare(t, path)
			}
			_, err := ledger.Open(path, defaults(), c.owner, noon)
			if err == nil || !strings.Contains(err.Error(), c.words) || !errors.Is(err, ledger.ErrStorage) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %q, want one line with %q", err, c.words)
			}
			want(t, "the file", read(path), c.content)
		})
	}
	t.Run("a place that cannot be written", func(t *testing.T) {
		if _, err := ledger.Open("/proc/ledger.db", defaults(), owner, noon); !errors.Is(err, ledger.ErrStorage) {
			t.Errorf("got %v", err)
		}
	})
}

// TestFailedSync fails the sync of each kind of write. The poll that failed is
// in the file, and so it counts.
func TestFailedSync(t *testing.T) {
	fail := func(w *world, p ledger.Poll) {
		w.t.Helper()
		before := w.Snapshot()
		w.SetSync(func(*os.File) error { return errors.New("sync failed") })
		if err := w.Apply(p, w.now); !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), "sync failed") {
			w.t.Fatalf("got %v", err)
		}
		w.SetSync(noSync)
		if w.Snapshot() != before {
			w.t.Error("a poll that failed was published")
		}
	}
	t.Run("of an append", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		w.tail(ended("a", noon))
		fail(w, w.tailPoll(ended("b", noon), ended("c", noon, department("legal"))))
		w.tail(ended("b", noon), ended("c", noon, department("legal")))
		legal := ledger.LabelSet{Department: "legal", Type: meeting.Immediate}
		want(t, "held", w.scrape(), sumsOf{sales: times(2, one), legal: zero})
		w.release()
		want(t, "counters", w.scrape(), sumsOf{sales: times(2, one), legal: one})
		want(t, "frames after a rewrite", len(payloadsOf(t, w.path)), 3)
		before := viewOf(w.Ledger, w.now)
		w.restart(defaults())
		want(t, "stored", viewOf(w.Ledger, w.now), before)
	})
	t.Run("of the first commit", func(t *testing.T) {
		w := newStoredWorld(t)
		fail(w, w.sweepPoll(ended("base", noon)))
		w.scrape() // of a snapshot without the series
		w.pass(time.Hour)
		w.tail(ended("a", noon))
		want(t, "nobody has seen the 0", w.scrape(), sumsOf{sales: zero})
		w.release()
		want(t, "counters", w.scrape(), sumsOf{sales: one})
	})
	t.Run("of a release", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep()
		w.tail(ended("a", noon))
		w.scrape()
		w.pass(time.Minute)
		w.SetSync(func(*os.File) error { return errors.New("sync failed") })
		if err := w.ReleaseHeld(w.now); !errors.Is(err, ledger.ErrStorage) {
			t.Fatalf("got %v", err)
		}
		w.SetSync(noSync)
		want(t, "not published", w.scrape(), sumsOf{sales: zero})
		w.tail()
		want(t, "published", w.scrape(), sumsOf{sales: one})
	})
	t.Run("and a file that is gone", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		fail(w, w.tailPoll(ended("a", noon)))
		ok(t, os.Remove(w.path))
		w.tail(ended("b", noon))
		w.restart(defaults())
		want(t, "counters", w.Unheld(), sumsOf{sales: one})
	})
	t.Run("and a file that is damaged", func(t *testing.T) {
		w := newStoredWorld(t)
		w.sweep(ended("base", noon))
		fail(w, w.tailPoll(ended("a", noon)))
		write(t, w.path, []byte("text"))
		if err := w.Apply(w.tailPoll(), w.now); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("got %v", err)
		}
		want(t, "the file", string(read(w.path)), "text")
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
