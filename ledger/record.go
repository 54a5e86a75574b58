package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"huaweicloud_meeting_exporter/meeting"
)

// The payloads of the journal are CBOR maps (RFC 8949), whose keys are the
// numbers in the tags below. A field that is missing is zero. A new field gets
// the next number; a number is never used again. A ledger that finds a number
// it does not know refuses the file.
const (
	formatName    = "huaweicloud_meeting_exporter ledger"
	formatVersion = 2 // version 1 stored bbolt databases
)

// headRecord is the payload of frame 0.
type headRecord struct {
	Format  string            `cbor:"1,keyasint,omitempty"` // formatName
	Version int               `cbor:"2,keyasint,omitempty"` // formatVersion
	Owner   [sha256.Size]byte `cbor:"3,keyasint,omitempty"` // SHA-256 of the owner
}

// turnRecord is the payload of every further frame: what one turn changed.
// Frame 1 is a turn that changed an empty ledger into the whole state. Times
// are nanoseconds since 1970, 0 for none.
type turnRecord struct {
	// The state after the turn.
	Created   int64 `cbor:"1,keyasint,omitempty"`
	Horizon   int64 `cbor:"2,keyasint,omitempty"`
	LastPoll  int64 `cbor:"3,keyasint,omitempty"`
	LastSweep int64 `cbor:"4,keyasint,omitempty"`
	Folded    int64 `cbor:"5,keyasint,omitempty"`
	// Departments are the new names. They are numbered in order, from
	// specialDepartments.
	Departments []string `cbor:"6,keyasint,omitempty"`
	// What changed, in ascending order.
	Series    []seriesRecord  `cbor:"7,keyasint,omitempty"`
	Values    []valueRecord   `cbor:"8,keyasint,omitempty"`
	Meetings  []meetingRecord `cbor:"9,keyasint,omitempty"`
	Forgotten []id            `cbor:"10,keyasint,omitempty"`
	// More of the state after the turn.
	TooLate       int64 `cbor:"11,keyasint,omitempty"`
	FixedReleased bool  `cbor:"12,keyasint,omitempty"`
	SweptReach    int64 `cbor:"13,keyasint,omitempty"` // nanoseconds
	// The state of attendance after the turn. Unread is indexed by Unread.
	AttendanceBegan    int64   `cbor:"14,keyasint,omitempty"`
	AttendanceReleased bool    `cbor:"15,keyasint,omitempty"`
	Unread             []int64 `cbor:"16,keyasint,omitempty"`
	// What changed of attendance, in ascending order.
	Attendees []attendeesRecord `cbor:"17,keyasint,omitempty"`
	Pending   []pendingRecord   `cbor:"18,keyasint,omitempty"`
	Settled   []id              `cbor:"19,keyasint,omitempty"` // were pending
}

// seriesRecord is the counters of one label set.
type seriesRecord struct {
	Set     setID      `cbor:"1,keyasint,omitempty"`
	Counted bool       `cbor:"2,keyasint,omitempty"`
	Held    bool       `cbor:"3,keyasint,omitempty"`
	Created int64      `cbor:"4,keyasint,omitempty"`
	Total   sumsRecord `cbor:"5,keyasint,omitempty"`
	// Attended is the attendance counters. It is zero if there are none.
	Attended attendedRecord `cbor:"6,keyasint,omitempty"`
}

// attendedRecord is the attendance counters of one label set.
type attendedRecord struct {
	Created  int64 `cbor:"1,keyasint,omitempty"`
	Held     bool  `cbor:"2,keyasint,omitempty"`
	Meetings int64 `cbor:"3,keyasint,omitempty"`
	Joins    int64 `cbor:"4,keyasint,omitempty"`
	People   int64 `cbor:"5,keyasint,omitempty"`
	Seconds  int64 `cbor:"6,keyasint,omitempty"`
}

// attendeesRecord is the counter of the people of one department.
type attendeesRecord struct {
	Department uint32 `cbor:"1,keyasint,omitempty"`
	Created    int64  `cbor:"2,keyasint,omitempty"`
	Held       bool   `cbor:"3,keyasint,omitempty"`
	Seconds    int64  `cbor:"4,keyasint,omitempty"`
}

// pendingRecord is a counted meeting whose attendance is still to be read.
type pendingRecord struct {
	UUID   string `cbor:"1,keyasint,omitempty"`
	Set    setID  `cbor:"2,keyasint,omitempty"`
	Seen   int64  `cbor:"3,keyasint,omitempty"`
	End    minute `cbor:"4,keyasint,omitempty"`
	Lasted bool   `cbor:"5,keyasint,omitempty"`
}

