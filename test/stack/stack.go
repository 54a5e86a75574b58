// Package stack wires client, poller, ledger and collector as the command
// serve does, for tests and benchmarks.
package stack

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
)

// Config says how to build a Stack. Defaults returns one to change.
type Config struct {
	Client client.Config
	Ledger ledger.Config
	Poller poller.Config
	// LiveInterval and ResourcesInterval are the intervals of the two.
	LiveInterval, ResourcesInterval time.Duration
	// AttendanceDelay is the delay of attendance.
	AttendanceDelay time.Duration
	// Path is the file of the ledger; empty means memory only.
	Path string
	// Now is the wall clock of all parts.
	Now func() time.Time
}

// Defaults returns the defaults of the flags. The credentials are "app" and
// "key", the random source is always the same, and nothing is logged.
func Defaults(transport http.RoundTripper) Config {
	return Config{
		Client: client.Config{
			Endpoint: "http://service", AppID: "app", Secret: func() (string, error) { return "key", nil },
			Timeout: 30 * time.Second, MaxRequestsPerMinute: 60, SignInInterval: time.Minute, UserAgent: "test",
			MaxAttendanceRequestsPerMinute: 20,
			Transport:                      transport, Random: rand.NewChaCha8([32]byte{}),
		},
		Ledger: ledger.Config{
			Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, MaxCatchUp: 168 * time.Hour,
			StaleAfter: time.Hour, Hold: 2 * time.Minute, MaxDepartments: 200, Attendance: true,
		},
		Poller: poller.Config{
			Interval: time.Minute, SweepInterval: 30 * time.Minute, Tail: 4 * time.Hour, Logger: log.NewNopLogger(),
		},
		LiveInterval: time.Minute, ResourcesInterval: 5 * time.Minute, AttendanceDelay: 10 * time.Minute,
		Now: time.Now,
	}
}

// SetInterval sets the time between two polls, and what follows from it.
func (c *Config) SetInterval(interval time.Duration) {
	c.Poller.Interval, c.Client.SignInInterval = interval, interval
	c.Ledger.Hold = max(c.Ledger.Hold, interval)
}

// Stack is everything between the service and a scrape.
type Stack struct {
	Client *client.Client
	Ledger *ledger.Ledger
	Poller *poller.Poller
	// Live, Resources and Attendance run only if a test says so.
	Live       *poller.Live
	Resources  *poller.Resources
	Attendance *poller.Attendance
	// Meetings gathers the metrics of the ledger, Self those of the exporter.
	Meetings *collector.Gatherer
	Self     *prometheus.Registry
}

// New builds a stack. It does not poll.
func New(cfg Config) (*Stack, error) {
	requests := collector.NewRequests(client.Endpoints())
	observe := cfg.Client.Observe
	cfg.Client.Observe = func(e client.Exchange) {
		requests.Observe(e.Endpoint, e.Status, e.Duration, e.Date, e.Received)
		if observe != nil {
			observe(e)
		}
	}
	cfg.Client.Now, cfg.Poller.Now = cfg.Now, cfg.Now

	s := &Stack{Self: prometheus.NewPedanticRegistry()}
	var err error
	if s.Client, err = client.New(cfg.Client); err != nil {
		return nil, err
	}
	if cfg.Path == "" {
		s.Ledger = ledger.New(cfg.Ledger, cfg.Now())
	} else if s.Ledger, err = ledger.Open(cfg.Path, cfg.Ledger, cfg.Client.Owner(), cfg.Now()); err != nil {
		return nil, err
	}
	s.Poller = poller.New(cfg.Poller, s.Client, s.Ledger)
	optional := func(interval time.Duration) poller.OptionalConfig {
		return poller.OptionalConfig{Interval: interval, HistoryInterval: cfg.Poller.Interval, Now: cfg.Now, Logger: cfg.Poller.Logger}
	}
	s.Live = poller.NewLive(optional(cfg.LiveInterval), s.Client, s.Ledger.Snapshot)
	s.Resources = poller.NewResources(optional(cfg.ResourcesInterval), s.Client)

	s.Attendance = poller.NewAttendance(poller.AttendanceConfig{
		Delay: cfg.AttendanceDelay, HistoryInterval: cfg.Poller.Interval, MaxRequestsPerMinute: cfg.Client.MaxAttendanceRequestsPerMinute, Now: cfg.Now, Logger: cfg.Poller.Logger,
	}, s.Client, s.Ledger)

	meetings := prometheus.NewPedanticRegistry()
	meetings.MustRegister(collector.New(s.Ledger, cfg.Ledger.Window, cfg.Now))
	if cfg.Ledger.Attendance {
		meetings.MustRegister(collector.NewAttendance(s.Ledger))
	}
	s.Meetings = collector.NewGatherer(meetings, s.Ledger, cfg.Now)
	s.Self.MustRegister(
		collector.NewHealth(s.Poller.Status), requests, collector.NewLive(s.Live, cfg.Now), collector.NewResources(s.Resources, cfg.Now),
		collector.NewOptional(s.Live.Status, s.Resources.Status, s.Attendance.Status),
	)
	return s, nil
}

// Scrape gathers all metrics and delivers them, as the telemetry path does for a
// scrape whose whole answer was written (rule 6).
func (s *Stack) Scrape() ([]*dto.MetricFamily, error) {
	snapshot := s.Ledger.Snapshot()
	families, err := s.Gatherer().Gather()
	if err == nil {
		snapshot.MarkDelivered(time.Now())
	}
	return families, err
}

// Gatherer gathers all metrics, and delivers nothing.
func (s *Stack) Gatherer() prometheus.Gatherer { return prometheus.Gatherers{s.Meetings, s.Self} }

// Close signs out and closes the ledger. Nothing may poll any more.
func (s *Stack) Close(ctx context.Context) error {
	return errors.Join(s.Client.Close(ctx), s.Ledger.Close())
}
