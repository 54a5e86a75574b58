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
	count int // all records of the listing, not those of this page
}

// row is one record of a page and what is to become of it.
type row struct {
	key        rowKey
	meeting    meeting.Meeting
	defect     meeting.Defect
	badNumbers int
	// running tells that the meeting has not ended: it is passed over.
	running bool
}

// rowKey knows a row again: eight bytes of the SHA-256 of its UUID or, for want
// of one, of its whole text. That is short, since a listing keeps one for each
// row, and enough: two rows with one key only make it read once more.
type rowKey [8]byte

func newRowKey(text []byte) rowKey {
	sum := sha256.Sum256(text)
	return rowKey(sum[:len(rowKey{})])
}

// decodePage reads the body of a page. A record that cannot be read never
// fails the page, but an answer without data and count does: it must not
// pass for an empty history.
func decodePage(body []byte, now time.Time) (*page, error) {
	d := newDecoder(body)
	var (
		p      page
		count  number
		listed bool
		failed bool
	)
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "data":
			p.rows, listed = nil, d.PeekKind() == '['
			if !listed {
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
		return nil, errors.New("answer tells of an error in spite of its status")
	case !listed:
		return nil, errors.New("answer holds no data")
	case !count.given || count.value < 0 || count.value > math.MaxInt32 || count.value != math.Trunc(count.value):
		return nil, errors.New("answer holds no count")
	}
	p.count = int(count.value)
	return &p, nil
}

// record is what the exporter reads of a ConferenceInfo. Nothing else of it,
// personal data above all, is kept.
type record struct {
	uuid, start, end, state, department, confType text
	conferenceType, normalCount, terminalCount    number
	webinar, hasRecordFile                        flag
}

// field returns where the value of a name belongs, nil if nowhere. The
// spelling is the API's.
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

// row reads the next value, which need not be a record.
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
	r.running = rec.state != "" && rec.state != "Destroyed"
	conferenceType, _ := rec.conferenceType.count()
	r.meeting = meeting.Meeting{
		UUID:         string(rec.uuid),
		Start:        rec.start.time(),
		End:          rec.end.time(),
		Department:   meeting.Department(string(rec.department)),
		Type:         meeting.Classify(bool(rec.webinar), string(rec.confType), conferenceType),
		Participants: r.number(rec.normalCount),
		Terminals:    r.number(rec.terminalCount),
		Recorded:     bool(rec.hasRecordFile),
	}
	if rec.uuid != "" {
		r.key = newRowKey([]byte(rec.uuid))
	} else {
		r.key = newRowKey(d.since(begin))
	}
	if !r.running {
		r.defect = r.meeting.Validate(now)
	}
	if r.running || r.defect != meeting.Valid {
		r.badNumbers = 0 // told once as the record that it is, or not at all
	}
	return r, nil
}

// number returns a count, and notes one that was given but cannot be.
func (r *row) number(n number) meeting.Count {
	count, ok := n.count()
	if !ok {
		r.badNumbers++
	}
	return count
}