type sumsRecord struct {
	Meetings        int64 `cbor:"1,keyasint,omitempty"`
	DurationSeconds int64 `cbor:"2,keyasint,omitempty"`
	Participants    int64 `cbor:"3,keyasint,omitempty"`
	Terminals       int64 `cbor:"4,keyasint,omitempty"`
	Recorded        int64 `cbor:"5,keyasint,omitempty"`
}

// valueRecord says how often a histogram has observed a value.
type valueRecord struct {
	Measure measure      `cbor:"1,keyasint,omitempty"`
	Type    meeting.Type `cbor:"2,keyasint,omitempty"`
	Value   int64        `cbor:"3,keyasint,omitempty"`
	Count   uint64       `cbor:"4,keyasint,omitempty"`
}

// meetingRecord is one remembered meeting.
type meetingRecord struct {
	ID         id      `cbor:"1,keyasint,omitempty"`
	CountedSet setID   `cbor:"2,keyasint,omitempty"` // noSet if it is not counted
	ShownSet   setID   `cbor:"3,keyasint,omitempty"`
	End        minute  `cbor:"4,keyasint,omitempty"`
	Shown      values  `cbor:"5,keyasint,omitempty"`
	Highest    *values `cbor:"6,keyasint,omitempty"` // nil if it is as Shown
}

// errNewer is in the chain if the file holds what this version does not know.
var errNewer = errors.New("it was written by a newer version of the exporter: use that version, or another file")

// codec encodes and decodes payloads.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecOptions
}

func newCodec() (c codec, err error) {
	if c.enc, err = (cbor.EncOptions{}).EncMode(); err != nil {
		return c, err
	}
	c.dec = cbor.DecOptions{
		DupMapKey:   cbor.DupMapKeyEnforcedAPF,
		IndefLength: cbor.IndefLengthForbidden,
		TagsMd:      cbor.TagsForbidden,
	}
	return c, nil
}

// decode reads a payload into v. A field that this version does not know is an
// errNewer if unknown says so.
func (c *codec) decode(payload []byte, v any, unknown cbor.ExtraDecErrorCond) error {
	// Elements take more memory than bytes of the payload. All but a few take 4
	// bytes or more, so the payload bounds the memory.
	const minElement, few = 4, 1024
	options := c.dec
	options.MaxArrayElements = few + len(payload)/minElement
	options.ExtraReturnErrors = unknown
	mode, err := options.DecMode()
	if err != nil {
		return err
	}
	err = mode.Unmarshal(payload, v)
	if errors.As(err, new(*cbor.UnknownFieldError)) {
		return errNewer
	}
	return err
}

// decodeHead reads the payload of frame 0.
func (c *codec) decodeHead(payload []byte) (headRecord, error) {
	var head headRecord
	if err := c.decode(payload, &head, cbor.ExtraDecErrorNone); err != nil {
		return head, err
	}
	switch {
	case head.Format != formatName || head.Version < formatVersion:
		return head, errors.New("it is not the head of a ledger")
	case head.Version > formatVersion:
		return head, fmt.Errorf("it has format %d where this version knows format %d: %w", head.Version, formatVersion, errNewer)
	}
	return head, c.decode(payload, &head, cbor.ExtraDecErrorUnknownField)
}

// encodeFile returns a whole journal: a head, and one turn.
func (c *codec) encodeFile(owner [sha256.Size]byte, r *turnRecord) ([]byte, error) {
	head, err := c.enc.Marshal(headRecord{Format: formatName, Version: formatVersion, Owner: owner})
	if err != nil {
		return nil, err
	}
	turn, err := c.enc.Marshal(r)
	if err != nil {
		return nil, err
	}
	file, err := appendFrame(nil, 0, head)
	if err != nil {
		return nil, err
	}
	return appendFrame(file, 1, turn)
}

// record returns what the turn changes.
func (t *turn) record() *turnRecord {
	r := t.stateRecord(len(t.base.names.names))
	for key, s := range t.series {
		now := s.record(key)
		if old, known := t.base.series[key]; !known || old.record(key) != now {
			r.Series = append(r.Series, now)
		}
	}
	for o := range t.observed {
		r.Values = append(r.Values, valueRecord{o.measure, o.typ, o.value, t.state.distributions[o.measure][o.typ][o.value]})
	}
	for key, e := range t.meetings {
		r.Meetings = append(r.Meetings, e.record(key))
	}
	r.Forgotten = slices.Clone(t.forgotten)
	for department, d := range t.attendees {
		if old, known := t.base.attendees[department]; !known || old != d {
			r.Attendees = append(r.Attendees, d.record(department))
		}
	}
	for _, p := range t.pending {
		r.Pending = append(r.Pending, p.record())
	}
	r.Settled = slices.Clone(t.settled)
	r.sort()
	return r
}

