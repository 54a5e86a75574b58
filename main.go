// The huaweicloud_meeting_exporter polls the history of ended meetings from
// Huawei Cloud Meeting and serves it as Prometheus metrics.
//
// Read from top to bottom, this file is how the program works: a command is
// chosen, and serve wires one stream of data, from the service through the
// client into the ledger, and from there through the collector to a scrape.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"huaweicloud_meeting_exporter/check"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/simulator"
)

const program = "huaweicloud_meeting_exporter"

// On shutdown the service gets signOutGrace to take the token back and
// scrapes under way get drainGrace, so that the process ends within 5 s.
const (
	drainGrace   = 2 * time.Second
	signOutGrace = 2 * time.Second
)

//go:embed VERSION
var versionFile string

func main() {
	version.Version = strings.TrimSpace(versionFile)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		oneLine := strings.Join(strings.Fields(err.Error()), " ")
		fmt.Fprintf(os.Stderr, "%s: error: %s\n", program, oneLine)
		os.Exit(1)
	}
}

// run carries out the command that the arguments name, until it is done or
// ctx is.
func run(ctx context.Context, args []string) error {
	command, opts, err := parseFlags(args)
	if err != nil {
		return err
	}
	if command == commandSimulate {
		return simulate(ctx, opts)
	}
	if err := opts.validate(); err != nil {
		return err
	}
	switch command {
	case commandCheck:
		return runCheck(ctx, opts)
	case commandDemo:
		return demo(ctx, opts)
	case commandBackfill:
		return runBackfill(ctx, opts)
	default:
		return serve(ctx, opts)
	}
}

// serve polls the service in the background and serves the metrics.
func serve(ctx context.Context, opts *options) error {
	clientConfig, err := opts.clientConfig()
	if err != nil {
		return err
	}
	logger, toolkitLogger := newLoggers(os.Stderr, opts.logLevel, opts.logFormat)

	// Service -> client -> ledger -> collector: what follows is that line.
	health := collector.NewHealth(time.Now)
	clientConfig.Observe = health.Observe
	service, err := client.New(clientConfig)
	if err != nil {
		return err
	}
	meetings, err := opts.openLedger(clientConfig.Owner())
	if err != nil {
		return err
	}
	defer closeLedger(meetings, logger)
	level.Info(logger).Log("msg", "Starting "+program, "version", version.Info(), "remembered", meetings.Snapshot().Size())
	poller := collector.NewPoller(opts.pollerConfig(logger), service, meetings, health)

	meetingRegistry, selfRegistry := prometheus.NewRegistry(), prometheus.NewRegistry()
	meetingRegistry.MustRegister(collector.New(meetings, opts.window, time.Now))
	selfRegistry.MustRegister(
		health,
		versioncollector.NewCollector(program),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	handler, err := newHandler(opts, poller.Ready, selfRegistry, prometheus.Gatherers{
		collector.NewGatherer(meetingRegistry, meetings, time.Now),
		selfRegistry,
	}, logger)
	if err != nil {
		return err
	}

	// The poller and the server run until the server fails or ctx ends it all.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var polling sync.WaitGroup
	polling.Go(func() { poller.Run(ctx) })
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
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
	signOut(service, logger)
	level.Info(logger).Log("msg", "Stopped")
	return err
}

func closeLedger(meetings *ledger.Ledger, logger log.Logger) {
	if err := meetings.Close(); err != nil {
		level.Warn(logger).Log("msg", "The ledger was not closed; nothing is lost", "err", err)
	}
}

// drain lets scrapes under way end, for a while.
func drain(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), drainGrace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}

// signOut gives the token back, for at most 64 live per user.
func signOut(service *client.Client, logger log.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), signOutGrace)
	defer cancel()
	if err := service.Close(ctx); err != nil {
		level.Warn(logger).Log("msg", "The token was not given back; it lives on until it expires", "err", err)
	}
}

// demo serves the metrics of the embedded simulator.
func demo(ctx context.Context, opts *options) error {
	if opts.storagePath != "" {
		return errors.New("--storage.path: not with the command demo: its meetings are invented, and end with it")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the simulated service: %w", err)
	}
	// The service outlives the exporter, which signs out at its end.
	serviceCtx, stopService := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- serveSimulator(serviceCtx, listener) }()

	opts.useSimulator("http://" + listener.Addr().String())
	printDemo(os.Stdout, opts)
	err = serve(ctx, opts)
	stopService()
	return errors.Join(err, <-ended)
}

// simulate runs only the simulated service.
func simulate(ctx context.Context, opts *options) error {
	listener, err := net.Listen("tcp", opts.simulateAddress)
	if err != nil {
		return fmt.Errorf("--simulate.listen-address: %w", err)
	}
	printSimulate(os.Stdout, listener.Addr())
	return serveSimulator(ctx, listener)
}

// serveSimulator serves the demo's enterprise until ctx is done.
func serveSimulator(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: simulator.New(demoEnterprise()), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the simulated service: %w", err)
	}
	return nil
}

// runCheck tells in plain words whether polling would work.
func runCheck(ctx context.Context, opts *options) error {
	clientConfig, err := opts.clientConfig()
	if err != nil {
		return err
	}
	return check.Run(ctx, clientConfig, opts.window, os.Stdout)
}
