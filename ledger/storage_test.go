package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

const owner = "an enterprise"

// stored returns a world whose ledger is kept in a file.
func stored(t *testing.T, path string, cfg ledger.Config) *world {
	t.Helper()
	l, err := ledger.Open(path, cfg, owner, noon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &world{Ledger: l, t: t, now: noon}
}

// restart closes the ledger and opens it again, as a new process would.
func (w *world) restart(path string, cfg ledger.Config) {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	next := stored(w.t, path, cfg)
	w.Ledger = next.Ledger
}

func TestARestartGoesOnWhereTheLedgerStood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	w := stored(t, path, defaults())
	w.sweep(ended("base", noon), ended("late", noon, participants(meeting.Absent)))
	w.pass(time.Minute)
	w.tail(ended("a", noon), ended("b", noon, department("legal"), recorded), ended("c", noon, webinar, lasting(0)))
	w.tail(ended("a", noon.Add(-time.Hour), participants(12)), ended("late", noon, participants(3)))
	w.release()
	w.tail(ended("d", noon, department("later")))

	before := w.Snapshot()
	from := w.SweepFrom(w.now)
	w.restart(path, defaults())
	after := w.Snapshot()
	want(t, "counters", after.Totals(), before.Totals())
	want(t, "gauges", after.Recent(w.now), before.Recent(w.now))
	want(t, "size", after.Size(), before.Size())
	want(t, "created", after.Created(), before.Created())
	want(t, "last poll", after.LastPoll(), before.LastPoll())
	want(t, "last sweep", after.LastSweep(), before.LastSweep())
	want(t, "what a sweep reads", w.SweepFrom(w.now), from)
	newest, _ := before.NewestEnd()
	gotNewest, _ := after.NewestEnd()
	want(t, "newest end", gotNewest, newest)
	for _, typ := range meeting.Types() {
		want(t, "durations", after.Durations(typ), before.Durations(typ))
		want(t, "participants", after.Participants(typ), before.Participants(typ))
	}

	w.tail(ended("a", noon.Add(-time.Hour), participants(13)), ended("base", noon), ended("e", noon))
	want(t, "counters go on", w.scrape()[sales], ledger.Sums{Meetings: 2, DurationSeconds: 7200, Participants: 26, Terminals: 4})
}

func TestTheFirstSweepAfterARestartCountsWhatWasMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	w := stored(t, path, defaults())
	w.sweep(ended("base", noon))
	w.restart(path, defaults())
	w.pass(3 * 24 * time.Hour)
	want(t, "what a sweep reads", w.SweepFrom(w.now), noon.Add(-54*time.Hour))
	w.sweep(ended("missed", noon.Add(time.Hour)), ended("before the reach", noon.Add(-60*time.Hour)))
	want(t, "counters", w.scrape(), sumsOf{sales: one})
}

func TestAHeldSeriesStartsAtZeroAgainAfterARestartAndAReleasedOneDoesNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	w := stored(t, path, defaults())
	w.sweep()
	w.tail(ended("a", noon))
	w.scrape()
	w.pass(time.Minute) // due, but the process ends first
	w.restart(path, defaults())
	want(t, "held", w.scrape(), sumsOf{sales: zero})
	w.idle()
	want(t, "held until it was served for an interval again", w.scrape(), sumsOf{sales: zero})
	w.pass(time.Minute)
	w.idle()
	w.restart(path, defaults())
	want(t, "released", w.scrape(), sumsOf{sales: one})
}

func TestForgettingReachesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	w := stored(t, path, defaults())
	w.sweep(ended("a", noon), ended("b", noon, department("legal")))
	w.tail(ended("a", noon.Add(2*time.Hour))) // its end moves, and its key with it
	w.pass(100 * time.Hour)
	w.sweep(ended("c", w.now))
	w.restart(path, defaults())
	want(t, "remembered", w.Snapshot().Size(), 1)
	want(t, "label sets", names(w.recent()), []string{"legal", "sales"})
}

func TestALowerCapRemovesNoDepartmentAndAHigherOneAdmitsNewOnes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	cfg := defaults()
	cfg.MaxDepartments = 2
	w := stored(t, path, cfg)
	w.sweep(ended("1", noon, department("a")), ended("2", noon, department("b")))
	cfg.MaxDepartments = 1
	w.restart(path, cfg)
	w.tail(ended("3", noon, department("b")), ended("4", noon, department("c")))
	want(t, "lower", names(w.recent()), []string{"a", "b", "other"})
	want(t, "folded", w.Snapshot().Folded(), int64(1))
	cfg.MaxDepartments = 3
	w.restart(path, cfg)
	w.tail(ended("5", noon, department("c")))
	want(t, "higher", names(w.recent()), []string{"a", "b", "c", "other"})
	want(t, "folded", w.Snapshot().Folded(), int64(1))
}

