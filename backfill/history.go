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

// maxRetryTime is how long the same part of history is requested again before
// the run fails.
const maxRetryTime = 30 * time.Minute

// history reads the past in slices, and hands out the meetings in the order of
// their ends.
//
// As far as is known, the service files a meeting under its start. A meeting
// that ends after its slice waits for a later day. If the service means the end
// or an overlap, a meeting comes with a later slice or with several slices. That
// changes nothing.
type history struct {
	client    *client.Client
	requests  func() int                          // sent so far for the history
	failed    func(err error, wait time.Duration) // called before a slice is read again
	handedOut time.Time                           // meetings that ended earlier were handed out
	waiting   map[string]meeting.Meeting          // by UUID
	byEnd     []meeting.Meeting                   // the same meetings
	leftOut   map[meeting.Defect]int              // since the last call of takeTroubles
	retries   int                                 // since the last call of takeTroubles
}

func newHistory(c *client.Client, cfg Config) *history {
	return &history{
		client: c, requests: cfg.Requests, failed: cfg.Failed,
		waiting: map[string]meeting.Meeting{}, leftOut: map[meeting.Defect]int{},
	}
}

// read adds the meetings that are filed from from up to, but not including, to.
func (h *history) read(ctx context.Context, from, to time.Time) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 10*time.Second, 5*time.Minute
	read := func() (*client.Listing, error) {
		listing, err := h.client.History(ctx, from, to.Add(-time.Millisecond))
		if err != nil && !temporary(err) {
			err = backoff.Permanent(err)
		}
		return listing, err
	}
	before := h.requests()
	listing, err := backoff.Retry(ctx, read, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(maxRetryTime), backoff.WithNotify(h.failed))
	if err != nil {
		return fmt.Errorf("read the history of %s: %w", from.Format(time.RFC3339), err)
	}
	h.retries += h.requests() - before - listing.Pages
	for defect, n := range listing.Defects {
		h.leftOut[defect] += n
	}
	for _, m := range listing.Meetings {
		if !m.End.Before(h.handedOut) {
			h.waiting[m.UUID] = m
		}
	}
	h.byEnd = slices.SortedFunc(maps.Values(h.waiting), byEnd)
	return nil
}

// takeTroubles returns what was left out, and the number of requests that
// brought no page, since its last call.
func (h *history) takeTroubles() (leftOut map[meeting.Defect]int, retries int) {
	leftOut, retries = h.leftOut, h.retries
	h.leftOut, h.retries = map[meeting.Defect]int{}, 0
	return leftOut, retries
}

// temporary reports whether the error may pass by itself.
func temporary(err error) bool {
	switch reason, _ := client.ReasonOf(err); reason {
	case client.Throttled, client.Server, client.Network, client.Incomplete:
		return true
	}
	return false
}

// upcoming returns the meetings that ended before the given time and were not
// handed out.
func (h *history) upcoming(before time.Time) []meeting.Meeting {
	n, _ := slices.BinarySearchFunc(h.byEnd, before, func(m meeting.Meeting, t time.Time) int { return m.End.Compare(t) })
	return h.byEnd[:n]
}

// endedBefore hands out the meetings that ended before the given time. It hands
// out each meeting once.
func (h *history) endedBefore(t time.Time) []meeting.Meeting {
	meetings := h.upcoming(t)
	h.byEnd, h.handedOut = h.byEnd[len(meetings):], t
	for i := range meetings {
		delete(h.waiting, meetings[i].UUID)
	}
	return meetings
}

// dropBefore drops the meetings that started before the given time. They are
// longer than what counts, and a run that continues here would not read them.
func (h *history) dropBefore(t time.Time) {
	maps.DeleteFunc(h.waiting, func(_ string, m meeting.Meeting) bool { return m.Start.Before(t) })
}
