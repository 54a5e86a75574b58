package e2e_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// reading is one scrape and what the exporter says of itself in it.
type reading struct {
	took time.Duration // from when it was due to the last byte of the answer
	err  error

	polls, failures float64
	cpu             float64 // seconds
	others          float64 // seconds of CPU time of all but the exporter and the test
	// live are the bytes of the heap that the latest collection found in use.
	live, rss               float64
	goroutines, descriptors float64
}

func live(r reading) float64        { return r.live }
func rss(r reading) float64         { return r.rss }
func goroutines(r reading) float64  { return r.goroutines }
func descriptors(r reading) float64 { return r.descriptors }

// scraper scrapes as Prometheus does by default: OpenMetrics, compressed.
type scraper struct {
	url    string
	client *http.Client
}

func newScraper(t *testing.T, exporterURL string) *scraper {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	const scrapeTimeout = 10 * time.Second // Prometheus's
	return &scraper{exporterURL + "/metrics", &http.Client{Transport: transport, Timeout: scrapeTimeout}}
}

const scrapeEvery = 100 * time.Millisecond

// phase scrapes ten times a second for a while. Each scrape begins when it is
// due, whether or not those before have ended, and is measured from then on:
// what a stall does to all that come meanwhile shows.
func (s *scraper) phase(ctx context.Context, length time.Duration) []reading {
	readings := make([]reading, length/scrapeEvery)
	var scrapes sync.WaitGroup
	began := time.Now()
	for i := range readings {
		due := began.Add(time.Duration(i) * scrapeEvery)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			readings[i].err = ctx.Err()
			continue
		}
		scrapes.Go(func() { readings[i] = s.scrape(ctx, due) })
	}
	scrapes.Wait()
	return readings
}

// scrape makes one scrape that was due at an instant.
func (s *scraper) scrape(ctx context.Context, due time.Time) (r reading) {
	body, err := s.get(ctx)
	r.took = time.Since(due) // the test's own work follows
	if err != nil {
		return reading{took: r.took, err: err}
	}
	text, err := gunzip(body)
	if err != nil {
		return reading{took: r.took, err: err}
	}
	if sets := bytes.Count(text, []byte("\nhuaweicloud_meeting_ended_meetings_total{")); sets != loadSets || !bytes.HasSuffix(text, []byte("\n# EOF\n")) {
		return reading{took: r.took, err: fmt.Errorf("%d bytes with %d label sets, want %d and an end mark", len(text), sets, loadSets)}
	}
	var nextCollection float64
	for name, to := range map[string]*float64{
		"huaweicloud_meeting_polls_total":         &r.polls,
		"huaweicloud_meeting_poll_failures_total": &r.failures,
		"process_cpu_seconds_total":               &r.cpu,
		"process_resident_memory_bytes":           &r.rss,
		"process_open_fds":                        &r.descriptors,
		"go_memstats_next_gc_bytes":               &nextCollection,
		"go_goroutines":                           &r.goroutines,
	} {
		if *to, err = sumOf(text, name); err != nil {
			return reading{took: r.took, err: err}
		}
	}
	r.live = nextCollection / 2 // GOGC is 100
	r.others, r.err = busy()
	r.others -= r.cpu
	return r
}

// busy is the CPU time in seconds that the whole machine has spent, without
// the test's own.
func busy() (seconds float64, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	var user, nice, system, idle, ioWait, irq, softIRQ, steal float64 // hundredths
	if _, err := fmt.Sscanf(string(stat), "cpu %g %g %g %g %g %g %g %g", &user, &nice, &system, &idle, &ioWait, &irq, &softIRQ, &steal); err != nil {
		return 0, fmt.Errorf("/proc/stat: %w", err)
	}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, err
	}
	ownTime := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	return (user+nice+system+irq+softIRQ+steal)/100 - ownTime.Seconds(), nil
}

// succeeded returns the readings without those that failed.
func succeeded(readings []reading) []reading {
	return slices.DeleteFunc(slices.Clone(readings), func(r reading) bool { return r.err != nil })
}

func (s *scraper) get(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4")
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

func gunzip(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// sumOf adds up all series of a metric.
func sumOf(text []byte, metric string) (sum float64, err error) {
	found := false
	for rest := text; ; {
		_, after, ok := bytes.Cut(rest, []byte("\n"+metric))
		if !ok {
			break
		}
		line, _, _ := bytes.Cut(after, []byte("\n"))
		rest = after
		if len(line) == 0 || line[0] != ' ' && line[0] != '{' {
			continue // a longer name
		}
		value, err := strconv.ParseFloat(string(line[bytes.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", metric, err)
		}
		sum, found = sum+value, true
	}
	if !found {
		return 0, fmt.Errorf("no sample of %s", metric)
	}
	return sum, nil
}

// alone closes the connections that phases have left, and makes one scrape.
func (s *scraper) alone(t *testing.T) reading {
	t.Helper()
	s.client.CloseIdleConnections()
	r := s.scrape(t.Context(), time.Now())
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r
}

// milliseconds is a duration to be shown.
type milliseconds float64

func (m milliseconds) String() string { return strconv.FormatFloat(float64(m), 'f', 1, 64) }

// percentile returns how long scrapes took, by the nearest rank.
func percentile(readings []reading, percent int) milliseconds {
	took := make([]time.Duration, len(readings))
	for i, r := range readings {
		took[i] = r.took
	}
	slices.Sort(took)
	return milliseconds(took[(len(took)*percent+99)/100-1].Seconds() * 1e3)
}

// most and least return the highest and the lowest value in readings.
func most(readings []reading, of func(reading) float64) float64 {
	return of(slices.MaxFunc(readings, func(a, b reading) int { return cmp.Compare(of(a), of(b)) }))
}

func least(readings []reading, of func(reading) float64) float64 {
	return of(slices.MinFunc(readings, func(a, b reading) int { return cmp.Compare(of(a), of(b)) }))
}
