package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
)

// At the end, scrapes under way get drainTimeout and the sign-out gets
// signOutTimeout, so the process ends within 5 s.
const (
	drainTimeout   = 2 * time.Second
	signOutTimeout = 2 * time.Second
)

// serve polls the service in the background and serves the metrics.
func serve(ctx context.Context, opts *options) error {
	logger, toolkitLogger := newLoggers(os.Stderr, opts.logLevel, opts.logFormat)
	self := prometheus.NewRegistry() // the metrics of the exporter itself
	self.MustRegister(
		versioncollector.NewCollector(program),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	enterprises, err := newEnterprises(opts, self, logger)
	if err != nil {
		return err
	}
	defer enterprises.closeLedgers()
	remembered := 0
	for _, snapshot := range enterprises.snapshots() {
		remembered += snapshot.Remembered()
	}
	level.Info(logger).Log("msg", "Starting "+program, "version", version.Info(), "enterprises", len(enterprises), "remembered", remembered)
	people, err := enterprises.page(opts, logger)
	if err != nil {
		return err
	}
	handler := newHandler(opts, people, enterprises.ready, self, enterprises.gatherer(self), enterprises.snapshots, logger)

	// The pollers and the server run until ctx ends them or the server fails. The
	// pollers start once all addresses are bound: a start that fails must not sign
	// in, since the service keeps at most 64 tokens for a user.
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
	polling.Go(func() {
		select {
		case <-bound:
			enterprises.run(ctx)
		case <-ctx.Done():
		}
	})
	served := make(chan error, 1)
	go func() { served <- web.ListenAndServe(server, opts.web, toolkitLogger) }()

	select {
	case <-ctx.Done():
		drain(server)
	case err = <-served:
		err = fmt.Errorf("%s: %w", opts.listenFlag(), err)
	}
	cancel()
	polling.Wait()
	enterprises.signOut()
	level.Info(logger).Log("msg", "Stopped")
	return err
}

// drain waits for scrapes under way, for drainTimeout at most.
func drain(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}
