package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

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
	dryRun        bool
}

func (o *backfillOptions) register(command *kingpin.CmdClause) {
	command.Flag("from", "Begin of the range: a date such as 2026-03-01, which is midnight UTC, or a time such as 2026-03-01T08:00:00Z.").Required().StringVar(&o.from)
	command.Flag("to", "End of the range, which it excludes. At least 3 hours ago.").Required().StringVar(&o.to)
	command.Flag("step", "Time between two samples of a series: whole minutes that divide a day.").Default("5m").DurationVar(&o.step)
	command.Flag("output", "Directory for the files, one for each UTC day. A run that was interrupted goes on there.").Required().StringVar(&o.output)
	command.Flag("job", "Label job of every series, as Prometheus sets it for the live exporter.").Default("huaweicloud_meeting").StringVar(&o.job)
	command.Flag("instance", "Label instance of every series, as Prometheus sets it for the live exporter.").Default("localhost:10047").StringVar(&o.instance)
	command.Flag("dry-run", "Only say how many requests it takes, how long, and how many samples and bytes come of it.").BoolVar(&o.dryRun)
}

// backfillConfig checks what the command needs, and returns it.
func (o *options) backfillConfig(owner string) (backfill.Config, error) {
	config := backfill.Config{
		Step: o.backfill.step, Output: o.backfill.output, Job: o.backfill.job, Instance: o.backfill.instance,
		Owner: owner, Ledger: o.ledgerConfig(),
	}
	var err error
	if config.From, err = parseInstant(o.backfill.from); err != nil {
		return config, fmt.Errorf("--from: %w", err)
	}
	if config.To, err = parseInstant(o.backfill.to); err != nil {
		return config, fmt.Errorf("--to: %w", err)
	}
	return config, config.Validate(time.Now())
}

// parseInstant reads a date or a time with its zone.
func parseInstant(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return time.Time{}, fmt.Errorf("%q names no time zone: write %s for UTC", text, t.Format(time.RFC3339))
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a date such as 2026-03-01 nor a time such as 2026-03-01T08:00:00Z", text)
}

// runBackfill writes past history, and lets the ledger of --storage.path go on
// from there.
func runBackfill(ctx context.Context, opts *options) error {
	clientConfig, err := opts.clientConfig()
	if err != nil {
		return err
	}
	config, err := opts.backfillConfig(clientConfig.Owner())
	if err != nil {
		return err
	}
	logger, _ := newLoggers(os.Stderr, opts.logLevel, opts.logFormat)
	var requests atomic.Int64
	clientConfig.Observe = func(client.Exchange) { requests.Add(1) }
	service, err := client.New(clientConfig)
	if err != nil {
		return err
	}
	defer signOut(service, logger)
	if opts.backfill.dryRun {
		estimate, err := backfill.EstimateOf(ctx, service, config)
		if err != nil {
			return err
		}
		printEstimate(os.Stdout, config, estimate, opts.maxRequestsPerMinute)
		return nil
	}
	var seeded *ledger.Ledger
	if opts.storagePath != "" {
		if seeded, err = opts.openNewLedger(clientConfig.Owner()); err != nil {
			return err
		}
		defer closeLedger(seeded, logger)
	}
	config.Done = reporter(logger, &requests)
	counted, err := backfill.Run(ctx, service, config)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: the same command goes on after the last finished day")
	case err != nil:
		return err
	case seeded != nil:
		if err := config.Seed(seeded, counted); err != nil {
			return fmt.Errorf("--storage.path: %w", err)
		}
	}
	level.Info(logger).Log("msg", "Backfill complete", "output", config.Output, "requests", requests.Load(), "seeded", opts.storagePath)
	return nil
}

// openNewLedger opens the ledger's file for a backfill to seed.
func (o *options) openNewLedger(owner string) (*ledger.Ledger, error) {
	l, err := o.openLedger(owner)
	if err != nil {
		return nil, err
	}
	if !l.Snapshot().LastSweep().IsZero() {
		return nil, errors.Join(fmt.Errorf("--storage.path: %s counts already, and what it counted would be counted again: name a new file, or leave the flag out", o.storagePath), l.Close())
	}
	return l, nil
}

// reporter tells of progress: by a bar on a terminal, by log lines elsewhere.
func reporter(logger log.Logger, requests *atomic.Int64) func(backfill.Progress) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		return drawer(requests)
	}
	return func(p backfill.Progress) {
		if p.Day.IsZero() {
			level.Info(logger).Log("msg", "Backfill begins", "days", fmt.Sprintf("%d/%d", p.Days, p.Of))
			return
		}
		level.Info(logger).Log("msg", "Day finished", "day", p.Day.Format(time.DateOnly), "days", fmt.Sprintf("%d/%d", p.Days, p.Of),
			"meetings", p.Meetings, "requests", requests.Load())
	}
}

// drawer draws a bar of the days that are left, which tells when they will be
// done.
func drawer(requests *atomic.Int64) func(backfill.Progress) {
	var bar *progressbar.ProgressBar
	meetings := 0
	return func(p backfill.Progress) {
		// To draw is all that the bar can fail to do.
		switch left := p.Of - p.Days; {
		case bar != nil:
			meetings += p.Meetings
			bar.Describe(fmt.Sprintf("%s  %d meetings, %d requests; days", p.Day.Format(time.DateOnly), meetings, requests.Load()))
			_ = bar.Add(1)
		case left > 0:
			bar = progressbar.NewOptions(left, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
				progressbar.OptionSetPredictTime(true), progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }))
			_ = bar.RenderBlank()
		}
	}
}

func printEstimate(w io.Writer, c backfill.Config, e backfill.Estimate, perMinute int) {
	atLimit := time.Duration(e.Requests) * time.Minute / time.Duration(perMinute)
	fmt.Fprintf(w, `about %d meetings from %s to %s:
  requests  about %d, which take %s at %d a minute
  samples   about %d, of %d label sets at %d instants
  files     %d, about %.0f MB together
`, e.Meetings, c.From.Format(time.RFC3339), c.To.Format(time.RFC3339),
		e.Requests, atLimit.Round(time.Second), perMinute, e.Samples, e.LabelSets, e.Instants, e.Files, float64(e.Bytes)/1e6)
}
