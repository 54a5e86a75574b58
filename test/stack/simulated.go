package stack

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/simulator"
)

// Options are the options of Simulate.
type Options struct {
	Config
	Service simulator.Config
}

// Simulated is a stack in front of a simulated service. It lives in a bubble
// of virtual time.
type Simulated struct {
	*Stack
	Service *simulator.Service
	Log     *Log

	t        testing.TB
	now      func() time.Time // of the service
	baseline map[simulator.Labels]simulator.Totals
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// Simulate runs f with a stack in a bubble of virtual time. It is noon on a
// Wednesday at the simulated enterprise. Change may change the options.
func Simulate(t *testing.T, change func(*Options), f func(*testing.T, *Simulated)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 4, 4, 0, 0, 0, time.UTC)))
		s := NewSimulated(t, change)
		defer s.Stop()
		f(t, s)
	})
}

// NewSimulated returns another stack with a service of its own, in a bubble. The
// caller stops it.
func NewSimulated(t *testing.T, change func(*Options)) *Simulated {
	s := &Simulated{t: t, Log: &Log{}, now: time.Now, cancel: func() {}}
	o := Options{
		Config:  Defaults(nil),
		Service: simulator.Config{Seed: 7, MeetingsPerDay: 60, AppID: "app", AppKey: "key"},
	}
	o.Poller.Logger = log.NewLogfmtLogger(s.Log)
	if change != nil {
		change(&o)
	}
	if o.Service.Now != nil {
		s.now = o.Service.Now
	}
	s.Service = simulator.New(o.Service)
	httpClient, closePipe := s.Service.Pipe()
	t.Cleanup(closePipe)
	o.Client.Transport = httpClient.Transport
	var err error
	if s.Stack, err = New(o.Config); err != nil {
		t.Fatal(err)
	}
	s.baseline = s.Service.Listed(s.now())
	return s
}

// RunOptional starts Live and Resources, and returns after their first rounds,
// unless these wait for something.
func (s *Simulated) RunOptional() {
	ctx, cancel := context.WithCancel(s.t.Context())
	cancelPoller := s.cancel
	s.cancel = func() { cancel(); cancelPoller() }
	s.running.Go(func() { s.Live.Run(ctx) })
	s.running.Go(func() { s.Resources.Run(ctx) })
	synctest.Wait()
}

// Run starts the poller, and returns after its first poll, unless that waits
// for something.
func (s *Simulated) Run() {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancel = cancel
	s.running.Go(func() { s.Poller.Run(ctx) })
	synctest.Wait()
}

// RunAttendance starts to read attendance, in the background.
func (s *Simulated) RunAttendance() {
	cancelPolls := s.cancel
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancel = func() { cancelPolls(); cancel() }
	s.running.Go(func() { s.Attendance.Run(ctx) })
	synctest.Wait()
}

// Stop stops the poller and signs out. Only the first call does.
func (s *Simulated) Stop() {
	s.cancel()
	s.running.Wait()
	if s.Stack != nil {
		if err := s.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
		s.Stack = nil
	}
}

// Pass lets virtual time pass, until after the polls that fall due.
func (s *Simulated) Pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Scrape returns the families by name, without the prefix of the exporter. It
// delivers them.
func (s *Simulated) Scrape() map[string]*dto.MetricFamily {
	s.t.Helper()
	families, err := s.Stack.Scrape()
	if err != nil {
		s.t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[strings.TrimPrefix(f.GetName(), "huaweicloud_meeting_")] = f
	}
	return byName
}

// Value returns the sample of a family with the given label values, in the
// order of the label names. It reports whether there is one.
func (s *Simulated) Value(name string, labels ...string) (value float64, ok bool) {
	s.t.Helper()
	for _, m := range s.Scrape()[name].GetMetric() {
		var values []string
		for _, l := range m.GetLabel() {
			values = append(values, l.GetValue())
		}
		if strings.Join(values, "/") == strings.Join(labels, "/") {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

// Want fails the test unless the sample has the value.
func (s *Simulated) Want(value float64, name string, labels ...string) {
	s.t.Helper()
	if got, ok := s.Value(name, labels...); !ok || got != value {
		s.t.Errorf("%s%v: got %v (present: %v), want %v", name, labels, got, ok, value)
	}
}

// WantNone fails the test if there is such a sample.
func (s *Simulated) WantNone(name string, labels ...string) {
	s.t.Helper()
	if got, ok := s.Value(name, labels...); ok {
		s.t.Errorf("%s%v: got %v, want no sample", name, labels, got)
	}
}

// The names of the five sums of a label set, as gauges and as counters.
var (
	Gauges   = [5]string{"recent_meetings", "recent_duration_seconds", "recent_participants", "recent_terminals", "recent_recorded_meetings"}
	Counters = [5]string{"ended_meetings_total", "duration_seconds_total", "participants_total", "terminals_total", "recorded_meetings_total"}
)

// Sums returns the five sums of every label set that is not 0.
func (s *Simulated) Sums(names [5]string) map[simulator.Labels]simulator.Totals {
	s.t.Helper()
	all := map[simulator.Labels]simulator.Totals{}
	families := s.Scrape()
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

// Truth returns what the counters must have reached by now.
func (s *Simulated) Truth() map[simulator.Labels]simulator.Totals {
	truth := s.Service.Listed(s.now())
	for l, before := range s.baseline {
		t := truth[l]
		truth[l] = simulator.Totals{
			Meetings: t.Meetings - before.Meetings, DurationSeconds: t.DurationSeconds - before.DurationSeconds,
			Participants: t.Participants - before.Participants, Terminals: t.Terminals - before.Terminals,
			Recorded: t.Recorded - before.Recorded,
		}
	}
	return withoutZeros(truth)
}

func withoutZeros(all map[simulator.Labels]simulator.Totals) map[simulator.Labels]simulator.Totals {
	for l, t := range all {
		if t == (simulator.Totals{}) {
			delete(all, l)
		}
	}
	return all
}

// Log keeps what was logged. It may be used concurrently.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the lines that contain all the words.
func (l *Log) Lines(words ...string) []string {
	var found []string
	for line := range strings.Lines(l.String()) {
		contains := true
		for _, word := range words {
			contains = contains && strings.Contains(line, word)
		}
		if contains {
			found = append(found, line)
		}
	}
	return found
}
