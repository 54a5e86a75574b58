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

// demoService returns the service of the demo's enterprise or, in SP mode, of
// several ones, each smaller than the one before.
func demoService(enterprises int) http.Handler {
	if enterprises == 1 {
		return simulator.New(demoEnterprise())
	}
	var all []*simulator.Service
	for i := range enterprises {
		config := demoEnterprise()
		config.Seed += uint64(i)
		config.MeetingsPerDay /= i + 1
		config.CorpID = demoCorpID(i)
		all = append(all, simulator.New(config))
	}
	return simulator.NewProvider(all...)
}

// demoCorpID returns the corp ID of an enterprise in SP mode.
func demoCorpID(i int) string { return fmt.Sprintf("corp%d", i+1) }

// simulate runs only the simulated service.
func simulate(ctx context.Context, opts *options) error {
	if opts.simulateEnterprises < 1 {
		return errors.New("--simulate.enterprises: must be positive")
	}
	listener, err := net.Listen("tcp", opts.simulateAddress)
	if err != nil {
		return fmt.Errorf("--simulate.listen-address: %w", err)
	}
	printSimulate(os.Stdout, listener.Addr(), opts.simulateEnterprises)
	return serveHTTP(ctx, listener, demoService(opts.simulateEnterprises))
}

func printSimulate(w io.Writer, addr net.Addr, enterprises int) {
	corpID := ""
	if enterprises > 1 {
		corpID = " --huaweicloud.corp-id=" + demoCorpID(0)
	}
	fmt.Fprintf(w, `The simulated service listens on http://%[2]s. Point an exporter at it:

  export %[3]s=%[5]s
  %[1]s --huaweicloud.endpoint=http://%[2]s --huaweicloud.app-id=%[4]s%[6]s

`, program, addr, appKeyVariable, demoAppID, demoAppKey, corpID)
	if enterprises > 1 {
		fmt.Fprintf(w, "The App ID is in SP mode. Its enterprises have the corp IDs %s to %s.\n\n", demoCorpID(0), demoCorpID(enterprises-1))
	}
}

// serveHTTP serves a simulated service until ctx is done.
func serveHTTP(ctx context.Context, listener net.Listener, service http.Handler) error {
	server := &http.Server{Handler: service, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the simulated service: %w", err)
	}
	return nil
}
