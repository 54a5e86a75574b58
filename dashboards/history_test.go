//go:build !race

package dashboards_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/version"

	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

const day = 24 * time.Hour

// The history ends on a Thursday afternoon in China. The last day and the same
// time of last week are in working hours, with a weekend between them.
var (
	historyEnd   = time.Date(2026, 3, 19, 8, 0, 0, 0, time.UTC)
	historyStart = historyEnd.Add(-15 * day)
)

// scrapeInterval is the time between two scrapes, two polls, and two readings of
// meetings in progress and of resources.
const scrapeInterval = 5 * time.Minute

// writeHistory runs an exporter in virtual time. It writes the scrapes of a
// Prometheus as OpenMetrics with timestamps. It returns the metrics after a
// week and at the end.
func writeHistory(t *testing.T, to io.Writer) (week, end []*family) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // saves a fifth of the time
	stack.Simulate(t, configure, func(t *testing.T, s *stack.Simulated) {
		version.Version = "1.2.3" // only builds set it, and a panel shows it
		s.Self.MustRegister(
			versioncollector.NewCollector("huaweicloud_meeting_exporter"),
			collectors.NewGoCollector(),
			collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		)
		metrics := promhttp.InstrumentMetricHandler(s.Self, promhttp.HandlerFor(s.Gatherer(), promhttp.HandlerOpts{EnableOpenMetrics: true}))
		s.Service.SetFault(faults(s.Service))
		// A poll begins a minute before each scrape, so it ends before the scrape.
		s.Pass(time.Until(historyStart) - time.Minute)
		s.Run()
		s.RunOptional()
		s.RunAttendance()
		s.Pass(time.Minute)
		gather := func() []*family {
			families, err := s.Gatherer().Gather()
			if err != nil {
				t.Fatal(err)
			}
			return families
		}
		out := bufio.NewWriterSize(to, 1<<20)
		for n := 0; !time.Now().After(historyEnd); n++ {
			if n%500 == 200 {
				addMalformed(s.Service, n)
			}
			snapshot := s.Ledger.Snapshot()
			scrape(t, metrics, out)
			snapshot.MarkDelivered(time.Now())
			if time.Since(historyStart) == 7*day {
				week = gather()
			}
			s.Pass(scrapeInterval)
		}
		end = gather()
		fmt.Fprintln(out, "# EOF")
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
	})
	return week, end
}

func configure(o *stack.Options) {
	o.SetInterval(scrapeInterval)
	o.LiveInterval, o.ResourcesInterval = scrapeInterval, scrapeInterval
	o.Poller.SweepInterval, o.Poller.Tail = 2*time.Hour, 2*time.Hour
	o.Ledger.MaxDepartments = 9 // fewer than there are, so some are folded
	o.Service.Seed, o.Service.MeetingsPerDay = 3, 240
	// The clock of the service is ahead, and drifts.
	o.Service.Now = func() time.Time {
		return time.Now().Add(1500*time.Millisecond + time.Since(historyStart)/300_000)
	}
}

// faults delays every request, makes one in eighty fail, and makes all fail
// for some time for each of the reasons of a failed poll.
func faults(service *simulator.Service) simulator.Fault {
	serverError := simulator.Answer(http.StatusInternalServerError, "MMC.111070001", "internal error")
	gone := simulator.On(simulator.PathAttendance, simulator.Answer(http.StatusBadRequest, "MMC.111070005", "the meeting does not exist"))
	forbidden := simulator.On(simulator.PathHistory, simulator.Answer(http.StatusForbidden, "MMC.111070005", "no permission"))
	wrongKey := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		service.RevokeTokens()
		service.SetAppKey("another key")
		next.ServeHTTP(w, r)
		service.SetAppKey("key")
	}
	outages := []struct {
		begin, length time.Duration // begin is the time since historyStart
		fault         simulator.Fault
	}{
		{2*day + 3*time.Hour, 20 * time.Minute, simulator.Throttled()},
		// Two outages together are longer than --history.stale-after.
		{6*day + 6*time.Hour, 2 * time.Hour, simulator.Cut()},
		{6*day + 8*time.Hour, 3 * time.Hour, serverError},
		{9 * day, 15 * time.Minute, simulator.HTML()},
		{11*day + 20*time.Hour, 40 * time.Minute, wrongKey},
		{14*day + 5*time.Hour, 12 * time.Minute, serverError},
		{14*day + 14*time.Hour, 15 * time.Minute, simulator.Throttled()},
		{14*day + 19*time.Hour, 10 * time.Minute, forbidden},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex // guards rng
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		delay, luck := rng.ExpFloat64(), rng.IntN(160)
		mu.Unlock()
		time.Sleep(80*time.Millisecond + time.Duration(delay*float64(150*time.Millisecond)))
		since := time.Since(historyStart)
		for _, o := range outages {
			if since >= o.begin && since < o.begin+o.length {
				o.fault(w, r, next)
				return
			}
		}
		switch luck {
		case 0:
			serverError(w, r, next)
		case 1:
			simulator.Throttled()(w, r, next)
		case 2, 3:
			gone(w, r, next)
		default:
			next.ServeHTTP(w, r)
		}
	}
}

// addMalformed adds malformed records. Every sweep of the next two days lists
// them.
func addMalformed(service *simulator.Service, n int) {
	end := time.Now().Add(-time.Hour)
	service.Add(
		simulator.Record{ConfUUID: fmt.Sprint("order", n), Start: end, End: end.Add(-time.Hour), ListedAt: end},
		simulator.Record{ConfUUID: fmt.Sprint("time", n), Start: end, ListedAt: end, Extra: map[string]json.RawMessage{"endTime": json.RawMessage(`"soon"`)}},
		simulator.Record{ConfUUID: fmt.Sprint("number", n), Start: end, End: end, ListedAt: end, NormalCount: new(-1), TerminalCount: new(-2), ConfType: "IMMEDIATELY", DeptName: "Finance"},
	)
}

// scrape writes the samples of one scrape with the virtual time. Promtool only
// needs the samples of a series to be in the order of time.
func scrape(t *testing.T, metrics http.Handler, out *bufio.Writer) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	response := httptest.NewRecorder()
	metrics.ServeHTTP(response, request)
	if response.Code != http.StatusOK {
		t.Fatalf("scrape: status %d: %s", response.Code, response.Body)
	}
	timestamp := fmt.Appendf(nil, " %d\n", time.Now().Unix())
	for line := range bytes.Lines(response.Body.Bytes()) {
		switch {
		case line[0] == '#':
			continue
		case bytes.HasPrefix(line, []byte("process_start_time_seconds ")):
			// The process collector reads the real time of the start.
			line = fmt.Appendf(nil, "process_start_time_seconds %d\n", historyStart.Unix())
		}
		out.Write(bytes.TrimSuffix(line, []byte("\n")))
		out.Write(timestamp)
	}
}

// names returns the names of the series of families and of their labels.
func names(families []*family) (metrics, labels map[string]bool) {
	metrics, labels = map[string]bool{}, map[string]bool{"job": true, "instance": true, "enterprise": true, "pod": true, "le": true}
	for _, f := range families {
		metrics[f.GetName()] = true
		if f.GetType() == dto.MetricType_HISTOGRAM {
			for _, suffix := range strings.Fields("_bucket _count _sum") {
				metrics[f.GetName()+suffix] = true
			}
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
	}
	return metrics, labels
}
