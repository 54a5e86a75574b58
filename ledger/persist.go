package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"huaweicloud_meeting_exporter/meeting"
)

// write puts into the file what the turn changes.
func (t *turn) write(tx *bolt.Tx) error {
	put := func(bucket, key []byte, v any) error { return tx.Bucket(bucket).Put(key, seal(key, v)) }

	for number := len(t.base.names.names); number < len(t.names.names); number++ {
		if err := put(nameBucket, nameKey(number), []byte(t.names.names[number])); err != nil {
			return err
		}
	}
	for key, s := range t.series {
		old, known := t.base.series[key]
		if known && old.stored() == s.stored() {
			continue
		}
		if err := put(seriesBucket, seriesKey(key), s.stored()); err != nil {
			return err
		}
	}
	for o := range t.observed {
		if err := put(valueBucket, valueKey(o), t.state.distributions[o.of][o.typ][o.value]); err != nil {
			return err
		}
	}
	meetings := tx.Bucket(meetingBucket)
	for _, key := range t.forgotten {
		old, _ := t.base.meetings.get(key)
		if err := meetings.Delete(meetingKey(old.end, key)); err != nil {
			return err
		}
	}
	for _, key := range t.byEnd() {
		e := t.meetings[key]
		if old, known := t.base.meetings.get(key); known && old.end != e.end {
			if err := meetings.Delete(meetingKey(old.end, key)); err != nil {
				return err
			}
		}
		if err := put(meetingBucket, meetingKey(e.end, key), e.stored()); err != nil {
			return err
		}
	}
	return put(headBucket, stateKey, t.stored())
}

// byEnd returns the meetings that the turn changes in the order of their keys:
// bbolt splits no page before the commit, so that each key put in front of many
// others would move them all.
func (t *turn) byEnd() []id {
	return slices.SortedFunc(maps.Keys(t.meetings), func(a, b id) int {
		return cmp.Or(cmp.Compare(t.meetings[a].end, t.meetings[b].end), bytes.Compare(a[:], b[:]))
	})
}

// stored is the state after the turn.
func (t *turn) stored() storedState {
	s := storedState{
		Created:   storeTime(t.state.created),
		Horizon:   storeTime(t.state.horizon),
		LastPoll:  storeTime(t.state.lastPoll),
		LastSweep: storeTime(t.state.lastSweep),
		Folded:    t.state.folded,
		Names:     uint64(len(t.names.names)),
		Meetings:  uint64(t.base.meetings.len() - len(t.forgotten)),
	}
	for range t.all() {
		s.Series++
	}
	for key := range t.meetings {
		if _, known := t.base.meetings.get(key); !known {
			s.Meetings++
		}
	}
	for _, ofMeasure := range t.state.distributions {
		for _, d := range ofMeasure {
			s.Values += uint64(len(d))
		}
	}
	return s
}

// load reads the whole file into a ledger that is empty. Whatever does not fit
// is an error: a ledger that forgot something would count it again.
func (l *Ledger) load(tx *bolt.Tx) error {
	head := tx.Bucket(headBucket)
	if head == nil {
		return nil // created, but never prepared
	}
	s := storedState{Names: uint64(specialDepartments)} // of a ledger without a commit
	if sealed := head.Get(stateKey); sealed != nil {
		if err := unseal(stateKey, sealed, &s); err != nil {
			return damaged(err)
		}
		l.state.created = loadTime(s.Created)
	}
	l.state.horizon = loadTime(s.Horizon)
	l.state.lastPoll = loadTime(s.LastPoll)
	l.state.lastSweep = loadTime(s.LastSweep)
	l.state.folded = s.Folded
	for _, step := range []struct {
		bucket []byte
		take   func(key, sealed []byte) error
	}{
		{nameBucket, l.loadName},
		{seriesBucket, l.loadSeries},
		{valueBucket, l.loadValue},
		{meetingBucket, l.loadMeeting},
	} {
		bucket := tx.Bucket(step.bucket)
		if bucket == nil {
			return damaged(fmt.Errorf("it has no %s", step.bucket))
		}
		if err := bucket.ForEach(step.take); err != nil {
			return damaged(err)
		}
	}
	values := 0
	for _, ofMeasure := range l.state.distributions {
		for _, d := range ofMeasure {
			values += len(d)
		}
	}
	if s.Names != uint64(len(l.names.names)) || s.Series != uint64(len(l.series)) ||
		s.Values != uint64(values) || s.Meetings != uint64(l.meetings.len()) {
		return damaged(errImplausible)
	}
	l.sumWindows()
	return nil
}

func (l *Ledger) loadName(key, sealed []byte) error {
	name, err := unsealBytes(key, sealed)
	if err != nil {
		return err
	}
	if !bytes.Equal(key, nameKey(len(l.names.names))) || l.names.has(string(name)) {
		return errImplausible
	}
	l.names.add(string(name))
	return nil
}

func (l *Ledger) loadSeries(key, sealed []byte) error {
	var s storedSeries
	if err := unseal(key, sealed, &s); err != nil {
		return err
	}
	of, ok := parseSeriesKey(key)
	if !ok || !l.hasLabel(of) {
		return errImplausible
	}
	l.series[of] = series{counted: s.Counted, held: s.Held, created: loadTime(s.Created), total: s.Total}
	return nil
}

func (l *Ledger) loadValue(key, sealed []byte) error {
	var times uint64
	if err := unseal(key, sealed, &times); err != nil {
		return err
	}
	o, ok := parseValueKey(key)
	if !ok {
		return errImplausible
	}
	d := &l.state.distributions[o.of][o.typ]
	if *d == nil {
		*d = Distribution{}
	}
	(*d)[o.value] = times
	return nil
}

func (l *Ledger) loadMeeting(key, sealed []byte) error {
	var m storedMeeting
	if err := unseal(key, sealed, &m); err != nil {
		return err
	}
	end, of, ok := parseMeetingKey(key)
	e := entry{home: m.Home, latest: m.Latest, end: end, shown: m.Shown, highest: m.Highest}
	twice := l.meetings.put(of, e)
	s, shown := l.series[m.Latest]
	if !ok || twice || !shown || m.Home != noLabel && !l.series[m.Home].counted {
		return errImplausible
	}
	// Meetings come by their end, as their keys do.
	if len(s.window) == 0 || s.window.newest() != end {
		s.window = append(s.window, cell{end: end})
	}
	last := &s.window[len(s.window)-1]
	last.sums = last.sums.plus(e.shownSums())
	l.series[m.Latest] = s
	return nil
}

// hasLabel tells whether a label set is one of this ledger's names and types.
func (l *Ledger) hasLabel(of label) bool {
	return int(of.department()) < len(l.names.names) && of.typ() < meeting.TypeCount
}

// sumWindows adds up the sliding sums, whose cells each hold one minute so far.
func (l *Ledger) sumWindows() {
	for key, s := range l.series {
		for i := len(s.window) - 2; i >= 0; i-- {
			s.window[i].sums = s.window[i].sums.plus(s.window[i+1].sums)
		}
		s.window = slices.Clip(s.window)
		l.series[key] = s
		l.state.newestEnd = max(l.state.newestEnd, s.window.newest())
	}
}
