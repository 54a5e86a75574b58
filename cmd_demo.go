package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// demo serves the metrics of the embedded simulator.
func demo(ctx context.Context, opts *options) error {
	if opts.storagePath != "" {
		return errors.New("--storage.path: cannot be used with the command demo, whose meetings are invented anew at every start")
	}
	if opts.demoEnterprises < 1 {
		return errors.New("--demo.enterprises: must be positive")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the simulated service: %w", err)
	}
	// The service outlives the exporter, which signs out at its end.
	serviceCtx, stopService := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() { stopped <- serveHTTP(serviceCtx, listener, demoService(opts.demoEnterprises)) }()

	opts.useSimulator("http://" + listener.Addr().String())
	printDemo(os.Stdout, opts)
	err = serve(ctx, opts)
	stopService()
	return errors.Join(err, <-stopped)
}

// useSimulator points the options at the simulated service of the demo.
func (o *options) useSimulator(endpoint string) {
	o.enterpriseOptions = enterpriseOptions{
		endpoint: endpoint, appID: demoAppID, maxRequestsPerMinute: o.maxRequestsPerMinute,
		secret: func() (string, error) { return demoAppKey, nil },
	}
	if o.demoEnterprises > 1 {
		for i := range o.demoEnterprises {
			e := o.enterpriseOptions
			e.name, e.corpID = fmt.Sprintf("enterprise %d", i+1), demoCorpID(i)
			o.several = append(o.several, e)
		}
	}
}

func printDemo(w io.Writer, o *options) {
	host := (*o.web.WebListenAddresses)[0]
	if strings.HasPrefix(host, ":") {
		host = "localhost" + host
	}
	fmt.Fprintf(w, `A simulated enterprise: no account, no network; every person and meeting is invented.

  For people    http://%[1]s/
  Metrics       http://%[1]s%[2]s
  One of them   curl -s http://%[1]s%[2]s | grep recent_meetings

The past day is there after some seconds. About once a minute a meeting ends
somewhere. The counters that end in _total start at 0. They begin to rise one to
two minutes after a scrape has read that 0. Stop with Ctrl-C.

`, host, o.telemetryPath)
}
