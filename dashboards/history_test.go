package dashboards_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/version"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/simulator"
)

// The history ends on a Wednesday afternoon in China, so that the last day,
// the same time last week and a whole weekend between lie in working hours.
var (
	historyEnd   = time.Date(2026, 3, 18, 8, 0, 0, 0, time.UTC)
	historyStart = historyEnd.Add(-15 * 24 * time.Hour)
)

// scrapeInterval is that of the history. The exporter polls as often.
const scrapeInterval = 5 * time.Minute

// exporter is a whole one, in front of a simulated service and inside a bubble
// of virtual time.
type exporter struct {
	service  *simulator.Service
	gatherer prometheus.Gatherer
	metrics  http.Handler
	stop     func()
}

// newExporter starts an exporter, which has made its first poll.
func newExporter(t *testing.T) *exporter {
	const appKey = "key"
	service := simulator.New(simulator.Config{
		Seed: 3, MeetingsPerDay: 240, AppID: "app", AppKey: appKey,
		// A clock that is ahead, and drifts.
		Now: func() time.Time {
			return time.Now().Add(1500*time.Millisecond + time.Since(historyStart)/300_000)
		},
	})
	service.SetFault(weather(service, appKey))
	httpClient, closePipe := service.Pipe()
	health := collector.NewHealth(time.Now)
	c, err := client.New(client.Config{
		Endpoint: "http://service", AppID: "app", Secret: func() (string, error) { return appKey, nil },
		Timeout: 30 * time.Second, MaxRequestsPerMinute: 60, SignInInterval: scrapeInterval, UserAgent: "test",
		Transport: httpClient.Transport, Observe: health.Observe, Random: rand.NewChaCha8([32]byte{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	meetings := ledger.New(ledger.Config{
		Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, MaxCatchUp: 168 * time.Hour,
		StaleAfter: time.Hour, Hold: scrapeInterval, MaxDepartments: 9, // fewer than there are, so that some are folded
	}, time.Now())
	poller := collector.NewPoller(collector.PollerConfig{
		Interval: scrapeInterval, SweepInterval: 2 * time.Hour, Tail: 2 * time.Hour,
		Now: time.Now, Logger: log.NewNopLogger(),
	}, c, meetings, health)

	version.Version = "1.2.3" // of builds only, and a panel shows it
	meetingRegistry, selfRegistry := prometheus.NewRegistry(), prometheus.NewRegistry()
	meetingRegistry.MustRegister(collector.New(meetings, 24*time.Hour, time.Now))
	selfRegistry.MustRegister(
		health,
		versioncollector.NewCollector("huaweicloud_meeting_exporter"),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	gatherer := prometheus.Gatherers{collector.NewGatherer(meetingRegistry, meetings, time.Now), selfRegistry}

	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); poller.Run(ctx) }()
	synctest.Wait()
	return &exporter{
		service:  service,
		gatherer: gatherer,
		metrics:  promhttp.InstrumentMetricHandler(selfRegistry, promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true})),
		stop: func() {
			cancel()
			<-stopped
			if err := c.Close(context.Background()); err != nil {
				t.Error(err)
			}
			closePipe()
		},
	}
}

// weather is what befalls the requests: they take their time, one in eighty
// must be repeated, and now and then nothing works for a while, for every
// reason that a service can give.
func weather(service *simulator.Service, appKey string) simulator.Fault {
	const day = 24 * time.Hour
	serverError := simulator.Answer(http.StatusInternalServerError, "MMC.111070001", "internal error")
	forbidden := simulator.On(simulator.PathHistory, simulator.Answer(http.StatusForbidden, "MMC.111070005", "no permission"))
	wrongKey := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		service.RevokeTokens()
		service.SetAppKey("another key")
		next.ServeHTTP(w, r)
		service.SetAppKey(appKey)
	}
	spells := []struct {
		begin, length time.Duration // since the start
		fault         simulator.Fault
	}{
		{2*day + 3*time.Hour, 20 * time.Minute, simulator.Throttled()},
		// Longer than the gauges of the window are shown without a poll.
		{6*day + 6*time.Hour, 2 * time.Hour, simulator.Cut()},
		{6*day + 8*time.Hour, 3 * time.Hour, serverError},
		{9 * day, 15 * time.Minute, simulator.HTML()},
		{11*day + 20*time.Hour, 40 * time.Minute, wrongKey},
		{14*day + 5*time.Hour, 12 * time.Minute, serverError},
		{14*day + 14*time.Hour, 15 * time.Minute, simulator.Throttled()},
		{14*day + 19*time.Hour, 10 * time.Minute, forbidden},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		time.Sleep(80*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(150*time.Millisecond)))
		since := time.Since(historyStart)
		for _, s := range spells {
			if since >= s.begin && since < s.begin+s.length {
				s.fault(w, r, next)
				return
			}
		}
		switch rng.IntN(160) {
		case 0:
			serverError(w, r, next)
		case 1:
			simulator.Throttled()(w, r, next)
		default:
			next.ServeHTTP(w, r)
		}
	}
}

