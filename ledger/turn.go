package ledger

import (
	"cmp"
	"crypto/sha256"
	"iter"
	"maps"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// id is the identity of a meeting: the first half of its UUID's SHA-256. It
// has one size whatever the service sends, and gives nothing away.
type id [16]byte

func idOf(uuid string) id {
	sum := sha256.Sum256([]byte(uuid))
	return id(sum[:len(id{})])
}

// minute is an instant in minutes since 1970, the resolution of the API.
type minute int32

func minuteOf(t time.Time) minute { return minute(t.Unix() / 60) }

func (m minute) time() time.Time { return time.Unix(int64(m)*60, 0).UTC() }

// entry is what is remembered of one meeting. There may be a million.
type entry struct {
	// home is the label set of its first sight, where it is counted for ever;
	// noLabel if it was first seen when it started before the horizon, for it
	// may have been counted and forgotten.
	home    label
	latest  label // of its latest record, where it is shown
	end     minute
	shown   values // of the latest record
	highest values // of all records: what was counted, or was there at the baseline
}

// values are the numbers of one record, as they are remembered and stored.
type values struct {
	Participants, Terminals meeting.Count
	Minutes                 uint16 // at most meeting.MaxDuration
	Recorded                bool
}

// nothing is less than any record brings.
var nothing = values{Participants: meeting.Absent, Terminals: meeting.Absent}

func valuesOf(m *meeting.Meeting) values {
	return values{
		Participants: m.Participants,
		Terminals:    m.Terminals,
		Minutes:      uint16(m.Duration() / time.Minute),
		Recorded:     m.Recorded,
	}
}

func (v values) sums() Sums {
	s := Sums{
		DurationSeconds: 60 * int64(v.Minutes),
		Participants:    int64(max(v.Participants, 0)),
		Terminals:       int64(max(v.Terminals, 0)),
	}
	if v.Recorded {
		s.Recorded = 1
	}
	return s
}

func (v values) max(w values) values {
	return values{
		Participants: max(v.Participants, w.Participants),
		Terminals:    max(v.Terminals, w.Terminals),
		Minutes:      max(v.Minutes, w.Minutes),
		Recorded:     v.Recorded || w.Recorded,
	}
}

// turn is one change of the ledger in the making. It reads through to the
// ledger and writes to itself, so that the ledger changes at once or not. What
// it holds is what differs, which is what storage writes.
type turn struct {
	base     *Ledger
	state    state
	names    departments
	series   map[label]series
	meetings map[id]entry
	observed map[observation]bool
	cloned   [measures][meeting.TypeCount]bool
	moved    map[label]map[minute]Sums // changes of the sliding sums
	// forgotten are meetings of the ledger that are remembered no more.
	forgotten []id
}

// observation is a value of one of the distributions.
type observation struct {
	of    measure
	typ   meeting.Type
	value int64
}

// begin starts a turn: it notes which held series were served at 0 meanwhile,
// and releases those whose time has come.
func (l *Ledger) begin(clock time.Time) *turn {
	t := &turn{
		base:     l,
		state:    l.state,
		names:    l.names.clone(),
		series:   map[label]series{},
		meetings: map[id]entry{},
		observed: map[observation]bool{},
		moved:    map[label]map[minute]Sums{},
	}
	served, ok := l.Snapshot().servedAt()
	for key, s := range l.series {
		if !s.held {
			continue
		}
		if _, before := l.served[key]; ok && !before {
			l.served[key] = served
		}
		if at, ok := l.served[key]; ok && clock.Sub(at) >= l.cfg.Hold {
			s.held = false
			t.series[key] = s
		}
	}
	return t
}

// install makes the turn the ledger's state and publishes it.
func (l *Ledger) install(t *turn) {
	l.state, l.names = t.state, t.names
	maps.Copy(l.series, t.series)
	for key, e := range t.meetings {
		l.meetings.put(key, e)
	}
	for _, key := range t.forgotten {
		l.meetings.remove(key)
	}
	maps.DeleteFunc(l.served, func(key label, _ time.Time) bool { return !l.series[key].held })
	l.publish()
}

// take counts the meetings of a poll and moves the horizon.
func (t *turn) take(p Poll) {
	baseline := t.state.lastSweep.IsZero()
	if baseline && !p.Sweep {
		return // too little to tell what is new from what is old
	}
	if baseline {
		t.state.horizon = p.From.Truncate(time.Minute)
	}
	t.admit(&p.Meetings)
	for r := range p.Meetings.records.all() {
		t.see(r, p.Meetings.department(r), baseline, p.Ended)
	}
	t.foresee(&p.Next, p.Ended)
	for key, changes := range t.moved {
		s := t.at(key)
		s.window = s.window.merge(changes)
		t.series[key] = s
	}
	t.state.newestEnd = t.newestEnd()
	t.state.lastPoll = p.Ended
	if p.Sweep {
		t.state.lastSweep = p.Ended
		t.advance(p.Began)
	}
}

// admit takes new departments into the list of names while there is room:
// those with most meetings first, then by name.
func (t *turn) admit(b *Batch) {
	meetingsOf := map[string]int{}
	for r := range b.records.all() {
		if name := b.department(r); !t.names.has(name) {
			meetingsOf[name]++
		}
	}
	arrivals := slices.SortedFunc(maps.Keys(meetingsOf), func(a, b string) int {
		return cmp.Or(cmp.Compare(meetingsOf[b], meetingsOf[a]), cmp.Compare(a, b))
	})
	for _, name := range arrivals[:min(len(arrivals), t.names.room(t.base.cfg.MaxDepartments))] {
		t.names.add(name)
	}
}

// see takes in the latest record of one meeting.
func (t *turn) see(r *record, name string, baseline bool, now time.Time) {
	department, folded := t.names.of(name)
	to := newLabel(department, r.of.typ())

	e, known := t.base.meetings.get(r.key)
	before := e
	if !known {
		e = entry{home: noLabel, highest: nothing}
		if !r.start.time().Before(t.state.horizon) {
			e.home = to
			t.open(to, baseline, now)
		}
		if baseline {
			e.highest = r.values
		}
	}
	e.latest, e.end, e.shown = to, r.end, r.values
	if e.home != noLabel {
		t.count(&e, !known && !baseline, folded)
	}
	if known && e == before {
		return
	}
	if known {
		t.move(before.latest, before.end, Sums{}.minus(before.shownSums()))
	}
	t.move(to, e.end, e.shownSums())
	t.meetings[r.key] = e
}

// foresee opens the counters of meetings to come, which stand at 0 until then.
func (t *turn) foresee(next *Batch, now time.Time) {
	t.admit(next)
	for r := range next.records.all() {
		department, _ := t.names.of(next.department(r))
		if !r.start.time().Before(t.state.horizon) {
			t.open(newLabel(department, r.of.typ()), true, now)
		}
	}
}

// shownSums is what the meeting adds to the sliding sums.
func (e *entry) shownSums() Sums {
	s := e.shown.sums()
	s.Meetings = 1
	return s
}

// count adds to the counters what the meeting's latest record has beyond all
// before it, and the meeting itself if it is new.
func (t *turn) count(e *entry, isNew, folded bool) {
	high := e.highest.max(e.shown)
	if high == e.highest && !isNew {
		return
	}
	s := t.at(e.home)
	s.total = s.total.plus(high.sums().minus(e.highest.sums()))
	if isNew {
		s.total.Meetings++
		t.observe(durations, e.home.typ(), int64(e.shown.Minutes)*60)
		if folded {
			t.state.folded++
		}
	}
	if e.highest.Participants == meeting.Absent && high.Participants != meeting.Absent {
		t.observe(participants, e.home.typ(), int64(high.Participants))
	}
	e.highest = high
	t.series[e.home] = s
}

// observe adds a value to a distribution, of which the first change makes a
// copy: snapshots share the old one.
func (t *turn) observe(of measure, typ meeting.Type, value int64) {
	d := &t.state.distributions[of][typ]
	if !t.cloned[of][typ] {
		t.cloned[of][typ] = true
		*d = d.clone()
	}
	(*d)[value]++
	t.observed[observation{of, typ, value}] = true
}

// open makes sure that a label set has counters, at 0 for a start. At once they
// follow what is counted, or only when their 0 was served for long enough.
func (t *turn) open(key label, atOnce bool, now time.Time) {
	s := t.at(key)
	if !s.counted {
		s.counted, s.held, s.created = true, !atOnce, now
	}
	t.series[key] = s
}

// move notes a change of the sliding sums.
func (t *turn) move(key label, end minute, by Sums) {
	changes := t.moved[key]
	if changes == nil {
		changes = map[minute]Sums{}
		t.moved[key] = changes
	}
	changes[end] = changes[end].plus(by)
}

// at returns the series of a label set as this turn has it.
func (t *turn) at(key label) series {
	if s, ok := t.series[key]; ok {
		return s
	}
	return t.base.series[key]
}

// all yields every series as this turn has it. They may be changed meanwhile.
func (t *turn) all() iter.Seq2[label, series] {
	return func(yield func(label, series) bool) {
		for key := range t.base.series {
			if !yield(key, t.at(key)) {
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

func (t *turn) newestEnd() minute {
	var newest minute
	for _, s := range t.all() {
		newest = max(newest, s.window.newest())
	}
	return newest
}

// advance moves the horizon after a sweep that began at the given time, and
// forgets what lies behind it. The horizon goes by the newest meeting known as
// well as by the clock, so that a clock that is days ahead does no harm.
func (t *turn) advance(began time.Time) {
	if t.state.newestEnd == 0 {
		return
	}
	newest := t.state.newestEnd.time()
	if began.Before(newest) {
		newest = began
	}
	reach := t.base.cfg.Window + t.base.cfg.MaxMeetingDuration
	if h := newest.Add(-reach).Truncate(time.Minute); h.After(t.state.horizon) {
		t.state.horizon = h
	}
	t.forget(min(minuteOf(t.state.horizon), t.base.cfg.edge(began)+1))
}

// forget drops the meetings that ended before the given minute.
func (t *turn) forget(before minute) {
	for key, s := range t.all() {
		if len(s.window) > 0 && s.window.oldest() < before {
			s.window = s.window.since(before)
			t.series[key] = s
		}
	}
	maps.DeleteFunc(t.meetings, func(key id, e entry) bool {
		_, old := t.base.meetings.get(key)
		return !old && e.end < before
	})
	for key, e := range t.base.meetings.all() {
		if latest, ok := t.meetings[key]; ok {
			e = latest
		}
		if e.end < before {
			t.forgotten = append(t.forgotten, key)
			delete(t.meetings, key)
		}
	}
}
