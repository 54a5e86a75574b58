// Package backfill writes past history as OpenMetrics files for promtool.
//
// It promises:
//   - Each meeting that ended in the range counts once, at its end, by the
//     ledger and the collector that also count live meetings.
//   - A file is complete or absent. One run at a time writes to a directory.
//   - An interrupted run continues after the last finished day.
//   - Memory grows with the largest day, not with the range.
package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

const day = 24 * time.Hour

// minSampleAge is the minimum age of a sample. Prometheus keeps younger ones in
// its head block, which a backfilled block must not overlap.
const minSampleAge = 3 * time.Hour

// Config says what to write and where.
type Config struct {
	// From and To bound the ends of the meetings. To is not included, and is
	// the time of the last sample. Both are multiples of Step in UTC.
	From, To time.Time
	// Step is the time between two samples of a series.
	Step time.Duration
	// Output is the directory of the files. A missing one is made.
	Output string
	// Job and Instance are labels of every series.
	Job, Instance string
	// Owner says whose meetings they are, see client.Config.
	Owner string
	// Ledger holds the rules of counting.
	Ledger ledger.Config
	// Done is called once at the start and then after each finished day.
	Done func(Progress)
}

// Progress is the progress of a backfill.
type Progress struct {
	// Day is the day that was just finished, zero at the start.
	Day time.Time
	// Days of Of days are finished, those of earlier runs included.
	Days, Of int
	// Meetings is the number of meetings that ended on Day.
	Meetings int
}

// Validate checks the configuration. Now is the wall clock. Its errors begin
// with the name of the flag.
func (c *Config) Validate(now time.Time) error {
	switch {
	case c.Step < time.Minute || c.Step%time.Minute != 0 || day%c.Step != 0:
		return fmt.Errorf("--step: %s is not a number of whole minutes that divides a day", c.Step)
	case !c.From.Equal(c.From.Truncate(c.Step)):
		return fmt.Errorf("--from: %s is not a multiple of --step %s", c.From.Format(time.RFC3339), c.Step)
	case !c.To.Equal(c.To.Truncate(c.Step)):
		return fmt.Errorf("--to: %s is not a multiple of --step %s", c.To.Format(time.RFC3339), c.Step)
	case !c.From.Before(c.To):
		return fmt.Errorf("--to: %s is not later than --from %s", c.To.Format(time.RFC3339), c.From.Format(time.RFC3339))
	case now.Sub(c.To) < minSampleAge:
		return fmt.Errorf("--to: %s is less than 3 hours ago: Prometheus accepts older samples only; the latest possible time is %s",
			c.To.Format(time.RFC3339), now.Add(-minSampleAge).UTC().Truncate(c.Step).Format(time.RFC3339))
	case c.Output == "":
		return errors.New("--output: needed")
	case c.Job == "":
		return errors.New("--job: must not be empty")
	case c.Instance == "":
		return errors.New("--instance: must not be empty")
	}
	return nil
}

// reach is how long before a sample a meeting may have started that its gauges
// show.
func (c *Config) reach() time.Duration { return c.Ledger.Window + c.Ledger.MaxMeetingDuration }

// days returns the midnights of the UTC days of the range.
func (c *Config) days() []time.Time {
	var days []time.Time
	for d := c.From.UTC().Truncate(day); d.Before(c.To); d = d.Add(day) {
		days = append(days, d)
	}
	return days
}

// run is the state of a running backfill.
type run struct {
	Config
	history  *history
	ledger   *ledger.Ledger
	gatherer prometheus.Gatherer
	at       time.Time // the time of the current sample
}

