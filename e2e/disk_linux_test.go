package e2e_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

// unlimited is a size of files that stands for no limit.
const unlimited = ^uint64(0)

// limitFiles says up to which offset a running process may write to files. To
// the process, writing further looks much like a disk that is full.
func limitFiles(t *testing.T, pid int, size uint64) {
	t.Helper()
	var limit syscall.Rlimit
	prlimit := func(to, from *syscall.Rlimit) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
			uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(from)), 0, 0)
		if errno != 0 {
			t.Fatalf("prlimit: %v", errno)
		}
	}
	prlimit(nil, &limit)
	limit.Cur = min(size, limit.Max)
	prlimit(&limit, nil)
}

func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		room func(file int64) uint64
		many func(file int64) int // meetings that come meanwhile
	}{
		"no room for a byte":        {func(int64) uint64 { return 0 }, func(int64) int { return 1 }},
		"no room for a longer file": {func(file int64) uint64 { return uint64(file) }, func(file int64) int { return int(file) / 100 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStored(t)
			p, exporterURL := s.serve(t, brisk...)
			awaitReady(t, exporterURL)
			s.publish(t, ended("first", changing, 3, time.Now()))
			stored := s.truth()
			stored.await(t, exporterURL)

			file, err := os.Stat(s.path)
			if err != nil {
				t.Fatal(err)
			}
			limitFiles(t, p.cmd.Process.Pid, c.room(file.Size()))
			s.publish(t, meetingsOf(changing, c.many(file.Size()), time.Now())...)
			s.publish(t, ended("of a new department", newborn, 8, time.Now()))
			var full scrape
			await(t, slowest, func() string {
				full = newScrape(t, exporterURL)
				if got := full.failures()[`{reason="storage"}`]; got < 2 {
					return fmt.Sprintf("%v polls failed for the storage", got)
				}
				return ""
			})
			if different := stored.differs(full); different != "" {
				t.Errorf("while the disk is full: %s", different)
			}
			if got := full.sample("up"); got != "0" {
				t.Errorf("up while the disk is full: got %q, want 0", got)
			}

			limitFiles(t, p.cmd.Process.Pid, unlimited)
			whole := s.truth()
			whole.await(t, exporterURL)
			again := newScrape(t, exporterURL)
			if got := again.sample("up"); got != "1" {
				t.Errorf("up when there is room again: got %q, want 1", got)
			}
			failures := again.failures()
			checkStorageFailures(t, p, s.path, failures)
			p.kill(t)

			_, exporterURL = s.serve(t, patient...)
			if different := whole.differs(newScrape(t, exporterURL)); different != "" {
				t.Errorf("after a crash: %s", different)
			}
		})
	}
}

// meetingsOf returns meetings for which a ledger needs room.
func meetingsOf(labels simulator.Labels, n int, listed time.Time) []simulator.Record {
	records := make([]simulator.Record, n)
	for i := range records {
		records[i] = ended(fmt.Sprintf("one of many %d", i), labels, i%30, listed)
	}
	return records
}

// checkStorageFailures makes sure that no poll failed for another reason, and
// that the log says of each failure, in one line, which file is concerned and
// what the operating system says.
func checkStorageFailures(t *testing.T, p *process, path string, failures series) {
	t.Helper()
	var lines []string
	for _, line := range p.stderr.lines() {
		if strings.Contains(line, "level=error") {
			lines = append(lines, line)
		}
	}
	if diff := cmp.Diff(series{`{reason="storage"}`: float64(len(lines))}, failures); diff != "" {
		t.Errorf("failures by reason, against the %d errors in the log (-want +got):\n%s", len(lines), diff)
	}
	told := regexp.MustCompile(`reason=storage .*` + regexp.QuoteMeta(path) + `.*file too large`)
	for _, line := range lines {
		if !told.MatchString(line) {
			t.Errorf("got in the log\n%s\nwant it to match %s", line, told)
		}
	}
	if got := strings.Count(p.stderr.String(), "Poll succeeded again"); got != 1 {
		t.Errorf("got %d lines of success again, want 1", got)
	}
}
