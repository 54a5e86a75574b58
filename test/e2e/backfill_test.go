package e2e_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

// pastJob is the job of the backfilled series.
const pastJob = "meetings"

// past is the history that a test backfills in two runs, of which the second
// seeds the ledger.
type past struct {
	*enterprise
	address          string // of the live exporter
	begin, seam, end time.Time
}

func newPast(t *testing.T) *past {
	e := newEnterprise(t, simulator.Config{
		Seed: 7, MeetingsPerDay: 400, Worldwide: true, History: 6 * 24 * time.Hour, PublicationDelay: time.Second,
	})
	now := e.now().UTC()
	begin := now.Truncate(24 * time.Hour).Add(-2 * 24 * time.Hour)
	return &past{
		enterprise: e, address: freeAddress(t), begin: begin, seam: begin.Add(24 * time.Hour),
		end: now.Add(-3*time.Hour - time.Minute).Truncate(5 * time.Minute),
	}
}

// args returns the arguments of a backfill that does not seed the ledger.
func (p *past) args(from, to time.Time, dir string, more ...string) []string {
	unseeded := slices.DeleteFunc(slices.Clone(p.flags), func(flag string) bool { return strings.HasPrefix(flag, "--storage.path=") })
	return slices.Concat([]string{
		"backfill", "--from=" + from.Format(time.RFC3339), "--to=" + to.Format(time.RFC3339),
		"--output=" + filepath.Join(dir, "history"), "--job=" + pastJob, "--instance=" + p.address, "--huaweicloud.max-requests-per-minute=60000",
	}, unseeded, more)
}

// backfill runs a backfill in which nothing fails.
func (p *past) backfill(t *testing.T, args []string) {
	t.Helper()
	run := start(t, exporter, args...)
	if status := run.exitStatus(t); status != 0 {
		t.Fatalf("backfill: got exit status %d, want 0", status)
	}
	log := run.stderr.String()
	for _, line := range linesWith(log, "finished") {
		if !strings.Contains(line, "left_out=0 retries=0 requests=") {
			t.Errorf("got %s", line)
		}
	}
	if strings.Contains(log, "trying again") {
		t.Errorf("got\n%s", log)
	}
}

func TestBackfillGoesOnLive(t *testing.T) {
	t.Parallel()
	for name, bring := range map[string]func(*testing.T, *past) backfilled{"files": byFiles, "remote write": byRemoteWrite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			past := newPast(t)
			testBackfilled(t, past, bring(t, past))
		})
	}
}

// backfilled is a store with the samples of a backfill.
type backfilled struct {
	prometheus
	increase string             // of a range, to the end of the range and without extrapolation
	written  map[string]float64 // the number of samples of each metric
}

// anchored is the exact increase of Prometheus.
const anchored = "increase(%s anchored)"

// byFiles backfills with files.
func byFiles(t *testing.T, past *past) backfilled {
	first, second, blocks := t.TempDir(), t.TempDir(), t.TempDir()
	unseeded, seeded := past.args(past.begin, past.seam, first), past.args(past.seam, past.end, second, "--storage.path="+past.ledger)
	past.backfill(t, unseeded)
	past.backfill(t, seeded)
	refused(t, seeded, "--storage.path: "+past.ledger+" already contains counted meetings")
	refused(t, append(unseeded, "--label=site=east"), `holds another backfill: --label=site was not set and is now "east"`)
	makeBlocks(t, first, blocks)
	makeBlocks(t, second, blocks)
	p := startPrometheus(t, configure(t, time.Second, nil, past.address, pastJob), blocks)
	return backfilled{p, anchored, countSamples(t, first, second)}
}