// Run writes the files of all days that are not finished, and returns the
// ledger at the end of the range. After an error, another run continues after
// the last finished day.
func Run(ctx context.Context, c *client.Client, cfg Config) (*ledger.Ledger, error) {
	// Each file shows the 0 of a series at the step before, so nothing is held for
	// longer.
	cfg.Ledger.Hold = 0
	r := &run{Config: cfg, history: newHistory(c)}
	unlock, err := r.openOutput()
	if err != nil {
		return nil, err
	}
	defer func() { _ = unlock() }() // the end of the process unlocks too
	days := cfg.days()
	finished, err := r.resume(days)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.New(r.ledger, cfg.Ledger.Window, func() time.Time { return r.at }))
	r.gatherer = registry

	cfg.Done(Progress{Days: finished, Of: len(days)})
	for i, d := range days[finished:] {
		if i == 0 {
			err = r.readBefore(ctx, r.firstSample(d))
		}
		var meetings int
		if err == nil {
			meetings, err = r.day(ctx, d)
		}
		if err != nil {
			return nil, fmt.Errorf("%w; the same command continues after the last finished day", err)
		}
		cfg.Done(Progress{Day: d, Days: finished + i + 1, Of: len(days), Meetings: meetings})
	}
	return r.ledger, nil
}

// Seed lets a new ledger continue from the end of a backfill. Meetings that are
// listed later and started before the range do not count.
func (c *Config) Seed(into, from *ledger.Ledger) error {
	horizon := c.To.Add(-c.reach())
	if horizon.Before(c.From) {
		horizon = c.From
	}
	return into.Seed(from, horizon)
}

// firstSample returns the time of the first sample of a day.
func (r *run) firstSample(d time.Time) time.Time {
	if d.Before(r.From) {
		return r.From
	}
	return d
}

// readBefore reads the meetings that started before the first day of a run. The
// run needs those that end later. At the beginning of the range it also needs
// those that the gauges show.
func (r *run) readBefore(ctx context.Context, begin time.Time) error {
	if begin.After(r.From) {
		r.history.handedOut = begin.Add(-r.Step) // by the last sample of the run before
	}
	return r.history.read(ctx, begin.Add(-r.reach()), begin)
}

// day counts the meetings of one day, writes its file and saves the state.
func (r *run) day(ctx context.Context, d time.Time) (meetings int, err error) {
	begin, end := r.firstSample(d), d.Add(day)
	final := end.Add(-r.Step)
	if !r.To.After(end) {
		end, final = r.To, r.To
	}
	r.history.dropBefore(begin.Add(-r.reach()))
	if err := r.history.read(ctx, begin, end); err != nil {
		return 0, err
	}
	file := newFile(r.Job, r.Instance)
	for at := begin; !at.After(final); at = at.Add(r.Step) {
		baseline := at.Equal(r.From)
		poll := ledger.Poll{
			Sweep: baseline || at.Equal(final), From: at.Add(-r.reach()), Began: at, Ended: at,
			Meetings: r.history.endedBefore(at),
		}
		if at.Before(r.To) {
			poll.Upcoming = r.history.upcoming(at.Add(r.Step))
		}
		if !baseline {
			meetings += len(poll.Meetings)
		}
		if err := r.sample(file, poll); err != nil {
			return 0, err
		}
	}
	// The state must say that the zeros of the last sample were delivered.
	if err := r.ledger.ReleaseHeld(final); err != nil {
		return 0, err
	}
	return meetings, r.save(d, file)
}

// sample counts the meetings of one step, and adds the metrics of a scrape to
// the file. That delivers them: the next sample shows what was held.
func (r *run) sample(file *file, poll ledger.Poll) error {
	r.at = poll.Ended
	if err := r.ledger.Apply(poll, poll.Ended); err != nil {
		return err
	}
	families, err := r.gatherer.Gather()
	if err != nil {
		return fmt.Errorf("gather the samples of %s: %w", r.at.Format(time.RFC3339), err)
	}
	file.add(r.at, families)
	r.ledger.Snapshot().MarkDelivered(r.at)
	return nil
}

// byEnd orders meetings by their end. The order is the same in every run.
func byEnd(a, b meeting.Meeting) int {
	return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.UUID, b.UUID))
}
