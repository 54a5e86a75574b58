package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

const seamConfig = `
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: %s
    static_configs: [{targets: ['%s']}]
`

func TestBackfilledHistoryGoesOnLive(t *testing.T) {
	t.Parallel()
	clock := &clock{}
	service, url := newService(t, simulator.Config{
		Now: clock.Now, Seed: 7, MeetingsPerDay: 400, Worldwide: true, History: 6 * 24 * time.Hour, PublicationDelay: time.Second,
	})
	stopped := clock.stop()
	const job = "meetings"
	address, ledger, files, blocks := lastingAddress(t), filepath.Join(t.TempDir(), "ledger"), t.TempDir(), t.TempDir()
	begin := stopped.UTC().Truncate(24 * time.Hour).Add(-2 * 24 * time.Hour)
	end := stopped.UTC().Add(-3*time.Hour - time.Minute).Truncate(5 * time.Minute)
	wayIn := append(signIn(t, url, testAppKey), "--storage.path="+ledger, "--huaweicloud.max-requests-per-minute=60000")

	backfill := append([]string{
		"backfill", "--from=" + begin.Format(time.DateOnly), "--to=" + end.Format(time.RFC3339),
		"--output=" + files, "--job=" + job, "--instance=" + address,
	}, wayIn...)
	if status := start(t, exporter, backfill...).status(t); status != 0 {
		t.Fatalf("backfill: got exit status %d, want 0", status)
	}
	refused(t, backfill, "--storage.path: "+ledger+" counts already")

	written := makeBlocks(t, files, blocks)
	p := newPrometheusOn(t, blocks, fmt.Sprintf(seamConfig, job, address))
	for name, want := range written {
		expression := fmt.Sprintf(`sum(count_over_time(%s{job=%q, instance=%q}[%ds]))`, name, job, address, int(end.Sub(begin).Seconds())+1)
		if diff := cmp.Diff(series{"{}": want}, p.at(t, end, expression)); diff != "" {
			t.Errorf("samples of %s (-written +taken in):\n%s", name, diff)
		}
	}
	for day := begin; day.Before(end); day = day.Add(24 * time.Hour) {
		until := day.Add(24 * time.Hour)
		if until.After(end) {
			until = end
		}
		if different := differentIncrease(t, p, job, day, until, endedIn(service, stopped, day, until)); different != "" {
			t.Error(different)
		}
	}

	start(t, exporter, append(wayIn, "--web.listen-address="+address,
		"--history.interval=3s", "--history.sweep-interval=6s", "--history.tail=30m")...)
	clock.goOn()
	late := ended("across the seam", newborn, 3, time.Now())
	late.Start, late.End = end.Add(-2*time.Hour), end.Add(-time.Hour) // published after the backfill
	service.Add(late)
	var now time.Time
	await(t, slowest, func() string {
		now = time.Now()
		return differentIncrease(t, p, job, begin, now, endedIn(service, now, begin, now))
	})
	midnight := end.Truncate(24 * time.Hour)
	if different := differentIncrease(t, p, job, midnight, now, endedIn(service, now, midnight, now)); different != "" {
		t.Error(different)
	}
	for _, metric := range sums {
		for labels, samples := range p.samples(t, begin, now, fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", metric.total, job)) {
			if !slices.IsSorted(samples) {
				t.Errorf("%s%s: got samples that fall", metric.total, labels)
			}
		}
	}
}

// makeBlocks makes blocks of all files, and returns how many samples of each
// metric they hold.
func makeBlocks(t *testing.T, files, blocks string) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	paths, err := filepath.Glob(filepath.Join(files, "*.om"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got files %v, %v", paths, err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			if name, _, _ := bytes.Cut(line, []byte("{")); line[0] != '#' {
				samples[string(name)]++
			}
		}
		made, err := exec.CommandContext(t.Context(), tool(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", path, blocks).CombinedOutput()
		if err != nil {
			t.Fatalf("promtool: %v\n%s", err, made)
		}
	}
	return samples
}

// endedIn adds up what is listed at an instant and ended between two others,
// the second excluded.
func endedIn(service *simulator.Service, listed, begin, end time.Time) totals {
	within := simulator.New(simulator.Config{Now: func() time.Time { return listed }})
	for _, r := range service.Records(listed) {
		if e := r.End.Truncate(time.Minute); !e.Before(begin) && e.Before(end) {
			within.Add(r)
		}
	}
	return within.Listed(listed)
}

// differentIncrease says how the increase between two instants differs from
// the truth. A series that did not rise counts as none.
func differentIncrease(t *testing.T, p prometheus, job string, begin, end time.Time, truth totals) string {
	t.Helper()
	for _, metric := range sums {
		expression := fmt.Sprintf("increase(huaweicloud_meeting_%s{job=%q}[%sms] anchored) > 0", metric.total, job, strconv.FormatInt(end.Sub(begin).Milliseconds(), 10))
		want := seriesOf(truth, metric.of)
		for labels, value := range want {
			if value == 0 {
				delete(want, labels)
			}
		}
		if diff := cmp.Diff(want, p.at(t, end, expression)); diff != "" {
			return fmt.Sprintf("%s from %s to %s (-want +got):\n%s", expression, begin, end, strings.TrimSpace(diff))
		}
	}
	return ""
}
