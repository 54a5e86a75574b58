package soak_test

import (
	"cmp"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// change changes one thing in the listing: a record is edited, vanishes or
// returns, or a new one is listed. Between two pages of a reading, new records
// and removals are more frequent.
func (e *enterprise) change(betweenPages bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	addChance, removeChance := 0.15, 0.15
	if betweenPages {
		addChance, removeChance = 0.4, 0.5
	}
	r := e.pick(now)
	switch {
	case chance(e.rng, addChance) || r == nil:
		delay := e.delay()
		if betweenPages {
			delay = 0
		}
		e.add(now.Add(-between(e.rng, 0, 3*time.Hour)), delay)
	case r.gone:
		e.service.Add(r.row)
		r.gone = false
		r.versions = append(r.versions, version{now, meetingOf(&r.row)})
	case chance(e.rng, removeChance):
		e.service.Remove(r.row.ConfUUID)
		r.gone = true
		r.versions = append(r.versions, version{from: now})
	default:
		e.edit(r, now)
	}
}

// pick returns a record that is or was listed, nil if there is none. Recent
// ones are more likely: old ones are out of reach of most sweeps.
func (e *enterprise) pick(now time.Time) *record {
	var listed []*record
	for _, r := range e.records {
		if r.twin == nil && r.versions[0].from.Before(now) {
			listed = append(listed, r)
		}
	}
	if len(listed) == 0 {
		return nil
	}
	slices.SortStableFunc(listed, func(a, b *record) int { return cmp.Compare(b.row.End.Unix(), a.row.End.Unix()) })
	return listed[min(e.rng.IntN(len(listed)), e.rng.IntN(len(listed)))]
}

// edit changes a record as the service might: a recording appears, a number
// changes, a rejoin moves the end, the scheduler moves to another department.
func (e *enterprise) edit(r *record, now time.Time) {
	rng, row := e.rng, r.row
	if (len(row.Extra) > 0 || row.ConferenceState != "Destroyed") && chance(rng, 0.5) {
		row.Extra, row.ConferenceState = nil, "Destroyed" // corrected, or ended at last
	}
	switch rng.IntN(7) {
	case 0, 1:
		row.IsHasRecordFile = new(row.IsHasRecordFile == nil || !*row.IsHasRecordFile)
	case 2:
		row.NormalCount = oneOf(rng, nil, new(0), new(rng.IntN(60)))
	case 3:
		row.TerminalCount = oneOf(rng, nil, new(rng.IntN(6)))
	case 4:
		row.End = row.Start.Add(e.duration())
		if row.End.After(now) {
			row.End = row.Start
		}
	case 5:
		row.DeptName = oneOf(rng, departmentNames...)
	case 6:
		row.ConfType = oneOf(rng, "IMMEDIATELY", "FUTURE")
		if moved := row.Start.Add(-between(rng, 0, 10*time.Minute).Truncate(time.Second)); chance(rng, 0.1) {
			row.Start, r.startMoved = moved, true
		}
	}
	r.row = row
	e.service.Edit(row.ConfUUID, func(stored *simulator.Record) { *stored = row })
	r.versions = append(r.versions, version{now, meetingOf(&row)})
}

// throughout returns what the record said all the time between two instants,
// nil if that changed or nothing was listed.
func (r *record) throughout(from, to time.Time) (said *meeting.Meeting) {
	for _, v := range r.versions {
		switch {
		case v.from.Before(from):
			said = v.meeting
		case !v.from.After(to):
			return nil
		}
	}
	return said
}

// offered returns every meeting that the record was at any time between two
// instants.
func (r *record) offered(from, to time.Time) (meetings []*meeting.Meeting) {
	for i, v := range r.versions {
		over := i+1 < len(r.versions) && r.versions[i+1].from.Before(from)
		if !over && !v.from.After(to) && v.meeting != nil {
			meetings = append(meetings, v.meeting)
		}
	}
	if r.twin != nil && !r.versions[0].from.After(to) {
		meetings = append(meetings, r.twin)
	}
	return meetings
}

// steady reports whether no record left the listing or moved in it between two
// instants. Running meetings may leave it when they end.
func (e *enterprise) steady(from, to time.Time) bool {
	for _, r := range e.records {
		if !r.row.End.Before(from) && !r.row.End.After(to) {
			return false
		}
		for _, v := range r.versions[1:] {
			if !v.from.Before(from) && !v.from.After(to) {
				return false
			}
		}
	}
	return true
}
