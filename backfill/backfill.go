// Package backfill writes the history that was there before the exporter was,
// as OpenMetrics files for promtool.
//
// It promises that every meeting that ended in the range is counted once, at
// its end, by the same ledger and collector that count live ones; that a file
// is complete or absent; that an interrupted run goes on where it stopped and
// repeats no finished day; and that memory grows with the largest day, not
// with the range.
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

// youngest is how old a sample must be: Prometheus keeps what is younger in
// its head block, with which a backfilled block would collide.
const youngest = 3 * time.Hour

// Config says what to write and where.
type Config struct {
	// From and To bound the ends of the meetings; To is exclusive, and the
	// last sample. Both are whole steps of UTC.
	From, To time.Time
	// Step is the time between two samples of a series.
	Step time.Duration
	// Output is the directory of the files, made if missing.
	Output string
	// Job and Instance are labels of every series.
	Job, Instance string
	// Owner tells whose meetings they are, see client.Config.
	Owner string
	// Ledger holds the rules of counting.
	Ledger ledger.Config
	// Done is told at first how many days earlier runs have finished, and then
	// of every day that this one does.
	Done func(Progress)
}

// Progress is how far a backfill has come.
type Progress struct {
	Day      time.Time // the one that is finished, zero at first
	Days, Of int
	Meetings int // that ended on the day
}

// Validate checks the range against the clock. Its errors begin with the name
// of the flag.
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
	case now.Sub(c.To) < youngest:
		return fmt.Errorf("--to: %s is less than 3 hours ago: Prometheus takes in older samples only; the latest possible is %s",
			c.To.Format(time.RFC3339), now.Add(-youngest).UTC().Truncate(c.Step).Format(time.RFC3339))
	case c.Output == "":
		return errors.New("--output: needed")
	case c.Job == "":
		return errors.New("--job: must not be empty")
	case c.Instance == "":
		return errors.New("--instance: must not be empty")
	}
	return nil
}

// reach is how long before an instant a meeting may have started that the
// gauges show then.
func (c *Config) reach() time.Duration { return c.Ledger.Window + c.Ledger.MaxMeetingDuration }

// days are the UTC days of the range, each by its midnight.
func (c *Config) days() []time.Time {
	var days []time.Time
	for d := c.From.UTC().Truncate(day); d.Before(c.To); d = d.Add(day) {
		days = append(days, d)
	}
	return days
}

// run is a backfill under way.
type run struct {
	Config
	history  *history
	ledger   *ledger.Ledger
	gatherer prometheus.Gatherer
	at       time.Time // of the sample in the making
}

// Run writes all days that are not there yet, and returns the ledger as it is
// at the end of the range. An error is worth another run, which goes on after
// the last finished day.
func Run(ctx context.Context, c *client.Client, cfg Config) (*ledger.Ledger, error) {
	r := &run{Config: cfg, history: newHistory(c)}
	if err := r.makeOutput(); err != nil {
		return nil, err
	}
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
			err = r.lead(ctx, r.begin(d))
		}
		var meetings int
		if err == nil {
			meetings, err = r.day(ctx, d)
		}
		if err != nil {
			return nil, fmt.Errorf("%w; the same command goes on after the last finished day", err)
		}
		cfg.Done(Progress{Day: d, Days: finished + i + 1, Of: len(days), Meetings: meetings})
	}
	return r.ledger, nil
}

// Seed lets a new ledger go on from the end of a backfill. What is listed
// later and started before the range is not counted.
func (c *Config) Seed(into, from *ledger.Ledger) error {
	horizon := c.To.Add(-c.reach())
	if horizon.Before(c.From) {
		horizon = c.From
	}
	return into.Seed(from, horizon)
}

// begin is the first sample of a day.
func (r *run) begin(d time.Time) time.Time {
	if d.Before(r.From) {
		return r.From
	}
	return d
}

// lead reads, before the first day of a run, the meetings that started before
// it: those that end later, and at the beginning of the range those that the
// gauges show.
func (r *run) lead(ctx context.Context, begin time.Time) error {
	if begin.After(r.From) {
		r.history.since = begin.Add(-r.Step) // the last sample
	}
	return r.history.read(ctx, begin.Add(-r.reach()), begin)
}

// day counts the meetings of one day, writes its file and keeps the state.
func (r *run) day(ctx context.Context, d time.Time) (meetings int, err error) {
	begin, end := r.begin(d), d.Add(day)
	final := end.Add(-r.Step)
	if !r.To.After(end) {
		end, final = r.To, r.To
	}
	r.history.forget(begin.Add(-r.reach()))
	if err := r.history.read(ctx, begin, end); err != nil {
		return 0, err
	}
	file := newFile(r.Job, r.Instance)
	for at := begin; !at.After(final); at = at.Add(r.Step) {
		baseline := at.Equal(r.From)
		poll := ledger.Poll{
			Sweep: baseline || at.Equal(final), From: at.Add(-r.reach()), Began: at, Ended: at,
			Meetings: ledger.BatchOf(r.history.take(at)...),
		}
		if at.Before(r.To) {
			poll.Next = ledger.BatchOf(r.history.peek(at.Add(r.Step))...)
		}
		if !baseline {
			meetings += poll.Meetings.Len()
		}
		if err := r.sample(file, poll); err != nil {
			return 0, err
		}
	}
	return meetings, r.keep(d, file)
}

// sample counts what ended since the last step and notes how a scrape would
// show it.
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
	return nil
}

// byEnd orders meetings so that every run counts them alike.
func byEnd(a, b meeting.Meeting) int {
	return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.UUID, b.UUID))
}
