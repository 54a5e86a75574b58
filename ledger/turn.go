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
	attendees map[uint32]attendeeSeconds // by the number of the department
	pending   map[id]pending
	settled   []id                              // pending meetings of base
	released  bool                              // something that was held
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

// begin starts a turn, and releases what was held for long enough. Clock is a
// reading of time.Now.
func (l *Ledger) begin(clock time.Time) *turn {
	l.noteDeliveries()
	t := l.newTurn()
	for h, at := range l.delivered {
		if clock.Sub(at) >= l.cfg.Hold {
			t.release(h)
		}
	}
	return t
}

func (l *Ledger) newTurn() *turn {
	return &turn{
		base:      l,
		state:     l.state,
		names:     l.names.clone(),
		series:    map[setID]series{},
		meetings:  map[id]entry{},
		observed:  map[observation]bool{},
		attendees: map[uint32]attendeeSeconds{},
		pending:   map[id]pending{},
		windows:   windowChanges{},
		running:   concurrencyChanges{},
	}
}

// noteDeliveries notes when held series were first delivered at 0 (rule 6). A
// scrape that is slow may deliver a snapshot that is no longer the latest.
func (l *Ledger) noteDeliveries() {
	for _, snapshot := range l.deliveries.takeAll() {
		at := *snapshot.delivered.Load()
		for _, h := range snapshot.held {
			if _, before := l.delivered[h]; !before {
				l.delivered[h] = at
			}
		}
	}
}

// finish stores the turn, and publishes it.
func (l *Ledger) finish(t *turn) error {
	if err := l.commit(t); err != nil {
		return err
	}
	l.adopt(t)
	maps.DeleteFunc(l.delivered, func(h hold, _ time.Time) bool { return !l.isHeld(h) })
	l.publish()
	return nil
}

// adopt makes the ledger as the turn has it.
func (l *Ledger) adopt(t *turn) {
	l.state, l.names = t.state, t.names
	maps.Copy(l.series, t.series)
	maps.Copy(l.attendees, t.attendees)
	maps.Copy(l.pending, t.pending)
	for _, key := range t.settled {
		delete(l.pending, key)
	}
	maps.Copy(l.meetings, t.meetings)
	for _, key := range t.forgotten {
		delete(l.meetings, key)
	}
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
