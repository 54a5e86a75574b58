package ledger_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// TestFullDisk runs itself in a process of its own, whose files may not grow.
func TestFullDisk(t *testing.T) {
	if os.Getenv("LEDGER_TEST_FULL_DISK") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "LEDGER_TEST_FULL_DISK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	var limit syscall.Rlimit
	ok(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	unlimited := limit.Cur
	setLimit := func(n uint64) {
		limit.Cur = n
		ok(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	}
	w := newStoredWorld(t)
	refused := func(meetings ...meeting.Meeting) {
		t.Helper()
		before := viewOf(w.Ledger, noon)
		err := w.Apply(w.sweepPoll(meetings...), w.now)
		if !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), "file too large") {
			t.Fatalf("got error %v", err)
		}
		want(t, "after a full disk", viewOf(w.Ledger, noon), before)
	}
	setLimit(10)
	refused(ended("base", noon)) // the first commit
	setLimit(unlimited)
	w.sweep(ended("base", noon))
	w.tail(ended("a", noon))

	many := manyMeetings(3000) // all of them within reach
	size := len(read(w.path))
	setLimit(uint64(size + 100))
	for range 3 {
		refused(many...)
		want(t, "size of the file", len(read(w.path)), size)
	}
	w.RewriteNext()
	refused(many...)
	setLimit(uint64(size + 1000))
	w.RewriteNext()
	w.tail(ended("b", noon))
	setLimit(unlimited)
	w.sweep(many...)
	w.release()
	var counted int64
	for _, s := range w.totals() {
		counted += s.Meetings
	}
	want(t, "counted", counted, 3002)
	before := viewOf(w.Ledger, w.now)
	w.restart(defaults())
	want(t, "stored", viewOf(w.Ledger, w.now), before)
	leftovers, err := filepath.Glob(filepath.Join(filepath.Dir(w.path), ".*"))
	want(t, "leftovers", leftovers, nil)
	ok(t, err)
}
