package soak_test

import (
	"cmp"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// change lets one thing happen in the enterprise: a record is edited, vanishes
// or returns, or one more is listed.
func (e *enterprise) change() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if chance(e.rng, 0.15) {
		e.hold(now.Add(-between(e.rng, 0, 3*time.Hour)), e.delay())
		return
	}
	s := e.pick(now)
	switch {
	case s == nil:
	case s.gone:
		e.restore(s, now)
	case chance(e.rng, 0.15):
		e.remove(s, now)
	default:
		e.edit(s, now)
	}
}

// pick returns a record that was listed some time ago, of late mostly: old
// ones have left the reach of most sweeps.
func (e *enterprise) pick(now time.Time) *story {
	var listed []*story
	for _, s := range e.stories {
		if s.twin == nil && s.versions[0].from.Before(now) {
			listed = append(listed, s)
		}
	}
	if len(listed) == 0 {
		return nil
	}
	slices.SortStableFunc(listed, func(a, b *story) int { return cmp.Compare(b.record.End.Unix(), a.record.End.Unix()) })
	return listed[min(e.rng.IntN(len(listed)), e.rng.IntN(len(listed)))]
}

func (e *enterprise) remove(s *story, now time.Time) {
	e.service.Remove(s.uuid)
	s.gone = true
	s.versions = append(s.versions, version{from: now})
}

func (e *enterprise) restore(s *story, now time.Time) {
	e.service.Add(s.record)
	s.gone = false
	s.versions = append(s.versions, version{now, rowOf(&s.record)})
}

// edit changes a record as the service might: a recording appears, someone is
// added or taken off, a rejoin moves the end, the scheduler changes office.
func (e *enterprise) edit(s *story, now time.Time) {
	rng, r := e.rng, s.record
	if (len(r.Extra) > 0 || r.ConferenceState != "Destroyed") && chance(rng, 0.5) {
		r.Extra, r.ConferenceState = nil, "Destroyed" // healed, or over at last
	}
	switch rng.IntN(7) {
	case 0, 1:
		r.IsHasRecordFile = new(r.IsHasRecordFile == nil || !*r.IsHasRecordFile)
	case 2:
		r.NormalCount = oneOf(rng, nil, new(0), new(rng.IntN(60)))
	case 3:
		r.TerminalCount = oneOf(rng, nil, new(rng.IntN(6)))
	case 4:
		r.End = r.Start.Add(e.length())
		if r.End.After(now) {
			r.End = r.Start
		}
	case 5:
		r.DeptName = oneOf(rng, departmentNames...)
	case 6:
		r.ConfType = oneOf(rng, "IMMEDIATELY", "FUTURE")
		if moved := r.Start.Add(-between(rng, 0, 10*time.Minute).Truncate(time.Second)); chance(rng, 0.1) {
			r.Start, s.shifty = moved, true
		}
	}
	s.record = r
	e.service.Edit(s.uuid, func(stored *simulator.Record) { *stored = r })
	s.versions = append(s.versions, version{now, rowOf(&r)})
}

// disturb changes the listing under a poll that is between two pages. Rows
// that were read may vanish in the first reading only: of a row in a page that
// the client gave up and never saw again, nobody could tell whether it counts.
func (e *enterprise) disturb(firstReading bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	s := e.pick(now)
	switch {
	case s == nil || chance(e.rng, 0.4):
		e.hold(now.Add(-between(e.rng, 0, 3*time.Hour)), 0)
	case s.gone:
		e.restore(s, now)
	case firstReading && chance(e.rng, 0.7):
		e.remove(s, now)
	default:
		e.edit(s, now)
	}
}

// throughout returns what the record said all the time between two instants,
// nil if that changed or nothing was listed.
func (s *story) throughout(from, to time.Time) *row {
	var said *row
	for _, v := range s.versions {
		switch {
		case v.from.Before(from):
			said = v.row
		case !v.from.After(to):
			return nil
		}
	}
	return said
}

// offered yields every row that was listed at any time between two instants.
func (s *story) offered(from, to time.Time) (rows []*row) {
	for i, v := range s.versions {
		over := i+1 < len(s.versions) && s.versions[i+1].from.Before(from)
		if !over && !v.from.After(to) && v.row != nil {
			rows = append(rows, v.row)
		}
	}
	if s.twin != nil && !s.versions[0].from.After(to) {
		rows = append(rows, s.twin)
	}
	return rows
}
