package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
)

// At the end, scrapes under way get drainTimeout and the sign-out gets
// signOutTimeout, so the process ends within 5 s.
const (
	drainTimeout   = 2 * time.Second
	signOutTimeout = 2 * time.Second
)

// serve polls the service in the background and serves the metrics.
func serve(ctx context.Context, opts *options) error {
	clientConfig, err := opts.clientConfig()
	if err != nil {
		return err
	}
	logger, toolkitLogger := newLoggers(os.Stderr, opts.logLevel, opts.logFormat)

	// Service -> client -> poller -> ledger -> collector -> scrape.
	requests := collector.NewRequests(client.Endpoints(), time.Now)
	clientConfig.Observe = func(e client.Exchange) { requests.Observe(e.Endpoint, e.Status, e.Duration, e.Date) }
	client, err := client.New(clientConfig)
	if err != nil {
		return err
	}
	ledger, err := opts.openLedger(clientConfig.Owner())
	if err != nil {
		return err
	}
	defer closeLedger(ledger, logger)
	level.Info(logger).Log("msg", "Starting "+program, "version", version.Info(), "remembered", ledger.Snapshot().Remembered())
	poller := poller.New(opts.pollerConfig(logger), client, ledger)
	live := defaultLiveOptions()
	optional := live.optional(client, ledger, logger)

	meetingRegistry, selfRegistry := prometheus.NewRegistry(), prometheus.NewRegistry()
	meetingRegistry.MustRegister(collector.New(ledger, opts.window, time.Now))
	selfRegistry.MustRegister(
		collector.NewHealth(poller.Status),
		requests,
		versioncollector.NewCollector(program),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	selfRegistry.MustRegister(optional.metrics...)
	ready := func() bool { return poller.Status().Ready }
	handler, err := newHandler(opts, ready, selfRegistry, prometheus.Gatherers{
		collector.NewGatherer(meetingRegistry, ledger, time.Now),
		selfRegistry,
	}, ledger.Snapshot, logger)
	if err != nil {
		return err
	}

	// The poller and the server run until ctx ends them or the server fails. The
	// poller starts once all addresses are bound: a start that fails must not
	// sign in, since the service keeps at most 64 tokens for a user.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	bound := make(chan struct{})
	tellBound := sync.OnceFunc(func() { close(bound) })
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		// Called for each listener, after exporter-toolkit has made them all.
		BaseContext: func(net.Listener) context.Context {
			tellBound()
			return context.Background()
		},
	}
	var polling sync.WaitGroup
	for _, run := range append(optional.loops, poller.Run) {
		polling.Go(func() {
			select {
			case <-bound:
				run(ctx)
			case <-ctx.Done():
			}
		})
	}
	served := make(chan error, 1)
	go func() { served <- web.ListenAndServe(server, opts.web, toolkitLogger) }()

	select {
	case <-ctx.Done():
		drain(server)
	case err = <-served:
		err = fmt.Errorf("--web.listen-address: %w", err)
	}
	cancel()
	polling.Wait()
	signOut(client, logger)
	level.Info(logger).Log("msg", "Stopped")
	return err
}

func closeLedger(l *ledger.Ledger, logger log.Logger) {
	if err := l.Close(); err != nil {
		level.Warn(logger).Log("msg", "The ledger was not closed; nothing is lost", "err", err)
	}
}

// drain waits for scrapes under way, for drainTimeout at most.
func drain(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// signOut gives the token back.
func signOut(c *client.Client, logger log.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), signOutTimeout)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		level.Warn(logger).Log("msg", "Sign-out failed; the token stays valid until it expires", "err", err)
	}
}
