package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

const (
	// mostGrowth is how many times as high memory may be later as it was before.
	// Peaks differ a little by where in a poll they are seen, while what is kept
	// adds up.
	mostGrowth = 1.10
	// enough scrapes, those of two minutes, are needed to compare thirds. What is
	// shorter is a trial.
	enough = int(2 * time.Minute / scrapeEvery)
	// targetRatio is told, not asserted: the machine may be busy otherwise.
	targetRatio = 3.0
)

// tireless are flags for polls that follow each other at once.
var tireless = []string{
	"--history.interval=1ms",
	"--history.sweep-interval=1ms",
	fmt.Sprint("--history.max-departments=", loadDepartments),
	"--huaweicloud.max-requests-per-minute=1000000000",
	"--huaweicloud.timeout=24h", // polls are held back for the times without them
}

// TestLoadLeavesNothingBehind scrapes for LOAD while polls follow each other,
// and for a quarter of it before and after while none goes on.
func TestLoadLeavesNothingBehind(t *testing.T) {
	length := loadLength(t)
	service := newMovingService()
	url := listen(t, service)
	args := append(signIn(t, url, testAppKey), "--storage.path="+filepath.Join(t.TempDir(), "ledger"))
	p, exporterURL := serve(t, append(args, tireless...)...)
	s := newScraper(t, exporterURL)
	service.awaitHeld(t) // the first sweep is complete

	var atRest []reading
	for range 20 { // the scrape itself has goroutines that come and go
		atRest = append(atRest, s.alone(t))
	}
	before := reading{goroutines: least(atRest, goroutines), descriptors: least(atRest, descriptors)}

	t.Logf("scraping for %s without polls, for %s with them, and for %s without", length/4, length, length/4)
	quiet := s.phase(t.Context(), length/4)
	service.letPollsGo()
	loaded := s.phase(t.Context(), length)
	service.holdPolls(t)
	quietAgain := s.phase(t.Context(), length/4)
	t.Logf("\n%s", loadReport(quiet, loaded, quietAgain))

	for _, r := range slices.Concat(quiet, loaded, quietAgain) {
		if r.err != nil {
			t.Fatalf("a scrape failed: %v", r.err)
		}
	}
	checkPolls(t, loaded)
	checkMemory(t, quiet, loaded, quietAgain)
	var after reading
	await(t, 2*slowest, func() string { // idle connections live for 30 s
		if after = s.alone(t); after.goroutines > before.goroutines || after.descriptors > before.descriptors {
			return fmt.Sprintf("got %v goroutines and %v descriptors, want the %v and %v before the load",
				after.goroutines, after.descriptors, before.goroutines, before.descriptors)
		}
		return ""
	})
	t.Logf("at rest before and after: %v and %v goroutines, %v and %v descriptors", before.goroutines, after.goroutines, before.descriptors, after.descriptors)

	counted := 0.0
	for _, n := range newScrape(t, exporterURL).series("ended_meetings_total") {
		counted += n
	}
	if want := float64(service.published()); after.failures != 0 || counted != want {
		t.Errorf("got %v failed polls and %v meetings counted, want none and the %v published", after.failures, counted, want)
	}
	if status, took := p.stop(t, syscall.SIGTERM); status != 0 || took > stopWithin {
		t.Errorf("got exit status %d after %s, want 0 within %s", status, took, stopWithin)
	}
}

// loadLength reads LOAD. Without it, the test is not run: it takes real time.
func loadLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("LOAD")
	if text == "" {
		t.Skip("run it with make load")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the exporter tells its memory and descriptors on Linux")
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < 10*time.Second {
		t.Fatalf("LOAD=%s: want a duration of at least 10s", text)
	}
	return length
}

// checkPolls makes sure that polls have gone on all the time.
func checkPolls(t *testing.T, loaded []reading) {
	t.Helper()
	parts := slices.Collect(slices.Chunk(loaded, (len(loaded)+2)/3))
	if len(loaded) < enough {
		parts = [][]reading{loaded}
	}
	for i, part := range parts {
		if part[0].polls == part[len(part)-1].polls {
			t.Errorf("no poll in part %d of %d of the load", i+1, len(parts))
		}
	}
}

// checkMemory makes sure that neither polls nor scrapes keep memory.
func checkMemory(t *testing.T, quiet, loaded, quietAgain []reading) {
	t.Helper()
	first, last := loaded[:len(loaded)/3], loaded[len(loaded)*2/3:]
	for _, memory := range []struct {
		what    string
		was, is float64
	}{
		{"least live heap, before the load and after it", least(quiet, live), least(quietAgain, live)},
		{"highest live heap, in the first third of the load and in the last", most(first, live), most(last, live)},
		{"highest resident memory, in the first third of the load and in the last", most(first, rss), most(last, rss)},
	} {
		t.Logf("%s: %.1f MB and %.1f MB", memory.what, memory.was/1e6, memory.is/1e6)
		if memory.is > mostGrowth*memory.was && len(loaded) >= enough {
			t.Errorf("%s: it grew by %.0f %%, want at most %.0f %%", memory.what, 100*(memory.is/memory.was-1), 100*(mostGrowth-1))
		}
	}
}

// loadReport is a table of the phases, minute by minute where polls go on, and
// the ratio that matters. CPU time is in seconds each second; that of others
// tells whether the machine was free enough to believe the rest.
func loadReport(quiet, loaded, quietAgain []reading) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tscrapes\tfailed\tp50 ms\tp99 ms\tmax ms\tpolls\tCPU\tother CPU\tleast live MB\tlive MB\tRSS MB\tgoroutines\tdescriptors\t")
	row := func(name string, all []reading) {
		readings := succeeded(all)
		if len(readings) == 0 {
			return
		}
		first, last := readings[0], readings[len(readings)-1]
		each := func(whole float64) float64 { return whole / (time.Duration(len(all)) * scrapeEvery).Seconds() }
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n",
			name, len(all), len(all)-len(readings), percentile(all, 50), percentile(all, 99), percentile(all, 100),
			last.polls-first.polls, each(last.cpu-first.cpu), each(last.others-first.others),
			least(readings, live)/1e6, most(readings, live)/1e6, most(readings, rss)/1e6,
			most(readings, goroutines), most(readings, descriptors))
	}
	row("before", quiet)
	minute := 0
	for readings := range slices.Chunk(loaded, int(time.Minute/scrapeEvery)) {
		minute++
		row(fmt.Sprint("minute ", minute), readings)
	}
	row("with polls", loaded)
	row("after", quietAgain)
	table.Flush()

	without := slices.Concat(quiet, quietAgain)
	ratio := percentile(loaded, 99) / percentile(without, 99)
	verdict := "met"
	if ratio > targetRatio {
		verdict = "missed"
	}
	fmt.Fprintf(&b, "p99 of the scrapes: %s ms with polls, %s ms without, %.1f times as long; the target of at most %.0f times is %s.\n",
		percentile(loaded, 99), percentile(without, 99), ratio, targetRatio, verdict)
	return b.String()
}
