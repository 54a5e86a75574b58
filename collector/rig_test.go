package collector_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/simulator"
)

// rig is everything between the simulated service and a scrape, inside a
// bubble of virtual time, with the default settings.
type rig struct {
	t        *testing.T
	service  *simulator.Service
	ledger   *ledger.Ledger
	poller   *collector.Poller
	gatherer prometheus.Gatherer
	log      *lockedBuffer
	baseline map[simulator.Labels]simulator.Totals
	stop     func()
}

// options change the defaults of a rig.
type options struct {
	service simulator.Config
	ledger  ledger.Config
	poller  collector.PollerConfig
	client  client.Config
	fault   simulator.Fault // of the service from the start
	records []simulator.Record
}

// inBubble runs f with a rig whose poller is running and has made its first
// poll, and stops it afterwards.
func inBubble(t *testing.T, change func(*options), f func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		defer r.stop()
		f(r)
	})
}

func newRig(t *testing.T, change func(*options)) *rig {
	// A Wednesday noon, for an enterprise that works by day.
	time.Sleep(time.Until(time.Date(2026, 3, 4, 4, 0, 0, 0, time.UTC)))
	logs := &lockedBuffer{}
	o := options{
		service: simulator.Config{Seed: 7, MeetingsPerDay: 60, AppID: "app", AppKey: "key"},
		ledger: ledger.Config{
			Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, MaxCatchUp: 168 * time.Hour,
			StaleAfter: time.Hour, Hold: time.Minute, MaxDepartments: 200,
		},
		poller: collector.PollerConfig{
			Interval: time.Minute, SweepInterval: 30 * time.Minute, Tail: 4 * time.Hour,
			Now: time.Now, Logger: log.NewLogfmtLogger(logs),
		},
		client: client.Config{
			Endpoint: "http://service", AppID: "app", Secret: func() (string, error) { return "key", nil },
			Timeout: 30 * time.Second, MaxRequestsPerMinute: 60, SignInInterval: time.Minute, UserAgent: "test",
			Random: rand.NewChaCha8([32]byte{}),
		},
	}
	if change != nil {
		change(&o)
	}
	r := &rig{t: t, service: simulator.New(o.service), log: logs}
	r.service.SetFault(o.fault)
	r.service.Add(o.records...)
	httpClient, closePipe := r.service.Pipe()
	health := collector.NewHealth(time.Now)
	o.client.Transport = httpClient.Transport
	if o.client.Observe == nil {
		o.client.Observe = health.Observe
	}
	c, err := client.New(o.client)
	if err != nil {
		t.Fatal(err)
	}
	r.ledger = ledger.New(o.ledger, time.Now())
	r.poller = collector.NewPoller(o.poller, c, r.ledger, health)

	meetings, self := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	meetings.MustRegister(collector.New(r.ledger, o.ledger.Window, time.Now))
	self.MustRegister(health)
	r.gatherer = prometheus.Gatherers{collector.NewGatherer(meetings, r.ledger, time.Now), self}

	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	r.baseline = r.service.Listed(time.Now())
	go func() {
		defer close(stopped)
		r.poller.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-stopped
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		closePipe()
	}
	synctest.Wait()
	return r
}

// pass lets virtual time go by, up to just after the polls that fall due.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// scrape returns the families as a scrape sees them, by name without prefix.
func (r *rig) scrape() map[string]*dto.MetricFamily {
	r.t.Helper()
	families, err := r.gatherer.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[strings.TrimPrefix(f.GetName(), "huaweicloud_meeting_")] = f
	}
	return byName
}

// value returns the sample of a family with the given label values, in the
// order of the labels' names, and false if there is none.
func (r *rig) value(name string, labels ...string) (float64, bool) {
	r.t.Helper()
	for _, m := range r.scrape()[name].GetMetric() {
		if labelsOf(m) == strings.Join(labels, "/") {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

func (r *rig) wantValue(want float64, name string, labels ...string) {
	r.t.Helper()
	if got, ok := r.value(name, labels...); !ok || got != want {
		r.t.Errorf("%s%v is %v (present: %v), want %v", name, labels, got, ok, want)
	}
}

func (r *rig) wantNone(name string, labels ...string) {
	r.t.Helper()
	if got, ok := r.value(name, labels...); ok {
		r.t.Errorf("%s%v is %v, want no sample", name, labels, got)
	}
}

func labelsOf(m *dto.Metric) string {
	var values []string
	for _, l := range m.GetLabel() {
		values = append(values, l.GetValue())
	}
	return strings.Join(values, "/")
}

// totals reads the five metrics of one form, gauges or counters, back into
// the shape of the truth. Label sets at 0 are left out.
func (r *rig) totals(names [5]string) map[simulator.Labels]simulator.Totals {
	r.t.Helper()
	all := map[simulator.Labels]simulator.Totals{}
	families := r.scrape()
	for i, name := range names {
		for _, m := range families[name].GetMetric() {
			l := simulator.Labels{ConferenceType: m.GetLabel()[0].GetValue(), Department: m.GetLabel()[1].GetValue()}
			t := all[l]
			*[]*int64{&t.Meetings, &t.DurationSeconds, &t.Participants, &t.Terminals, &t.Recorded}[i] = int64(m.GetGauge().GetValue() + m.GetCounter().GetValue())
			all[l] = t
		}
	}
	return withoutZeros(all)
}

func withoutZeros(all map[simulator.Labels]simulator.Totals) map[simulator.Labels]simulator.Totals {
	for l, t := range all {
		if t == (simulator.Totals{}) {
			delete(all, l)
		}
	}
	return all
}

var (
	gauges   = [5]string{"recent_meetings", "recent_duration_seconds", "recent_participants", "recent_terminals", "recent_recorded_meetings"}
	counters = [5]string{"ended_meetings_total", "duration_seconds_total", "participants_total", "terminals_total", "recorded_meetings_total"}
)

// truth is what the counters must have reached.
func (r *rig) truth() map[simulator.Labels]simulator.Totals {
	grown := r.service.Listed(time.Now())
	for l, before := range r.baseline {
		t := grown[l]
		grown[l] = simulator.Totals{
			Meetings: t.Meetings - before.Meetings, DurationSeconds: t.DurationSeconds - before.DurationSeconds,
			Participants: t.Participants - before.Participants, Terminals: t.Terminals - before.Terminals,
			Recorded: t.Recorded - before.Recorded,
		}
	}
	return withoutZeros(grown)
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// lines returns the lines that hold all the words.
func (b *lockedBuffer) lines(words ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(b.String()) {
		holds := true
		for _, word := range words {
			holds = holds && strings.Contains(line, word)
		}
		if holds {
			found = append(found, line)
		}
	}
	return found
}
