// Package backfill writes past history as OpenMetrics files for promtool, or
// sends it to a store by remote write.
//
// It promises:
//   - Each meeting that ended in the range counts once, at its end, by the
//     ledger and the collector that also count live meetings.
//   - A file is complete or absent. One run at a time writes to a directory, and
//     a directory belongs to one backfill.
//   - A store gets the days in their order, and each day in the order of time.
//   - All samples lie in the range. Adjacent ranges share no sample.
//   - An interrupted run continues after the last finished day.
//   - Memory grows with the largest day, not with the range.
package backfill

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

const day = 24 * time.Hour

// Progress is the progress of a backfill.
type Progress struct {
	// Day is the day that was just finished, zero at the start.
	Day time.Time
	// Days of Of days are finished, those of earlier runs included.
	Days, Of int
	// Meetings is the number of meetings that ended on Day.
	Meetings int
	// LeftOut counts the records that were left out, and under
	// meeting.BadNumber the numbers, of what was read for Day.
	LeftOut map[meeting.Defect]int
	// Retries is the number of requests for Day that brought no page.
	Retries int
}

// run is the state of a running backfill.
type run struct {
	Config
	history  *history
	ledger   *ledger.Ledger
	gatherer prometheus.Gatherer
	at       time.Time // the time of the current sample
}

// Run writes or sends the samples of all days that are not finished, and returns the
// ledger at the end of the range. After an error, another run continues after
// the last finished day.
func Run(ctx context.Context, c *client.Client, cfg Config) (*ledger.Ledger, error) {
	// Each file shows the 0 of a series at the step before, so nothing is held for
	// longer.
	cfg.Ledger.Hold = 0
	r := &run{Config: cfg, history: newHistory(c, cfg)}
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
		leftOut, retries := r.history.takeTroubles()
		cfg.Done(Progress{Day: d, Days: finished + i + 1, Of: len(days), Meetings: meetings, LeftOut: leftOut, Retries: retries})
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

// day counts the meetings of one day, and saves its samples and the state.
func (r *run) day(ctx context.Context, d time.Time) (meetings int, err error) {
	begin, end := r.firstSample(d), d.Add(day)
	if r.To.Before(end) {
		end = r.To
	}
	r.history.dropBefore(begin.Add(-r.reach()))
	if err := r.history.read(ctx, begin, end); err != nil {
		return 0, err
	}
	samples, instants := newSamples(r.allLabels()), r.instants(begin, end)
	final := instants[len(instants)-1]
	for _, at := range instants {
		baseline := at.Equal(r.From)
		poll := ledger.Poll{
			Sweep: baseline || at.Equal(final), From: at.Add(-r.reach()), Began: at, Ended: at,
			Meetings: r.history.endedBefore(at),
		}
		if at.Before(r.last()) {
			poll.Upcoming = r.history.upcoming(at.Add(r.Step))
		}
		if !baseline {
			meetings += len(poll.Meetings)
		}
		if err := r.sample(samples, poll); err != nil {
			return 0, err
		}
	}
	// The state must say that the zeros of the last sample were delivered.
	if err := r.ledger.ReleaseHeld(final); err != nil {
		return 0, err
	}
	return meetings, r.save(ctx, d, samples)
}

// instants returns the times of the samples from begin until before end.
func (r *run) instants(begin, end time.Time) []time.Time {
	var instants []time.Time
	for at := begin; at.Before(end); at = at.Add(r.Step) {
		instants = append(instants, at)
	}
	if end.Equal(r.To) {
		instants = append(instants, r.last())
	}
	return instants
}

// sample counts the meetings of one step, and adds the metrics of a scrape to
// the samples. That delivers them: the next sample shows what was held.
func (r *run) sample(samples *samples, poll ledger.Poll) error {
	r.at = poll.Ended
	if err := r.ledger.Apply(poll, poll.Ended); err != nil {
		return err
	}
	families, err := r.gatherer.Gather()
	if err != nil {
		return fmt.Errorf("gather the samples of %s: %w", r.at.Format(time.RFC3339), err)
	}
	samples.add(r.at, families)
	r.ledger.Snapshot().MarkDelivered(r.at)
	return nil
}

// byEnd orders meetings by their end. The order is the same in every run.
func byEnd(a, b meeting.Meeting) int {
	return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.UUID, b.UUID))
}
