package ledger

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// Snapshot is what the ledger published after a turn. It never changes, except
// that it notes its delivery. It may be used from any goroutine.
type Snapshot struct {
	cfg        Config
	state      state
	series     []publishedSeries // by department and type
	held       []setID           // the series whose counters are shown at 0 (rule 6)
	remembered int
	delivered  atomic.Pointer[time.Time]
}

type publishedSeries struct {
	LabelSet
	series
}

// LabelSet is the label values of one series.
type LabelSet struct {
	Department string
	Type       meeting.Type
}

// LabeledSums are the sums of one label set.
type LabeledSums struct {
	LabelSet
	Sums
	// Created is when a counter began at 0. It is zero for window gauges.
	Created time.Time
}

// publish makes the state of the ledger visible.
func (l *Ledger) publish() {
	s := &Snapshot{cfg: l.cfg, state: l.state, remembered: len(l.meetings), series: make([]publishedSeries, 0, len(l.series))}
	for key, one := range l.series {
		s.series = append(s.series, publishedSeries{LabelSet{l.names.names[key.department()], key.typ()}, one})
		if one.held {
			s.held = append(s.held, key)
		}
	}
	slices.SortFunc(s.series, func(a, b publishedSeries) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Type, b.Type))
	})
	l.snapshot.Store(s)
}

// MarkDelivered notes that the whole snapshot was given to a scrape (rule 6).
// Clock is a reading of time.Now. Only the first call counts.
func (s *Snapshot) MarkDelivered(clock time.Time) {
	if s.delivered.Load() == nil {
		s.delivered.CompareAndSwap(nil, &clock)
	}
}

// deliveredAt returns when the snapshot was first delivered, and false if it
// was not.
func (s *Snapshot) deliveredAt() (clock time.Time, ok bool) {
	if at := s.delivered.Load(); at != nil {
		return *at, true
	}
	return time.Time{}, false
}

// Totals returns the counters (rule 5). Those that are held stand at 0 (rule
// 6).
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
		totals = append(totals, LabeledSums{LabelSet: one.LabelSet, Sums: sums, Created: one.created})
	}
	return totals
}

// Recent returns the sums of the meetings that ended within the window before
// now, for every label set ever seen (rule 3). It returns nil before the first
// complete sweep, and when the last complete poll is longer ago than
// StaleAfter. Now counts in whole minutes, like the times of the meetings.
func (s *Snapshot) Recent(now time.Time) []LabeledSums {
	if s.state.lastSweep.IsZero() || now.Sub(s.state.lastPoll) > s.cfg.StaleAfter {
		return nil
	}
	edge := s.cfg.edge(now)
	recent := make([]LabeledSums, len(s.series))
	for i, one := range s.series {
		recent[i] = LabeledSums{LabelSet: one.LabelSet, Sums: one.window.after(edge)}
	}
	return recent
}

// Durations returns the durations in seconds of the counted meetings whose
// first report had the conference type (rule 5). The caller must not change
// them.
func (s *Snapshot) Durations(t meeting.Type) Distribution {
	return s.state.distributions[durations][t]
}

// Participants returns the numbers of participants invited to the same
// meetings. The caller must not change them.
func (s *Snapshot) Participants(t meeting.Type) Distribution {
	return s.state.distributions[participants][t]
}

// Created returns when the ledger, and with it every histogram, began.
func (s *Snapshot) Created() time.Time { return s.state.created }

// Folded returns how many meetings are counted under OtherDepartment because of
// the cap on departments.
func (s *Snapshot) Folded() int64 { return s.state.folded }

// Remembered returns how many meetings are remembered (rule 8).
func (s *Snapshot) Remembered() int { return s.remembered }

// LastPoll returns when the last complete poll ended, zero before the first.
func (s *Snapshot) LastPoll() time.Time { return s.state.lastPoll }

// LastSweep returns when the last complete sweep ended, zero before the first.
func (s *Snapshot) LastSweep() time.Time { return s.state.lastSweep }

// NewestEnd returns the latest end of the meetings remembered, and false if
// there are none.
func (s *Snapshot) NewestEnd() (time.Time, bool) {
	return s.state.newestEnd.time(), s.state.newestEnd > 0
}
