package ledger

// hold names counters that are held and released together (rule 6).
type hold struct {
	kind   holdKind
	number uint32 // of the label set or of the department
}

type holdKind uint8

const (
	holdSet             holdKind = iota // the counters of a label set
	holdAttended                        // the attendance counters of a label set
	holdAttendees                       // the counter of the people of a department
	holdFixed                           // the fixed series
	holdFixedAttendance                 // the fixed series of attendance
)

// isHeld reports whether the counters are held.
func (l *Ledger) isHeld(h hold) bool {
	switch h.kind {
	case holdSet:
		return l.series[setID(h.number)].held
	case holdAttended:
		return l.series[setID(h.number)].attended.held
	case holdAttendees:
		return l.attendees[h.number].held
	case holdFixed:
		return !l.state.fixedReleased
	default:
		return !l.state.attendance.released
	}
}

// holds returns what is held and shown.
func (l *Ledger) holds() (holds []hold) {
	add := func(kind holdKind, number uint32) {
		if h := (hold{kind, number}); l.isHeld(h) {
			holds = append(holds, h)
		}
	}
	add(holdFixed, 0)
	for key := range l.series {
		add(holdSet, uint32(key))
	}
	if !l.cfg.Attendance {
		return holds
	}
	add(holdFixedAttendance, 0)
	for key := range l.series {
		add(holdAttended, uint32(key))
	}
	for department := range l.attendees {
		add(holdAttendees, department)
	}
	return holds
}

// release publishes what was held.
func (t *turn) release(h hold) {
	if !t.base.isHeld(h) {
		return
	}
	t.released = true
	switch key := setID(h.number); h.kind {
	case holdSet:
		s := t.seriesOf(key)
		s.held = false
		t.series[key] = s
	case holdAttended:
		s := t.seriesOf(key)
		s.attended.held = false
		t.series[key] = s
	case holdAttendees:
		d := t.attendeesOf(h.number)
		d.held = false
		t.attendees[h.number] = d
	case holdFixed:
		t.state.fixedReleased = true
	case holdFixedAttendance:
		t.state.attendance.released = true
	}
}
