package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"huaweicloud_meeting_exporter/test/fakeservice"
)

const (
	loadDepartments = 250
	loadTypes       = 4
	loadLabelSets   = loadDepartments * loadTypes
	// loadMeetings is how many meetings each poll reads, in 201 pages.
	loadMeetings = 100_000
	// loadNew is how many of them are new, so that each poll has something to
	// count and commit. To remember all of them takes less than 1 MB.
	loadNew = 20
	// loadNewInAll is enough for 500 polls. Later polls find nothing new.
	loadNewInAll = 500 * loadNew

	// maxGrowth is how many times memory may grow during the load. Peaks differ
	// a little by the moment of the scrape, but a leak adds up.
	maxGrowth = 1.10
	// enough scrapes, those of two minutes, make memory comparable.
	enough = int(2 * time.Minute / scrapeInterval)
	// goalRatio is how many times as long scrapes may take during the load. The
	// test only reports it, since other programs may use the machine.
	goalRatio = 3.0
)

// TestLoad scrapes for the time LOAD while polls follow each other, and for a
// quarter of it before and afterwards, while there are no polls.
func TestLoad(t *testing.T) {
	length := loadLength(t)
	service := newLoadService()
	flags := append(signIn(t, listen(t, fakeservice.Handler(service.page)), testAppKey),
		"--storage.path="+filepath.Join(t.TempDir(), "ledger"),
		"--history.interval=1ms", "--history.sweep-interval=1ms",
		fmt.Sprint("--history.max-departments=", loadDepartments),
		"--huaweicloud.max-requests-per-minute=1000000000",
		"--huaweicloud.timeout=24h") // polls wait while the test holds them
	service.hold.Lock()
	t.Cleanup(func() {
		service.hold.TryLock()
		service.hold.Unlock()
	})
	p, exporterURL := serve(t, flags...)
	s := newScraper(t, exporterURL)
	service.awaitHeld(t) // the first sweep is complete
	var idle []reading
	for range 20 { // the goroutines of the scrape itself vary
		idle = append(idle, s.idle(t))
	}

	t.Logf("scraping for %s without polls, for %s with polls, and for %s without", length/4, length, length/4)
	before := s.phase(t.Context(), length/4)
	service.hold.Unlock()
	loaded := s.phase(t.Context(), length)
	service.hold.Lock()
	service.awaitHeld(t)
	after := s.phase(t.Context(), length/4)
	for _, r := range slices.Concat(before, loaded, after) {
		if r.err != nil {
			t.Fatalf("a scrape failed: %v", r.err)
		}
	}
	t.Logf("\n%s", loadReport(before, loaded, after))

	checkPolls(t, loaded)
	checkMemory(t, before, loaded, after)
	wantGoroutines, wantDescriptors := percentile(idle, goroutines, 0), percentile(idle, descriptors, 0)
	var last reading
	await(t, 2*deadline, func() string { // idle connections live for 30 s
		if last = s.idle(t); last.goroutines > wantGoroutines || last.descriptors > wantDescriptors {
			return fmt.Sprintf("got %v goroutines and %v descriptors, want %v and %v as before the load",
				last.goroutines, last.descriptors, wantGoroutines, wantDescriptors)
		}
		return ""
	})
	counted := 0.0
	for _, n := range newScrape(t, exporterURL).series("ended_meetings_total") {
		counted += n
	}
	if want := float64(service.first.Load()); last.failures != 0 || counted != want {
		t.Errorf("got %v failed polls and %v meetings counted, want 0 and %v", last.failures, counted, want)
	}
	p.stop(t, syscall.SIGTERM)
}

// loadLength reads the variable LOAD. Without it, TestLoad is skipped.
func loadLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("LOAD")
	if text == "" {
		t.Skip("run it with make load")
	}
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux does the exporter show its memory and descriptors")
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < 10*time.Second {
		t.Fatalf("LOAD=%s: want a duration of at least 10s", text)
	}
	return length
}

// loadService lists loadMeetings meetings at any time. In each listing after the
// first, new meetings take the place of the oldest ones. A listing does not
// begin while the test holds polls.
type loadService struct {
	rows     [][]byte
	first    atomic.Int64 // of the rows that are listed
	listings atomic.Int64
	held     atomic.Int64 // requests
	hold     sync.Mutex   // locked while the test holds polls
}

