package ledger

import (
	"iter"
	"maps"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// turn is one change of the ledger in the making. It reads from the ledger and
// writes to itself, so that the ledger changes as a whole or not at all. What
// it holds is what differs, and the journal stores that as one frame.
type turn struct {
	base      *Ledger
	state     state
	names     departments
	series    map[setID]series
	meetings  map[id]entry
	forgotten []id // meetings of base
	observed  map[observation]bool
	copied    [measures][meeting.TypeCount]bool // distributions that are not those of base
	windows   windowChanges
	running   concurrencyChanges
}

// observation is a value of one of the distributions.
type observation struct {
	measure measure
	typ     meeting.Type
	value   int64
}

// begin starts a turn, and releases the series whose hold has passed. Clock is a
// reading of time.Now.
func (l *Ledger) begin(clock time.Time) *turn {
	l.noteDeliveries()
	t := l.newTurn()
	for key, at := range l.delivered {
		if s := l.series[key]; s.held && clock.Sub(at) >= l.cfg.Hold {
			s.held = false
			t.series[key] = s
		}
	}
	if !l.fixedDelivered.IsZero() && clock.Sub(l.fixedDelivered) >= l.cfg.Hold {
		t.state.fixedReleased = true
	}
	return t
}

// releases reports whether the turn releases anything. It is for a turn that
// does nothing else.
func (t *turn) releases() bool {
	return len(t.series) > 0 || t.state.fixedReleased != t.base.state.fixedReleased
}

func (l *Ledger) newTurn() *turn {
	return &turn{
		base:     l,
		state:    l.state,
		names:    l.names.clone(),
		series:   map[setID]series{},
		meetings: map[id]entry{},
		observed: map[observation]bool{},
		windows:  windowChanges{},
		running:  concurrencyChanges{},
	}
}

// noteDeliveries notes when held series were first delivered at 0 (rule 6). A
// scrape that is slow may deliver a snapshot that is no longer the latest.
func (l *Ledger) noteDeliveries() {
	for _, snapshot := range l.deliveries.takeAll() {
		at := *snapshot.delivered.Load()
		for _, key := range snapshot.held {
			if _, before := l.delivered[key]; !before {
				l.delivered[key] = at
			}
		}
		if l.fixedDelivered.IsZero() {
			l.fixedDelivered = at
		}
	}
}

// finish stores the turn, and publishes it.
func (l *Ledger) finish(t *turn) error {
	if err := l.commit(t); err != nil {
		return err
	}
	l.state, l.names = t.state, t.names
	maps.Copy(l.series, t.series)
	maps.Copy(l.meetings, t.meetings)
	for _, key := range t.forgotten {
		delete(l.meetings, key)
	}
	maps.DeleteFunc(l.delivered, func(key setID, _ time.Time) bool { return !l.series[key].held })
	l.publish()
	return nil
}

// meetingOf returns a meeting as the turn has it.
func (t *turn) meetingOf(key id) (e entry, known bool) {
	if e, known = t.meetings[key]; !known {
		e, known = t.base.meetings[key]
	}
	return e, known
}

// seriesOf returns the series of a label set as the turn has it.
func (t *turn) seriesOf(key setID) series {
	if s, ok := t.series[key]; ok {
		return s
	}
	return t.base.series[key]
}

// allSeries yields every series as the turn has it. The loop may change them.
func (t *turn) allSeries() iter.Seq2[setID, series] {
	return func(yield func(setID, series) bool) {
		for key := range t.base.series {
			if !yield(key, t.seriesOf(key)) {
				return
			}
		}
		for key, s := range t.series {
			if _, old := t.base.series[key]; !old && !yield(key, s) {
				return
			}
		}
	}
}
