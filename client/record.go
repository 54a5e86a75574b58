package client

import (
	"crypto/sha256"
	"errors"
	"math"
	"time"

	"github.com/go-json-experiment/json"

	"huaweicloud_meeting_exporter/meeting"
)

// page is one page of history.
type page struct {
	rows  []row
	count int // of the records of the whole listing
}

// row is one record of a page.
type row struct {
	// key identifies the record. It is the UUID, or the SHA-256 of the record's
	// JSON if it has none.
	key        string
	meeting    meeting.Meeting
	defect     meeting.Defect
	badNumbers int // of a usable record
	// running is true if the record says that the meeting has not ended. Such a
	// record is ignored.
	running bool
}

// usable reports whether the meeting of the row belongs into a listing.
func (r *row) usable() bool { return !r.running && r.defect == meeting.Valid }

// decodePage reads the body of a page (API page: history list). A malformed
// record never fails the page. A response without data and count does, because
// it must not read as an empty history.
func decodePage(body []byte, now time.Time) (*page, error) {
	d := newDecoder(body)
	var (
		p       page
		count   jsonNumber
		hasData bool
		failed  bool
	)
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "data":
			p.rows, hasData = nil, d.PeekKind() == '['
			if !hasData {
				return d.value(nil)
			}
			return d.array(func() error {
				r, err := d.row(now)
				p.rows = append(p.rows, r)
				return err
			})
		case "count":
			return d.value(&count)
		case "error_code":
			code, err := d.ReadValue()
			failed = string(code) != "null" && string(code) != `""`
			return err
		}
		return d.value(nil)
	})
	if err == nil {
		err = d.end()
	}
	switch {
	case err != nil:
		return nil, jsonError(body, err)
	case failed:
		return nil, errors.New("response holds an error code in spite of its status")
	case !hasData:
		return nil, errors.New("response holds no data")
	case !count.present || count.value < 0 || count.value > math.MaxInt32 || count.value != math.Trunc(count.value):
		return nil, errors.New("response holds no count")
	}
	p.count = int(count.value)
	return &p, nil
}

// record holds the fields that the client reads of a ConferenceInfo (API page:
// history list). It keeps no other field, and so no personal data.
type record struct {
	uuid, start, end, state, department, confType jsonString
	conferenceType, normalCount, terminalCount    jsonNumber
	webinar, hasRecordFile                        jsonBool
}

// field returns the field of a name on the wire, or nil for a name that the
// client does not read. "terminlCount" is the API's spelling.
func (r *record) field(name []byte) json.Unmarshaler {
	switch string(name) {
	case "confUUID":
		return &r.uuid
	case "startTime":
		return &r.start
	case "endTime":
		return &r.end
	case "conferenceState":
		return &r.state
	case "deptName":
		return &r.department
	case "confType":
		return &r.confType
	case "conferenceType":
		return &r.conferenceType
	case "webinar":
		return &r.webinar
	case "normalCount":
		return &r.normalCount
	case "terminlCount":
		return &r.terminalCount
	case "isHasRecordFile":
		return &r.hasRecordFile
	}
	return nil
}

// row reads the next value, which may be anything.
func (d *decoder) row(now time.Time) (r row, err error) {
	begin := d.InputOffset()
	var rec record
	if d.PeekKind() == '{' {
		err = d.object(func(name []byte) error { return d.value(rec.field(name)) })
	} else {
		err = d.value(nil)
	}
	if err != nil {
		return r, err
	}
	conferenceType, _ := rec.conferenceType.count()
	r.meeting = meeting.Meeting{
		UUID:         string(rec.uuid),
		Start:        rec.start.time(),
		End:          rec.end.time(),
		Department:   meeting.Department(string(rec.department)),
		Type:         meeting.Classify(bool(rec.webinar), string(rec.confType), conferenceType),
		Participants: r.count(rec.normalCount),
		Terminals:    r.count(rec.terminalCount),
		Recorded:     bool(rec.hasRecordFile),
	}
	r.key = r.meeting.UUID
	if r.key == "" {
		sum := sha256.Sum256(d.since(begin))
		r.key = string(sum[:])
	}
	r.running = rec.state != "" && rec.state != "Destroyed"
	if !r.running {
		r.defect = r.meeting.Validate(now)
	}
	if !r.usable() {
		r.badNumbers = 0
	}
	return r, nil
}

// count returns a number as a count, and counts one that is none as bad.
func (r *row) count(n jsonNumber) meeting.Count {
	count, ok := n.count()
	if !ok {
		r.badNumbers++
	}
	return count
}
