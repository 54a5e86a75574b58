package backfill

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
)

// patience is how long a part of history is asked for again and again before
// the run gives up. Nothing is lost then, but somebody must start it again.
const patience = 30 * time.Minute

// history reads the past in slices, and hands out the meetings by their end.
//
// The service files a meeting under its start, as far as is known: what ends
// after its slice waits here for the days to come. If the range means the end
// or an overlap, a meeting comes with a later slice or with several, which
// makes no difference.
type history struct {
	client  *client.Client
	since   time.Time // what ended before it was handed out already
	waiting map[string]meeting.Meeting
	queue   []meeting.Meeting // what waits, by end
}

func newHistory(c *client.Client) *history {
	return &history{client: c, waiting: map[string]meeting.Meeting{}}
}

// read adds the meetings filed between from and to, to excluded.
func (h *history) read(ctx context.Context, from, to time.Time) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 10*time.Second, 5*time.Minute
	read := func() (map[string]meeting.Meeting, error) {
		got := map[string]meeting.Meeting{}
		for m, err := range h.client.History(from, to.Add(-time.Millisecond)).Meetings(ctx) {
			if err != nil {
				return nil, lasting(err)
			}
			if !m.End.Before(h.since) {
				got[m.UUID] = m
			}
		}
		return got, nil
	}
	got, err := backoff.Retry(ctx, read, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(patience))
	if err != nil {
		return fmt.Errorf("read the history of %s: %w", from.Format(time.RFC3339), err)
	}
	maps.Copy(h.waiting, got)
	h.queue = slices.SortedFunc(maps.Values(h.waiting), byEnd)
	return nil
}

// lasting marks errors that time does not heal.
func lasting(err error) error {
	switch reason, _ := client.ReasonOf(err); reason {
	case client.Throttled, client.Server, client.Network, client.Incomplete:
		return err
	}
	return backoff.Permanent(err)
}

// peek returns what ended before an instant and was not taken yet.
func (h *history) peek(before time.Time) []meeting.Meeting {
	n, _ := slices.BinarySearchFunc(h.queue, before, func(m meeting.Meeting, t time.Time) int { return m.End.Compare(t) })
	return h.queue[:n]
}

// take returns the same, and hands none of it out again.
func (h *history) take(before time.Time) []meeting.Meeting {
	taken := h.peek(before)
	h.queue, h.since = h.queue[len(taken):], before
	for i := range taken {
		delete(h.waiting, taken[i].UUID)
	}
	return taken
}

// forget drops meetings that started before an instant. They are longer than
// what is counted, and a run that was interrupted would not find them.
func (h *history) forget(before time.Time) {
	maps.DeleteFunc(h.waiting, func(_ string, m meeting.Meeting) bool { return m.Start.Before(before) })
}