// testBackfilled compares a store with the samples that were written and with
// the truth, also when the exporter goes on live.
func testBackfilled(t *testing.T, past *past, p backfilled) {
	begin, seam, end := past.begin, past.seam, past.end
	await(t, 4*deadline, func() string { // some stores show samples late
		for name, want := range p.written {
			expression := fmt.Sprintf(`sum(count_over_time(%s{job=%q, instance=%q}[%ds]))`, name, pastJob, past.address, int(end.Sub(begin).Seconds())+1)
			if diff := cmp.Diff(series{"{}": want}, p.query(t, end, expression)); diff != "" {
				return fmt.Sprintf("samples of %s (-written +stored):\n%s", name, diff)
			}
		}
		return ""
	})
	// different returns how the increase between two times differs from the
	// meetings that ended between them.
	different := func(from, to time.Time) string {
		want := counters(endedWithin(past.enterprise, from, to))
		for _, values := range want {
			for labels, value := range values {
				if value == 0 {
					delete(values, labels)
				}
			}
		}
		selector := fmt.Sprintf("huaweicloud_meeting_%%s{job=%q}[%dms]", pastJob, to.Sub(from).Milliseconds())
		if different := want.different(p.reader(t, to, fmt.Sprintf(p.increase, selector)+" > 0")); different != "" {
			return fmt.Sprintf("from %s to %s: %s", from, to, different)
		}
		return ""
	}
	for day := begin; day.Before(end); day = day.Add(24 * time.Hour) {
		until := day.Add(24 * time.Hour)
		if until.After(end) {
			until = end
		}
		if different := different(day, until); different != "" {
			t.Error(different)
		}
	}
	if different := different(seam.Add(-12*time.Hour), end); different != "" {
		t.Errorf("over the seam: %s", different)
	}
	testUsage(t, past, p)

	start(t, exporter, append(past.flags, "--huaweicloud.max-requests-per-minute=60000", "--web.listen-address="+past.address,
		"--history.interval=3s", "--history.sweep-interval=6s", "--history.tail=30m", "--history.hold=0s")...)
	past.resume()
	late := ended("late", founded, 3, time.Now()) // it ended before the end of the backfill
	late.Start, late.End = end.Add(-2*time.Hour), end.Add(-time.Hour)
	past.Add(late)
	var now time.Time
	await(t, deadline, func() string {
		now = time.Now()
		return different(begin, now)
	})
	// From the midnight before the late meeting, which may have ended the day before.
	if different := different(late.End.Truncate(24*time.Hour), now); different != "" {
		t.Error(different)
	}
	bucketsAt := func(at time.Time) []string {
		return slices.Sorted(maps.Keys(p.query(t, at, "huaweicloud_meeting_ended_duration_seconds_bucket")))
	}
	if diff := cmp.Diff(bucketsAt(end.Add(-time.Millisecond)), bucketsAt(now)); diff != "" {
		t.Errorf("buckets (-backfilled +live):\n%s", diff)
	}
	for _, sum := range sums {
		for labels, samples := range p.samples(t, seam, now, fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", sum.counter, pastJob)) {
			if !slices.IsSorted(samples) {
				t.Errorf("%s%s: got samples that fall", sum.counter, labels)
			}
		}
	}
}

// countSamples counts the samples of each metric in the files of backfills.
func countSamples(t *testing.T, dirs ...string) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "history", "*.om"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("got files %v, %v", paths, err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(content) {
				if name, _, _ := strings.Cut(string(line), "{"); name[0] != '#' {
					samples[name]++
				}
			}
		}
	}
	return samples
}

// makeBlocks makes a block of each file in the directory history, with the
// command of the documentation.
func makeBlocks(t *testing.T, dir, blocks string) {
	t.Helper()
	before := countBlocks(t, blocks)
	paths, err := filepath.Glob(filepath.Join(dir, "history", "*.om"))
	if err != nil {
		t.Fatal(err)
	}
	documentation, err := os.ReadFile("../../docs/backfill.md")
	if err != nil {
		t.Fatal(err)
	}
	loop := regexp.MustCompile(`(?ms)^ *for file in .*?done$`).FindString(string(documentation))
	sh := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(loop, "PROMETHEUS_DATA", blocks))
	sh.Dir = dir
	tool(t, "promtool") // which the loop finds in the same way
	if out, err := sh.CombinedOutput(); err != nil || loop == "" {
		t.Fatalf("%s: %v\n%s", loop, err, out)
	}
	// A day in 2028 takes two blocks.
	if n := countBlocks(t, blocks) - before; n < len(paths) || n > len(paths)+1 {
		t.Errorf("got %d blocks of %d files", n, len(paths))
	}
}

func countBlocks(t *testing.T, dir string) int {
	t.Helper()
	metas, err := filepath.Glob(filepath.Join(dir, "*", "meta.json"))
	if err != nil {
		t.Fatal(err)
	}
	return len(metas)
}

// endedWithin sums the listed meetings that ended from one time until before
// another.
func endedWithin(e *enterprise, from, to time.Time) totals {
	now := e.now()
	within := simulator.New(simulator.Config{Now: func() time.Time { return now }})
	for _, r := range e.Records(now) {
		if at := r.End.Truncate(time.Minute); !at.Before(from) && at.Before(to) {
			within.Add(r)
		}
	}
	return within.Listed(now)
}