func newLoadService() *loadService {
	records := fakeservice.Records(loadMeetings+loadNewInAll, time.Now())
	s := &loadService{rows: make([][]byte, len(records))}
	for i := range records {
		r := &records[i]
		r.DeptName = fmt.Sprintf("Department %03d", i%loadDepartments)
		r.ConfType = []string{"IMMEDIATELY", "FUTURE", "CYCLE", "FUTURE"}[i/loadDepartments%loadTypes]
		r.ConferenceType, r.Webinar = nil, new(i/loadDepartments%loadTypes == 3)
		s.rows[i] = fakeservice.Encode(r)
	}
	return s
}

// page returns a page of the history.
func (s *loadService) page(r *http.Request) []byte {
	offset, limit := fakeservice.Number(r, "offset"), fakeservice.Number(r, "limit")
	if offset >= loadMeetings {
		return nil
	}
	if offset == 0 && s.listings.Add(1) > 1 {
		s.held.Add(1)
		s.hold.Lock()
		s.held.Add(-1)
		s.first.Store(min(s.first.Load()+loadNew, loadNewInAll))
		s.hold.Unlock()
	}
	listed := s.rows[s.first.Load():][:loadMeetings]
	return fakeservice.Page(listed[offset:min(offset+limit, loadMeetings)], loadMeetings)
}

// awaitHeld waits until the current poll has ended and the next one is held.
func (s *loadService) awaitHeld(t *testing.T) {
	t.Helper()
	await(t, 2*deadline, func() string {
		if s.held.Load() == 0 {
			return "no poll is held"
		}
		return ""
	})
}

// checkPolls checks that polls ended in each third of the load.
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

// checkMemory checks that the load does not leak memory.
func checkMemory(t *testing.T, before, loaded, after []reading) {
	t.Helper()
	first, last := loaded[:len(loaded)/3], loaded[len(loaded)*2/3:]
	for _, memory := range []struct {
		what    string
		was, is float64
	}{
		{"least live heap, before the load and after it", percentile(before, live, 0), percentile(after, live, 0)},
		{"most live heap, in the first third of the load and in the last", percentile(first, live, 100), percentile(last, live, 100)},
		{"most resident memory, in the first third of the load and in the last", percentile(first, rss, 100), percentile(last, rss, 100)},
	} {
		t.Logf("%s: %.1f MB and %.1f MB", memory.what, memory.was/1e6, memory.is/1e6)
		if memory.is > maxGrowth*memory.was && len(loaded) >= enough {
			t.Errorf("%s: it grew by %.0f %%, want at most %.0f %%", memory.what, 100*(memory.is/memory.was-1), 100*(maxGrowth-1))
		}
	}
}

// loadReport returns a table of the phases, and how many times as long scrapes
// take during the load. CPU is in seconds per second.
func loadReport(before, loaded, after []reading) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tscrapes\tp50 ms\tp99 ms\tmax ms\tpolls\tCPU\tleast live MB\tlive MB\tRSS MB\tgoroutines\tdescriptors\t")
	for _, phase := range []struct {
		name     string
		readings []reading
	}{{"before", before}, {"with polls", loaded}, {"after", after}} {
		r := phase.readings
		first, last := r[0], r[len(r)-1]
		fmt.Fprintf(table, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.0f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n",
			phase.name, len(r), percentile(r, took, 50), percentile(r, took, 99), percentile(r, took, 100),
			last.polls-first.polls, (last.cpu-first.cpu)/(time.Duration(len(r))*scrapeInterval).Seconds(),
			percentile(r, live, 0)/1e6, percentile(r, live, 100)/1e6, percentile(r, rss, 100)/1e6,
			percentile(r, goroutines, 100), percentile(r, descriptors, 100))
	}
	table.Flush()
	with, without := percentile(loaded, took, 99), percentile(slices.Concat(before, after), took, 99)
	fmt.Fprintf(&b, "p99 of the scrapes: %.1f ms with polls, %.1f ms without, %.1f times as long; the goal is at most %.0f times\n",
		with, without, with/without, goalRatio)
	return b.String()
}
