package ledger

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Snapshot is what the ledger published after a turn. It never changes, apart
// from noting that it was served, and may be used from any goroutine.
type Snapshot struct {
	cfg    Config
	state  state
	series []publishedSeries // by department and type
	size   int
	served atomic.Pointer[time.Time]
}

type publishedSeries struct {
	Labels
	series
}

// Labels is a label set in words.
type Labels struct {
	Department string
	Type       meeting.Type
}

// LabeledSums are the sums of one label set.
type LabeledSums struct {
	Labels
	Sums
	// Created is when a counter stood at 0; it is zero for sliding sums.
	Created time.Time
}

// publish makes the ledger's state visible.
func (l *Ledger) publish() {
	s := &Snapshot{cfg: l.cfg, state: l.state, size: l.meetings.len(), series: make([]publishedSeries, 0, len(l.series))}
	for key, one := range l.series {
		s.series = append(s.series, publishedSeries{Labels{l.names.names[key.department()], key.typ()}, one})
	}
	slices.SortFunc(s.series, func(a, b publishedSeries) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Type, b.Type))
	})
	l.snapshot.Store(s)
}

// Served notes that the snapshot was given to a scrape. Clock is a reading of
// time.Now; only the first call counts.
func (s *Snapshot) Served(clock time.Time) {
	if s.served.Load() == nil {
		s.served.CompareAndSwap(nil, &clock)
	}
}

// servedAt is when the snapshot was first served, and false if it was not.
func (s *Snapshot) servedAt() (clock time.Time, ok bool) {
	if at := s.served.Load(); at != nil {
		return *at, true
	}
	return time.Time{}, false
}

// Totals returns the counters. A label set that is new stands at 0.
func (s *Snapshot) Totals() []LabeledSums {
	totals := make([]LabeledSums, 0, len(s.series))
	for _, one := range s.series {
		if !one.counted {
			continue
		}
		sums := one.total
		if one.held {
			sums = Sums{}
		}
		totals = append(totals, LabeledSums{Labels: one.Labels, Sums: sums, Created: one.created})
	}
	return totals
}

// Recent returns the sums of the meetings that ended within the window before
// now, for every label set ever seen. There are none before the first complete
// sweep, nor when the last complete poll is too long ago. Now counts in whole
// minutes, like the times of the meetings.
func (s *Snapshot) Recent(now time.Time) []LabeledSums {
	if s.state.lastSweep.IsZero() || now.Sub(s.state.lastPoll) > s.cfg.StaleAfter {
		return nil
	}
	edge := s.cfg.edge(now)
	recent := make([]LabeledSums, len(s.series))
	for i, one := range s.series {
		recent[i] = LabeledSums{Labels: one.Labels, Sums: one.window.after(edge)}
	}
	return recent
}

// Durations returns the durations in seconds of the meetings counted, by the
// conference type of their first sight. The caller must not change them.
func (s *Snapshot) Durations(t meeting.Type) Distribution {
	return s.state.distributions[durations][t]
}

// Participants is like Durations, of the numbers of participants.
func (s *Snapshot) Participants(t meeting.Type) Distribution {
	return s.state.distributions[participants][t]
}

// Created is when the ledger, and with it every histogram, began.
func (s *Snapshot) Created() time.Time { return s.state.created }

// Folded counts the meetings counted under OtherDepartment because of the cap.
func (s *Snapshot) Folded() int64 { return s.state.folded }

// Size is how many meetings are remembered.
func (s *Snapshot) Size() int { return s.size }

// LastPoll is when the last complete poll ended, zero before the first.
func (s *Snapshot) LastPoll() time.Time { return s.state.lastPoll }

// LastSweep is when the last complete sweep ended, zero before the first.
func (s *Snapshot) LastSweep() time.Time { return s.state.lastSweep }

// NewestEnd is the latest end among the meetings remembered, and false if none
// is remembered.
func (s *Snapshot) NewestEnd() (time.Time, bool) {
	return s.state.newestEnd.time(), s.state.newestEnd > 0
}
