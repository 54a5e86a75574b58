package main

import (
	"context"
	"hash/fnv"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/page"
	"huaweicloud_meeting_exporter/poller"
)

// enterprise is all that belongs to one enterprise: service -> client -> poller
// -> ledger -> metrics. Enterprises share nothing but the limit on requests of
// their App ID.
type enterprise struct {
	name     string // value of the label enterprise; empty for no label
	setting  func(key string) string
	client   *client.Client
	ledger   *ledger.Ledger
	poller   *poller.Poller
	optional optional
	meetings prometheus.Gatherer // the metrics of the ledger
	logger   log.Logger
}

// enterprises are all enterprises of the process: with flags alone there is one.
type enterprises []*enterprise

// newEnterprises builds the enterprises of the options. Their metrics beside
// those of the ledgers go to self.
func newEnterprises(opts *options, self prometheus.Registerer, logger log.Logger) (all enterprises, err error) {
	defer func() {
		if err != nil {
			all.closeLedgers()
		}
	}()
	entries := opts.enterprises()
	configs := make([]client.Config, len(entries))
	for i := range entries {
		if configs[i], err = opts.clientConfig(&entries[i]); err != nil {
			return all, err
		}
	}
	shareLimiters(configs)
	for i := range entries {
		e, err := newEnterprise(opts, &entries[i], configs[i], self, logger)
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

// shareLimiters gives the enterprises of one App ID or account one limiter, with
// the smallest of their limits: the service limits them together.
func shareLimiters(configs []client.Config) {
	smallest := map[string]int{}
	for i := range configs {
		app, limit := configs[i].Application(), configs[i].MaxRequestsPerMinute
		if least, ok := smallest[app]; !ok || limit < least {
			smallest[app] = limit
		}
	}
	limiters := map[string]*client.Limiter{}
	for i := range configs {
		app := configs[i].Application()
		if limiters[app] == nil {
			limiters[app] = client.NewLimiter(smallest[app])
		}
		configs[i].Limiter = limiters[app]
	}
}

func newEnterprise(opts *options, entry *enterpriseOptions, config client.Config, self prometheus.Registerer, logger log.Logger) (*enterprise, error) {
	e := &enterprise{name: entry.name, setting: entry.setting, logger: logger}
	meetings := prometheus.NewRegistry()
	var labelled prometheus.Registerer = meetings
	if e.name != "" {
		e.logger = log.With(logger, "enterprise", e.name)
		label := prometheus.Labels{"enterprise": e.name}
		self, labelled = prometheus.WrapRegistererWith(label, self), prometheus.WrapRegistererWith(label, meetings)
	}
	requests := collector.NewRequests(client.Endpoints())
	config.Observe = func(e client.Exchange) { requests.Observe(e.Endpoint, e.Status, e.Duration, e.Date, e.Received) }
	var err error
	if e.client, err = client.New(config); err != nil {
		return nil, err
	}
	if e.ledger, err = opts.openLedger(entry, config.Owner()); err != nil {
		return nil, err
	}
	pollerConfig := opts.pollerConfig(e.logger)
	pollerConfig.Delay = pollDelay(e.name, opts.interval)
	e.poller = poller.New(pollerConfig, e.client, e.ledger)
	e.optional = opts.newOptional(e.name, e.client, e.ledger, e.logger)
	labelled.MustRegister(collector.New(e.ledger, opts.window, time.Now))
	if opts.attendance {
		labelled.MustRegister(collector.NewAttendance(e.ledger))
	}
	e.meetings = collector.NewGatherer(meetings, e.ledger, time.Now)
	self.MustRegister(collector.NewHealth(e.poller.Status), requests)
	self.MustRegister(e.optional.metrics...)
	return e, nil
}

// pollDelay spreads the polls of enterprises over the interval. The delay of a
// name is the same at every start.
func pollDelay(name string, interval time.Duration) time.Duration {
	if name == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return time.Duration(h.Sum64() % uint64(interval))
}

// run polls for all enterprises until ctx is done.
func (all enterprises) run(ctx context.Context) {
	var polling sync.WaitGroup
	for _, e := range all {
		for _, loop := range append(e.optional.loops, e.poller.Run) {
			polling.Go(func() { loop(ctx) })
		}
	}
	polling.Wait()
}

// ready reports whether the first sweep of every enterprise is complete.
func (all enterprises) ready() bool {
	return !slices.ContainsFunc(all, func(e *enterprise) bool { return !e.poller.Status().Ready })
}

// snapshots returns what each ledger has published.
func (all enterprises) snapshots() []*ledger.Snapshot {
	snapshots := make([]*ledger.Snapshot, len(all))
	for i, e := range all {
		snapshots[i] = e.ledger.Snapshot()
	}
	return snapshots
}

// gatherer gathers the metrics of all ledgers and those of self.
func (all enterprises) gatherer(self prometheus.Gatherer) prometheus.Gatherers {
	gatherers := prometheus.Gatherers{self}
	for _, e := range all {
		gatherers = append(gatherers, e.meetings)
	}
	return gatherers
}

// page returns the page for people.
func (all enterprises) page(opts *options, logger log.Logger) (http.Handler, error) {
	cfg := page.Config{
		Window: opts.window, Metrics: opts.telemetryPath, Healthy: healthyPath, Ready: readyPath,
		Version: version.Version, Now: time.Now, Logger: logger,
	}
	for _, e := range all {
		cfg.Enterprises = append(cfg.Enterprises, page.Enterprise{
			Name: e.name, Setting: e.setting, Snapshot: e.ledger.Snapshot, Poller: e.poller.Status,
			Live: e.optional.live, Resources: e.optional.resources, Attendance: e.optional.attendance,
		})
	}
	return page.New(cfg)
}

// signOut gives the tokens back, within signOutTimeout for all together.
func (all enterprises) signOut() {
	ctx, cancel := context.WithTimeout(context.Background(), signOutTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, e := range all {
		wg.Go(func() { signOut(ctx, e.client, e.logger) })
	}
	wg.Wait()
}

// signOut gives the token of a client back.
func signOut(ctx context.Context, c *client.Client, logger log.Logger) {
	if err := c.Close(ctx); err != nil {
		level.Warn(logger).Log("msg", "Sign-out failed; the token stays valid until it expires", "err", err)
	}
}

func (all enterprises) closeLedgers() {
	for _, e := range all {
		closeLedger(e.ledger, e.logger)
	}
}

func closeLedger(l *ledger.Ledger, logger log.Logger) {
	if err := l.Close(); err != nil {
		level.Warn(logger).Log("msg", "The ledger was not closed; nothing is lost", "err", err)
	}
}
