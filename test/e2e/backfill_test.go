package e2e_test

import (
	"bytes"
	"fmt"
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

func TestBackfillGoesOnLive(t *testing.T) {
	t.Parallel()
	e := newEnterprise(t, simulator.Config{
		Seed: 7, MeetingsPerDay: 400, Worldwide: true, History: 6 * 24 * time.Hour, PublicationDelay: time.Second,
	})
	const job = "meetings"
	now := e.now().UTC()
	begin := now.Truncate(24 * time.Hour).Add(-2 * 24 * time.Hour)
	seam := begin.Add(24 * time.Hour)
	end := now.Add(-3*time.Hour - time.Minute).Truncate(5 * time.Minute)
	address, first, second, blocks := freeAddress(t), t.TempDir(), t.TempDir(), t.TempDir()
	flags := slices.Concat(e.flags, []string{"--huaweicloud.max-requests-per-minute=60000"})

	// Two runs, of which the second seeds the ledger.
	backfill := func(from, to time.Time, dir string) []string {
		return append([]string{
			"backfill", "--from=" + from.Format(time.RFC3339), "--to=" + to.Format(time.RFC3339),
			"--output=" + filepath.Join(dir, "history"), "--job=" + job, "--instance=" + address,
		}, flags...)
	}
	unseeded := slices.DeleteFunc(backfill(begin, seam, first), func(flag string) bool { return strings.HasPrefix(flag, "--storage.path=") })
	for _, args := range [][]string{unseeded, backfill(seam, end, second)} {
		p := start(t, exporter, args...)
		if status := p.exitStatus(t); status != 0 {
			t.Fatalf("backfill: got exit status %d, want 0", status)
		}
		for _, line := range linesWith(p.stderr.String(), "finished") {
			if !strings.Contains(line, "left_out=0 retries=0 requests=") {
				t.Errorf("got %s", line)
			}
		}
	}
	refused(t, backfill(seam, end, second), "--storage.path: "+e.ledger+" already contains counted meetings")
	refused(t, append(unseeded, "--label=site=east"), `holds another backfill: --label=site was not set and is now "east"`)

	written := map[string]float64{}
	makeBlocks(t, first, blocks, written)
	makeBlocks(t, second, blocks, written)
	p := startPrometheus(t, configure(t, time.Second, nil, address, job), blocks)
	for name, want := range written {
		expression := fmt.Sprintf(`sum(count_over_time(%s{job=%q, instance=%q}[%ds]))`, name, job, address, int(end.Sub(begin).Seconds())+1)
		if diff := cmp.Diff(series{"{}": want}, p.query(t, end, expression)); diff != "" {
			t.Errorf("samples of %s (-written +stored):\n%s", name, diff)
		}
	}
	// different returns how the increase between two times differs from the
	// meetings that ended between them.
	different := func(from, to time.Time) string {
		want := counters(endedWithin(e, from, to))
		for _, values := range want {
			for labels, value := range values {
				if value == 0 {
					delete(values, labels)
				}
			}
		}
		expression := fmt.Sprintf("increase(huaweicloud_meeting_%%s{job=%q}[%dms] anchored) > 0", job, to.Sub(from).Milliseconds())
		if different := want.different(p.reader(t, to, expression)); different != "" {
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

	start(t, exporter, append(flags, "--web.listen-address="+address,
		"--history.interval=3s", "--history.sweep-interval=6s", "--history.tail=30m", "--history.hold=0s")...)
	e.resume()
	late := ended("late", founded, 3, time.Now()) // it ended before the end of the backfill
	late.Start, late.End = end.Add(-2*time.Hour), end.Add(-time.Hour)
	e.Add(late)
	await(t, deadline, func() string {
		now = time.Now()
		return different(begin, now)
	})
	if different := different(end.Truncate(24*time.Hour), now); different != "" {
		t.Error(different)
	}
	for _, sum := range sums {
		for labels, samples := range p.samples(t, seam, now, fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", sum.counter, job)) {
			if !slices.IsSorted(samples) {
				t.Errorf("%s%s: got samples that fall", sum.counter, labels)
			}
		}
	}
}

// makeBlocks makes a block of each file in the directory history, with the
// command of the documentation. It counts the samples of each metric in the
// files.
func makeBlocks(t *testing.T, dir, blocks string, samples map[string]float64) {
	t.Helper()
	before := countBlocks(t, blocks)
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
