// The huaweicloud_meeting_exporter polls Huawei Cloud Meeting, and serves what it
// reads as Prometheus metrics and as a page for people.
//
// This file chooses the command. Each command has a file of its own: start with
// cmd_serve.go. It starts and stops what enterprise.go connects, in the order of
// the data flow: from the service through client, poller and ledger to the
// collector and a scrape.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/common/version"
)

const program = "huaweicloud_meeting_exporter"

//go:embed VERSION
var versionFile string

func main() {
	version.Version = strings.TrimSpace(versionFile)
	// Files are read whenever they are used, so there is nothing to reload.
	signal.Ignore(syscall.SIGHUP)
	if err := run(os.Args[1:]); err != nil {
		oneLine := strings.Join(strings.Fields(err.Error()), " ")
		fmt.Fprintf(os.Stderr, "%s: error: %s\n", program, oneLine)
		os.Exit(1)
	}
}

// run runs the command that the arguments name until it is done or a signal ends
// it.
func run(args []string) error {
	command, opts, err := parseFlags(args)
	if err != nil {
		return err
	}
	if command != commandSimulate {
		if err := opts.validate(); err != nil {
			return err
		}
		if err := opts.loadEnterprises(command); err != nil {
			return err
		}
		if err := opts.readPipes(); err != nil {
			return err
		}
	}
	// Until here, a signal ends the process at once, also if it waits for a pipe
	// to which nothing writes.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch command {
	case commandSimulate:
		return simulate(ctx, opts)
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
