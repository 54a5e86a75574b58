package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

// backfillOptions are the values of the flags of the command backfill.
type backfillOptions struct {
	from, to      string
	step          time.Duration
	output        string
	job, instance string
	labels        []string
	dryRun        bool

	storeURL, storeConfigFile string
	storeHeaders              []string
}

func (o *backfillOptions) register(command *kingpin.CmdClause) {
	command.Flag("from", "Begin of the range: a date such as 2026-03-01, which means midnight UTC, or a time such as 2026-03-01T08:00:00Z.").Required().StringVar(&o.from)
	command.Flag("to", "End of the range, not included. It must be at least 3 hours ago.").Required().StringVar(&o.to)
	command.Flag("step", "Time between two samples of a series, in whole minutes that divide a day.").Default("5m").DurationVar(&o.step)
	command.Flag("output", "Directory of the files of this backfill, one for each UTC day. A run that was interrupted continues there. With --remote-write.url, it holds only what is needed for that.").Required().StringVar(&o.output)
	command.Flag("job", "Label job of every series, as Prometheus sets it for the live exporter.").Default("huaweicloud_meeting").StringVar(&o.job)
	command.Flag("instance", "Label instance of every series, as Prometheus sets it for the live exporter.").Default("localhost:10047").StringVar(&o.instance)
	command.Flag("label", "Another label of every series that Prometheus sets for the live exporter, as name=value. Repeatable.").PlaceHolder("NAME=VALUE").StringsVar(&o.labels)
	command.Flag("remote-write.url", "URL at which a store takes samples by remote write, such as http://localhost:9090/api/v1/write. With it, the samples are sent there, and no files are written.").StringVar(&o.storeURL)
	command.Flag("remote-write.config.file", "YAML file that says how to sign in to the store, with the keys of the HTTP client of Prometheus, such as basic_auth, authorization, tls_config, proxy_url and http_headers.").StringVar(&o.storeConfigFile)
	command.Flag("remote-write.header", "Header of each request to the store, as Name=Value. Repeatable. Others on this machine can read arguments: put a secret into --remote-write.config.file.").PlaceHolder("NAME=VALUE").StringsVar(&o.storeHeaders)
	command.Flag("dry-run", "Only estimate the number of requests, the time, and the number of samples and bytes. With --remote-write.url, also ask the store with one sample whether it accepts samples as old as --from.").BoolVar(&o.dryRun)
}

// backfillConfig checks and returns the configuration of a backfill.
func (o *options) backfillConfig(enterprise, owner string) (backfill.Config, error) {
	config := backfill.Config{
		Step: o.backfill.step, Output: o.backfill.output, Job: o.backfill.job, Instance: o.backfill.instance,
		Owner: owner, Ledger: o.ledgerConfig(),
	}
	config.Ledger.Attendance = false // a backfill reads none
	var err error
	if config.From, err = parseInstant(o.backfill.from); err != nil {
		return config, fmt.Errorf("--from: %w", err)
	}
	if config.To, err = parseInstant(o.backfill.to); err != nil {
		return config, fmt.Errorf("--to: %w", err)
	}
	if config.Labels, err = parseLabels(o.backfill.labels); err != nil {
		return config, fmt.Errorf("--label: %w", err)
	}
	if enterprise != "" {
		if _, twice := config.Labels["enterprise"]; twice {
			return config, errors.New("--label: --config.file already gives the series the label enterprise")
		}
		config.Labels["enterprise"] = enterprise
	}
	return config, config.Validate(time.Now())
}

// parseLabels parses labels of the form name=value.
func parseLabels(texts []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return nil, fmt.Errorf("%q is not of the form name=value", text)
		}
		if _, twice := labels[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		labels[name] = value
	}
	return labels, nil
}

// parseInstant parses a date, or a time with its zone.
func parseInstant(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return time.Time{}, fmt.Errorf("%q has no time zone: write %s for UTC", text, t.Format(time.RFC3339))
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a date such as 2026-03-01 nor a time such as 2026-03-01T08:00:00Z", text)
}

// runBackfill writes or sends past history, and seeds the ledger of --storage.path.
func runBackfill(ctx context.Context, opts *options) error {
	enterprise := &opts.enterprises()[0]
	clientConfig, err := opts.clientConfig(enterprise)
	if err != nil {
		return err
	}
	config, err := opts.backfillConfig(enterprise.name, clientConfig.Owner())
	if err != nil {
		return err
	}
	logger, _ := newLoggers(os.Stderr, opts.logLevel, opts.logFormat)
	report := newReport(logger)
	if config.Store, err = opts.backfill.store(report.storeFailed); err != nil {
		return err
	}
	clientConfig.Observe = report.observe
	c, err := client.New(clientConfig)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), signOutTimeout)
		defer cancel()
		signOut(ctx, c, logger)
	}()
	if opts.backfill.dryRun {
		estimate, err := backfill.EstimateOf(ctx, c, config)
		if err != nil {
			return err
		}
		printEstimate(os.Stdout, config, estimate, enterprise.maxRequestsPerMinute)
		return askStore(ctx, os.Stdout, &config)
	}
	var seeded *ledger.Ledger
	if opts.storagePath != "" {
		if seeded, err = opts.openNewLedger(clientConfig.Owner()); err != nil {
			return err
		}
		defer closeLedger(seeded, logger)
	}
	config.Requests, config.Failed, config.Done = report.historyRequests, report.failed, report.done
	counted, err := backfill.Run(ctx, c, config)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: the same command continues after the last finished day")
	case err != nil:
		return err
	case seeded != nil:
		if err := config.Seed(seeded, counted); err != nil {
			return fmt.Errorf("--storage.path: %w", err)
		}
	}
	report.finished(config.Output, opts.storagePath)
	return nil
}

// openNewLedger opens the ledger's file for a backfill to seed.
func (o *options) openNewLedger(owner string) (*ledger.Ledger, error) {
	l, err := o.openLedger(&o.enterpriseOptions, owner)
	if err != nil {
		return nil, err
	}
	if !l.Snapshot().LastSweep().IsZero() {
		return nil, errors.Join(fmt.Errorf("--storage.path: %s already contains counted meetings, and the backfill would count them again: name a new file, or omit the flag", o.storagePath), l.Close())
	}
	return l, nil
}

func printEstimate(w io.Writer, c backfill.Config, e backfill.Estimate, perMinute int) {
	atLimit := time.Duration(e.Requests) * time.Minute / time.Duration(perMinute)
	fmt.Fprintf(w, `about %d meetings from %s to %s:
  requests  about %d, which take %s at %d a minute
  samples   about %d, of %d label sets at %d instants
`, e.Meetings, c.From.Format(time.RFC3339), c.To.Format(time.RFC3339),
		e.Requests, atLimit.Round(time.Second), perMinute, e.Samples, e.LabelSets, e.Instants)
	if c.Store == nil {
		fmt.Fprintf(w, "  files     %d, about %.0f MB together\n", e.Files, float64(e.Bytes)/1e6)
	}
}
