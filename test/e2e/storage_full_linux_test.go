package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		room     func(file int64) uint64
		meetings func(file int64) int // that are listed meanwhile
	}{
		"no room for a byte":        {func(int64) uint64 { return 0 }, func(int64) int { return 1 }},
		"no room for a longer file": {func(file int64) uint64 { return uint64(file) }, func(file int64) int { return int(file) / 100 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newQuietEnterprise(t)
			p, exporterURL := e.serve(t, everySecond)
			awaitReady(t, exporterURL)
			e.publish(t, ended("first", existing, 3, time.Now()))
			stored := e.expected()
			stored.await(t, exporterURL)

			file, err := os.Stat(e.ledger)
			if err != nil {
				t.Fatal(err)
			}
			limitFileSize(t, p, c.room(file.Size()))
			e.publish(t, manyEnded(c.meetings(file.Size()))...)
			e.publish(t, ended("founded", founded, 8, time.Now()))
			full := awaitFailures(t, exporterURL, "storage", 2)
			stored.check(t, "while the disk is full", full)
			full.checkUp(t, "while the disk is full", 0)

			limitFileSize(t, p, unlimited)
			checkRoomAgain(t, e, p, exporterURL)
		})
	}
}

func TestFullDiskAtFirstStart(t *testing.T) {
	t.Parallel()
	e := newQuietEnterprise(t)
	args := []string{"-c", `ulimit -S -f 0; exec "$0" "$@"`, exporter, "--web.listen-address=127.0.0.1:0"}
	p := start(t, "sh", slices.Concat(args, e.flags, everySecond)...)
	exporterURL := p.url(t)
	awaitFailures(t, exporterURL, "storage", 2).checkUp(t, "while the disk is full", 0)

	limitFileSize(t, p, unlimited)
	awaitReady(t, exporterURL) // with the baseline
	e.publish(t, ended("first", existing, 3, time.Now()))
	checkRoomAgain(t, e, p, exporterURL)
}

// checkRoomAgain checks that the exporter counts and stores everything once the
// disk has room, and that the log has one line for each failed poll, with the
// path of the ledger or of a file beside it and the error of the operating
// system.
func checkRoomAgain(t *testing.T, e *enterprise, p *process, exporterURL string) {
	t.Helper()
	x := e.expected()
	x.await(t, exporterURL)
	again := awaitUp(t, exporterURL)
	log := p.stderr.String()
	lines := linesWith(log, "level=error")
	if diff := cmp.Diff(series{`{reason="storage"}`: float64(len(lines))}, again.failures()); diff != "" {
		t.Errorf("failures by reason, compared with %d errors in the log (-want +got):\n%s", len(lines), diff)
	}
	want := regexp.MustCompile(`reason=storage .*` + regexp.QuoteMeta(filepath.Dir(e.ledger)) + `/\.?ledger.*file too large`)
	for _, line := range lines {
		if !want.MatchString(line) {
			t.Errorf("got in the log\n%s\nwant it to match %s", line, want)
		}
	}
	if got := len(linesWith(log, `msg="Poll succeeded"`)); got != 1 {
		t.Errorf("got %d lines of a poll that succeeded, want 1: after the failures", got)
	}
	p.kill(t)
	_, exporterURL = e.serve(t, oneSweepOnly)
	x.check(t, "after a crash", newScrape(t, exporterURL))
}

// manyEnded returns meetings for which a ledger needs room.
func manyEnded(n int) []simulator.Record {
	records := make([]simulator.Record, n)
	for i := range records {
		records[i] = ended(fmt.Sprintf("one of many %d", i), existing, i%30, time.Now())
	}
	return records
}

const unlimited = ^uint64(0)

// limitFileSize limits the size of the files that a running process writes. To
// the process it looks much like a full disk.
func limitFileSize(t *testing.T, p *process, size uint64) {
	t.Helper()
	var limit syscall.Rlimit
	prlimit := func(set, get *syscall.Rlimit) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.cmd.Process.Pid), syscall.RLIMIT_FSIZE,
			uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(get)), 0, 0)
		if errno != 0 {
			t.Fatalf("prlimit: %v", errno)
		}
	}
	prlimit(nil, &limit)
	limit.Cur = min(size, limit.Max)
	prlimit(&limit, nil)
}