func TestAFileThatCannotBeTheLedgerIsRefusedInWordsAndLeftAsItIs(t *testing.T) {
	valid := filepath.Join(t.TempDir(), "valid.db")
	w := stored(t, valid, defaults())
	w.sweep(ended("a", noon))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		owner string
		spoil func(t *testing.T, path string)
		words string
	}{
		"other owner":   {"another", nil, "another endpoint"},
		"newer version": {owner, func(t *testing.T, path string) { putHead(t, path, "version", 2) }, "newer version"},
		"no ledger":     {owner, func(t *testing.T, path string) { otherDatabase(t, path) }, "not a ledger"},
		"text":          {owner, func(t *testing.T, path string) { write(t, path, strings.Repeat("text ", 10_000)) }, "damaged"},
		"a few bytes":   {owner, func(t *testing.T, path string) { write(t, path, "x") }, "damaged"},
		"cut off":       {owner, func(t *testing.T, path string) { truncate(t, path, 3*4096) }, "damaged"},
		"directory": {owner, func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		"device": {owner, func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
		"in use": {owner, func(t *testing.T, path string) { stored(t, path, defaults()) }, "in use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			content, err := os.ReadFile(valid)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, string(content))
			if c.spoil != nil {
				c.spoil(t, path)
			}
			before := read(path)
			_, err = ledger.Open(path, defaults(), c.owner, noon)
			if err == nil || !strings.Contains(err.Error(), c.words) || !errors.Is(err, ledger.ErrStorage) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %q, want one line with %q", err, c.words)
			}
			if read(path) != before {
				t.Error("the file was changed")
			}
		})
	}
}

func TestAPlaceThatCannotBeWrittenIsRefused(t *testing.T) {
	for _, path := range []string{"/proc/ledger.db", filepath.Join(t.TempDir(), "missing", "ledger.db")} {
		if _, err := ledger.Open(path, defaults(), owner, noon); !errors.Is(err, ledger.ErrStorage) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestAnEmptyFileIsANewLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	write(t, path, "")
	w := stored(t, path, defaults())
	w.restart(path, defaults()) // before the first commit
	w.sweep(ended("a", noon))
	want(t, "counters", w.scrape(), sumsOf{sales: zero})
}

// TestAFullDisk runs itself in a process of its own, whose files may not grow.
func TestAFullDiskIsAnErrorThatPassesAndLosesNothing(t *testing.T) {
	if os.Getenv("LEDGER_TEST_FULL_DISK") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "LEDGER_TEST_FULL_DISK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	w := stored(t, path, defaults())
	w.sweep(ended("base", noon))
	w.tail(ended("a", noon))

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	setLimit := func(n uint64) {
		limit.Cur = n
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	unlimited := limit.Cur
	setLimit(uint64(len(read(path))))
	many := manyMeetings(3000) // all of them within reach
	for range 3 {
		err := w.Apply(ledger.Poll{Sweep: true, From: w.SweepFrom(noon), Began: noon, Ended: noon, Meetings: ledger.BatchOf(many...)}, noon)
		if !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), "file too large") {
			t.Fatalf("got error %v", err)
		}
		want(t, "counters", w.scrape(), sumsOf{sales: one})
		want(t, "remembered", w.Snapshot().Size(), 2)
	}
	setLimit(unlimited)
	w.sweep(many...)
	w.release()
	var counted int64
	for _, s := range w.scrape() {
		counted += s.Meetings
	}
	want(t, "counted", counted, int64(3001))
	before := w.scrape()
	w.restart(path, defaults())
	want(t, "stored", w.scrape(), before)
}

func TestDamageOfAnyValueIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	w := stored(t, path, defaults())
	w.sweep(ended("base", noon))
	w.tail(ended("a", noon, department("legal")))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := read(path)
	for _, bucket := range []string{"head", "names", "series", "values", "meetings"} {
		t.Run(bucket, func(t *testing.T) {
			t.Parallel()
			for _, damage := range []string{"flip", "remove first", "remove last", "swap"} {
				path := filepath.Join(t.TempDir(), damage)
				write(t, path, whole)
				damageValue(t, path, bucket, damage)
				if _, err := ledger.Open(path, defaults(), owner, noon); !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), "damaged") {
					t.Errorf("%s: got %v", damage, err)
				}
			}
		})
	}
}

// damageValue spoils, removes or exchanges values of a bucket.
func damageValue(t *testing.T, path, bucket, damage string) {
	t.Helper()
	inDatabase(t, path, func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		first, v := b.Cursor().First()
		last, w := b.Cursor().Last()
		v, w = bytes.Clone(v), bytes.Clone(w)
		switch damage {
		case "remove first":
			return b.Delete(first)
		case "remove last":
			return b.Delete(last)
		case "swap":
			return errors.Join(b.Put(first, w), b.Put(last, v))
		}
		v[0] ^= 1
		return b.Put(first, v)
	})
}

func putHead(t *testing.T, path, key string, version uint32) {
	t.Helper()
	inDatabase(t, path, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("head")).Put([]byte(key), ledger.Seal([]byte(key), version))
	})
}

func otherDatabase(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	inDatabase(t, path, func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("something else"))
		return err
	})
}

func inDatabase(t *testing.T, path string, f func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns the content of a file, and nothing of what is not one.
func read(path string) string {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	content, _ := os.ReadFile(path)
	return string(content)
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}
