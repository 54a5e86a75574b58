package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The credentials that the simulated service of demo and simulate accepts.
const (
	demoAppID  = "demo"
	demoAppKey = "demo-app-key"
)

// demoEnterprise has offices around the world, so about every minute a meeting
// ends, at any hour.
func demoEnterprise() simulator.Config {
	return simulator.Config{
		Seed:           1,
		MeetingsPerDay: 1500,
		Worldwide:      true,
		AppID:          demoAppID,
		AppKey:         demoAppKey,
		RateLimit:      100,
	}
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

func printSimulate(w io.Writer, addr net.Addr) {
	fmt.Fprintf(w, `The simulated service listens on http://%[2]s. Point an exporter at it:

  export %[3]s=%[5]s
  %[1]s --huaweicloud.endpoint=http://%[2]s --huaweicloud.app-id=%[4]s

`, program, addr, appKeyVariable, demoAppID, demoAppKey)
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
