package e2e_test

import (
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// stored is a service whose clock stands still but while the test publishes
// something, and the way in of an exporter that keeps its ledger in a file.
type stored struct {
	*simulator.Service
	clock    *clock
	stopped  time.Time // when the clock of the service did last
	baseline totals
	known    map[string]bool // the confUUIDs of the baseline
	url      string
	path     string   // of the ledger
	args     []string // but those of polling
}

// newStored returns a service that takes several pages to list its history. To
// that nothing is added but by the test.
func newStored(t *testing.T) *stored {
	t.Helper()
	s := &stored{clock: &clock{}, path: filepath.Join(t.TempDir(), "ledger")}
	s.Service, s.url = newService(t, simulator.Config{Now: s.clock.Now, MaxLimit: 100})
	s.stopped = s.clock.stop()
	enterprise := simulator.New(simulator.Config{
		Now: s.clock.Now, Seed: 7, MeetingsPerDay: 6_000, Worldwide: true, History: 2 * time.Hour,
	})
	for _, r := range enterprise.Records(s.stopped) {
		r.RecordingAt = r.ListedAt
		s.Add(r)
	}
	s.Add(ended("before", changing, 10, s.stopped))
	s.baseline, s.known = s.Listed(s.stopped), uuids(s.Records(s.stopped))
	s.args = append(signIn(t, s.url, testAppKey), "--storage.path="+s.path)
	return s
}

// serve starts an exporter with the ledger.
func (s *stored) serve(t *testing.T, polling ...string) (p *process, url string) {
	t.Helper()
	return serve(t, append(polling, s.args...)...)
}

// publish adds records and lets the clock go on until they are listed.
func (s *stored) publish(t *testing.T, records ...simulator.Record) {
	t.Helper()
	s.clock.goOn()
	s.Add(records...)
	for _, r := range records {
		awaitInstant(t, r.ListedAt)
	}
	s.stopped = s.clock.stop()
}

// truth is what is listed: the counters, the gauges at an instant, and the
// histograms.
type truth struct {
	counters   totals
	gauges     func(at time.Time) totals
	histograms distributions
}

// truth returns what is listed now, which later records do not change.
func (s *stored) truth() truth {
	stopped := s.stopped
	return truth{
		counters:   increase(s.baseline, s.Listed(stopped)),
		gauges:     func(at time.Time) totals { return windowAt(s.Service, at, stopped, window) },
		histograms: distributionsOf(without(s.Records(stopped), s.known), nil),
	}
}

// differs says how a page differs from the truth.
func (w truth) differs(s scrape) string {
	for _, different := range []string{
		s.differentCounters(w.counters), s.differentGauges(w.gauges(s.at)), s.differentHistograms(w.histograms),
	} {
		if different != "" {
			return different
		}
	}
	return ""
}

// await waits until the exporter's page shows the truth.
func (w truth) await(t *testing.T, exporterURL string) {
	t.Helper()
	await(t, 2*slowest, func() string { return w.differs(newScrape(t, exporterURL)) })
}

// stuckSweep makes sweeps wait for their second page until open is closed, and
// tells by closing stuck that one does.
func stuckSweep(open <-chan struct{}) (fault simulator.Fault, stuck <-chan struct{}) {
	waits := make(chan struct{})
	var once sync.Once
	return simulator.On(simulator.PathHistory, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		from, _ := strconv.ParseInt(r.FormValue("startDate"), 10, 64)
		if r.FormValue("offset") == "0" || time.Since(time.UnixMilli(from)) < 2*window {
			next.ServeHTTP(w, r)
			return
		}
		once.Do(func() { close(waits) })
		hold(open)(w, r, next)
	}), waits
}