// wholeRecord returns the whole state after the turn.
func (t *turn) wholeRecord() *turnRecord {
	r := t.stateRecord(int(specialDepartments))
	for key, s := range t.allSeries() {
		r.Series = append(r.Series, s.record(key))
	}
	for of, byType := range t.state.distributions {
		for typ, d := range byType {
			for value, count := range d {
				r.Values = append(r.Values, valueRecord{measure(of), meeting.Type(typ), value, count})
			}
		}
	}
	forgotten := make(map[id]bool, len(t.forgotten))
	for _, key := range t.forgotten {
		forgotten[key] = true
	}
	r.Meetings = make([]meetingRecord, 0, len(t.base.meetings)+len(t.meetings))
	for key, e := range t.base.meetings {
		if _, changed := t.meetings[key]; !changed && !forgotten[key] {
			r.Meetings = append(r.Meetings, e.record(key))
		}
	}
	for key, e := range t.meetings {
		r.Meetings = append(r.Meetings, e.record(key))
	}
	after := &Ledger{attendees: maps.Clone(t.base.attendees), pending: maps.Clone(t.base.pending)}
	maps.Copy(after.attendees, t.attendees)
	maps.Copy(after.pending, t.pending)
	for _, key := range t.settled {
		delete(after.pending, key)
	}
	for department, d := range after.attendees {
		r.Attendees = append(r.Attendees, d.record(department))
	}
	for _, p := range after.pending {
		r.Pending = append(r.Pending, p.record())
	}
	r.sort()
	return r
}

// stateRecord returns a record of the state and of the departments from a
// number on.
func (t *turn) stateRecord(fromDepartment int) *turnRecord {
	r := &turnRecord{
		Created:     storeTime(t.state.created),
		Horizon:     storeTime(t.state.horizon),
		LastPoll:    storeTime(t.state.lastPoll),
		LastSweep:   storeTime(t.state.lastSweep),
		Folded:      t.state.folded,
		Departments: t.names.names[fromDepartment:],

		TooLate:       t.state.tooLate,
		FixedReleased: t.state.fixedReleased,
		SweptReach:    int64(t.state.sweptReach),

		AttendanceBegan:    storeTime(t.state.attendance.began),
		AttendanceReleased: t.state.attendance.released,
	}
	if t.state.attendance.unread != [unreadReasons]int64{} {
		r.Unread = t.state.attendance.unread[:]
	}
	return r
}

func (r *turnRecord) sort() {
	slices.SortFunc(r.Series, func(a, b seriesRecord) int { return cmp.Compare(a.Set, b.Set) })
	slices.SortFunc(r.Values, valueRecord.compare)
	slices.SortFunc(r.Meetings, func(a, b meetingRecord) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	slices.SortFunc(r.Forgotten, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(r.Attendees, func(a, b attendeesRecord) int { return cmp.Compare(a.Department, b.Department) })
	slices.SortFunc(r.Pending, func(a, b pendingRecord) int { return cmp.Compare(a.UUID, b.UUID) })
	slices.SortFunc(r.Settled, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
}

func (v valueRecord) compare(w valueRecord) int {
	return cmp.Or(cmp.Compare(v.Measure, w.Measure), cmp.Compare(v.Type, w.Type), cmp.Compare(v.Value, w.Value))
}

func (s *series) record(key setID) seriesRecord {
	a := s.attended
	return seriesRecord{
		Set: key, Counted: s.counted, Held: s.held, Created: storeTime(s.created), Total: sumsRecord(s.total),
		Attended: attendedRecord{storeTime(a.created), a.held, a.total.Meetings, a.total.Joins, a.total.People, a.total.Seconds},
	}
}

func (d *attendeeSeconds) record(department uint32) attendeesRecord {
	return attendeesRecord{department, storeTime(d.created), d.held, d.total}
}

func (p *pending) record() pendingRecord {
	return pendingRecord{p.uuid, p.set, storeTime(p.seen), p.end, p.lasted}
}

func (e *entry) record(key id) meetingRecord {
	r := meetingRecord{ID: key, CountedSet: e.countedSet, ShownSet: e.shownSet, End: e.end, Shown: e.shown}
	if e.highest != e.shown {
		r.Highest = &e.highest
	}
	return r
}

// UnmarshalCBOR refuses what is not a byte string of the length of an id. The
// library would fill it up or cut it off.
func (i *id) UnmarshalCBOR(b []byte) error {
	const head = 0x40 + byte(len(id{})) // a byte string of that length
	if len(b) != 1+len(i) || b[0] != head {
		return errors.New("it holds an impossible id")
	}
	*i = id(b[1:])
	return nil
}

func storeTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func loadTime(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