// spoil adds malformed records, which every sweep of the next two days meets.
func (e *exporter) spoil(n int) {
	end := time.Now().Add(-time.Hour)
	e.service.Add(
		simulator.Record{ConfUUID: fmt.Sprint("order", n), Start: end, End: end.Add(-time.Hour), ListedAt: end},
		simulator.Record{ConfUUID: fmt.Sprint("time", n), Start: end, ListedAt: end, Extra: map[string]json.RawMessage{"endTime": json.RawMessage(`"soon"`)}},
		simulator.Record{ConfUUID: fmt.Sprint("number", n), Start: end, End: end, ListedAt: end, NormalCount: new(-1), TerminalCount: new(2_000_000), ConfType: "IMMEDIATELY", DeptName: "Finance"},
	)
}

// writeHistory runs an exporter over the history in virtual time, and writes
// what a Prometheus would have scraped as OpenMetrics with timestamps. It
// returns what the exporter showed after a week and at the end.
func writeHistory(t *testing.T, to io.Writer) (week, end []*family) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a fifth of the time is spent on garbage otherwise
	synctest.Test(t, func(t *testing.T) {
		// The polls begin a minute before the scrapes, which so see whole ones.
		time.Sleep(time.Until(historyStart) - time.Minute)
		e := newExporter(t)
		time.Sleep(time.Minute)
		defer e.stop()
		gather := func() []*family {
			families, err := e.gatherer.Gather()
			if err != nil {
				t.Fatal(err)
			}
			return families
		}
		out := bufio.NewWriterSize(to, 1<<20)
		for n := 0; !time.Now().After(historyEnd); n++ {
			if n%500 == 200 {
				e.spoil(n)
			}
			e.scrape(t, out)
			if time.Since(historyStart) == 7*24*time.Hour {
				week = gather()
			}
			time.Sleep(scrapeInterval)
			synctest.Wait()
		}
		end = gather()
		fmt.Fprintln(out, "# EOF")
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
	})
	return week, end
}

// scrape writes the samples of a scrape, dated by the virtual clock. Samples
// of a series come in the order of time, which is all that promtool needs.
func (e *exporter) scrape(t *testing.T, out *bufio.Writer) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer := httptest.NewRecorder()
	e.metrics.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape: status %d: %s", answer.Code, answer.Body)
	}
	stamp := fmt.Appendf(nil, " %d\n", time.Now().Unix())
	for line := range bytes.Lines(answer.Body.Bytes()) {
		switch {
		case line[0] == '#':
			continue
		case bytes.HasPrefix(line, []byte("process_start_time_seconds ")):
			// The kernel knows nothing of virtual time.
			line = fmt.Appendf(nil, "process_start_time_seconds %d\n", historyStart.Unix())
		}
		out.Write(bytes.TrimSuffix(line, []byte("\n")))
		out.Write(stamp)
	}
}

// names returns the names of all series of families, and of their labels.
func names(families []*family) (metrics, labels map[string]bool) {
	// Those that Prometheus itself adds, and le.
	metrics, labels = map[string]bool{}, map[string]bool{"job": true, "instance": true, "le": true}
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
