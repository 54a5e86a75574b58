package poller

import (
	"errors"
	"maps"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// The reasons of failed polls that the client does not know.
const (
	// Storage: the ledger's file could not be written.
	Storage client.Reason = "storage"
	// Internal: the exporter itself failed.
	Internal client.Reason = "internal"
)

// Reasons lists every reason of a failed poll, and of a failed attempt of an
// Optional.
func Reasons() []client.Reason { return append(client.Reasons(), Storage, Internal) }

// ReasonOf returns the reason of such a failure.
func ReasonOf(err error) client.Reason {
	if errors.Is(err, ledger.ErrStorage) {
		return Storage
	}
	if reason, ok := client.ReasonOf(err); ok {
		return reason
	}
	return Internal
}

// Status is the record of the polls since the start. It is immutable.
type Status struct {
	// Started is when the poller was made.
	Started time.Time
	// Up reports whether the last poll succeeded; false before the first.
	Up bool
	// Ready reports whether a sweep succeeded since the start.
	Ready bool
	// Failure is why the last poll failed, empty if it did not.
	Failure client.Reason
	// Next is the wall-clock time at which the next poll begins.
	Next time.Time
	// Role is the role of the user who signed in.
	Role client.Role
	// Ended is the wall-clock time at which the last poll ended, zero before
	// the first. Duration is how long it took.
	Ended    time.Time
	Duration time.Duration
	// Polls counts polls, failed ones included. Failures counts failed polls.
	Polls    map[Kind]int
	Failures map[client.Reason]int
	// Defects counts what the last successful sweep left out.
	Defects map[meeting.Defect]int
	// TokenExpiry is when the token in use expires, zero if there is none.
	TokenExpiry time.Time
}

// Status returns the current status. It may be called from any goroutine, and
// never waits for a poll.
func (p *Poller) Status() *Status { return p.status.Load() }

// outcome is what the Status needs to know of one poll.
type outcome struct {
	kind     Kind
	ended    time.Time
	duration time.Duration
	err      error
	listing  *client.Listing // nil if the poll failed
	session  client.Session  // zero if there is none
}

// record publishes the status after a poll.
func (p *Poller) record(o outcome) {
	s := *p.Status()
	s.Up, s.Failure, s.Ended, s.Duration = o.err == nil, "", o.ended, o.duration
	s.TokenExpiry, s.Role = o.session.Expiry, o.session.Role
	s.Next = o.ended.Add(p.cfg.Interval - o.duration%p.cfg.Interval)
	s.Polls = increment(s.Polls, o.kind)
	switch {
	case o.err != nil:
		s.Failure = ReasonOf(o.err)
		s.Failures = increment(s.Failures, s.Failure)
	case o.kind == Sweep:
		s.Ready, s.Defects = true, o.listing.Defects
	}
	p.status.Store(&s)
}

// increment returns a copy of the counts in which key is one higher.
func increment[K comparable](counts map[K]int, key K) map[K]int {
	counts = maps.Clone(counts)
	if counts == nil {
		counts = map[K]int{}
	}
	counts[key]++
	return counts
}
