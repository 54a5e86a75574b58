package e2e_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const scrapeInterval = 100 * time.Millisecond

// reading is one scrape and what the exporter says of itself in it.
type reading struct {
	took time.Duration // from when it was due to the last byte
	err  error

	polls, failures         float64
	cpu                     float64 // seconds
	live, rss               float64 // bytes; live is the heap that the last collection found in use
	goroutines, descriptors float64
}

// scraper scrapes as Prometheus does by default: compressed OpenMetrics.
type scraper struct {
	url    string
	client *http.Client
}

func newScraper(t *testing.T, exporterURL string) *scraper {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &scraper{exporterURL + "/metrics", &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

// phase scrapes ten times a second. Each scrape begins when it is due, even if
// earlier ones have not ended, and its time counts from then. So a stall shows
// in all scrapes that are due during it.
func (s *scraper) phase(ctx context.Context, length time.Duration) []reading {
	readings := make([]reading, length/scrapeInterval)
	var scrapes sync.WaitGroup
	began := time.Now()
	for i := range readings {
		due := began.Add(time.Duration(i) * scrapeInterval)
		time.Sleep(time.Until(due))
		scrapes.Go(func() { readings[i] = s.scrape(ctx, due) })
	}
	scrapes.Wait()
	return readings
}

// scrape makes one scrape that was due at a time.
func (s *scraper) scrape(ctx context.Context, due time.Time) (r reading) {
	req := newRequest(ctx, s.url)
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4")
	req.Header.Set("Accept-Encoding", "gzip")
	got, err := fetch(s.client, req)
	r.took = time.Since(due)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("status %d", got.status)
	}
	if err == nil {
		err = r.parse(got.body)
	}
	r.err = err
	return r
}

// parse reads a compressed page. It sums the series of each metric, which is
// much cheaper than to parse all of the page.
func (r *reading) parse(compressed string) error {
	unzipped, err := gzip.NewReader(strings.NewReader(compressed))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		return err
	}
	var labelSets, nextCollection float64
	for name, sum := range map[string]*float64{
		"huaweicloud_meeting_polls_total":         &r.polls,
		"huaweicloud_meeting_poll_failures_total": &r.failures,
		"process_cpu_seconds_total":               &r.cpu,
		"process_resident_memory_bytes":           &r.rss,
		"process_open_fds":                        &r.descriptors,
		"go_memstats_next_gc_bytes":               &nextCollection,
		"go_goroutines":                           &r.goroutines,
	} {
		for _, line := range linesOf(text, name) {
			value, err := strconv.ParseFloat(string(line[bytes.LastIndexByte(line, ' ')+1:]), 64)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			*sum += value
		}
	}
	r.live = nextCollection / 2 // GOGC is 100
	labelSets = float64(len(linesOf(text, "huaweicloud_meeting_ended_meetings_total")))
	if r.rss == 0 || labelSets < loadLabelSets || !bytes.HasSuffix(text, []byte("\n# EOF\n")) {
		return fmt.Errorf("got %d bytes with %v label sets, want at least %d and an end mark", len(text), labelSets, loadLabelSets)
	}
	return nil
}

// linesOf returns the lines of the series of a metric.
func linesOf(text []byte, metric string) (lines [][]byte) {
	for {
		_, after, ok := bytes.Cut(text, []byte("\n"+metric))
		if !ok {
			return lines
		}
		line, _, _ := bytes.Cut(after, []byte("\n"))
		if len(line) > 0 && (line[0] == ' ' || line[0] == '{') {
			lines = append(lines, line)
		}
		text = after
	}
}

// idle closes the connections of earlier scrapes, and makes one scrape.
func (s *scraper) idle(t *testing.T) reading {
	t.Helper()
	s.client.CloseIdleConnections()
	r := s.scrape(t.Context(), time.Now())
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r
}

// The values of readings that are compared.
func took(r reading) float64        { return r.took.Seconds() * 1e3 } // milliseconds
func live(r reading) float64        { return r.live }
func rss(r reading) float64         { return r.rss }
func goroutines(r reading) float64  { return r.goroutines }
func descriptors(r reading) float64 { return r.descriptors }

// percentile returns a percentile of a value, by the nearest rank; 0 stands for
// the least value.
func percentile(readings []reading, of func(reading) float64, percent int) float64 {
	sorted := slices.SortedFunc(slices.Values(readings), func(a, b reading) int { return cmp.Compare(of(a), of(b)) })
	return of(sorted[max(0, (len(sorted)*percent+99)/100-1)])
}
