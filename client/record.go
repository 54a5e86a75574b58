package client

import (
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/meeting"
)

// page is one page of history.
type page struct {
	rows  []row
	count int // of the records of the whole listing, or fewer
	limit int // of the rows of a page, as the service says; 0 if it does not
}

// row is one record of a page.
type row struct {
	// key identifies the record. It is the UUID, or the SHA-256 of the record's
	// JSON if it has none.
	key        string
	meeting    meeting.Meeting
	defect     meeting.Defect
	badNumbers int // of a usable record
}

// usable reports whether the meeting of the row belongs into a listing.
func (r *row) usable() bool { return r.defect == meeting.Valid }

// pageRequest is what the decoder of a page must know of its request.
type pageRequest struct {
	limit int
	first bool // the page is the first of its listing
	now   time.Time
}

// errTooManyRows keeps the memory of a page in bounds. A service that ignores a
// small limit may send some more rows than asked for.
var errTooManyRows = errors.New("response holds more than twice the records asked for")

// decodePage reads the body of a page (API page: history list). A malformed
// record never fails the page. A response without a count does, and a first page
// with a count but without data, because neither must read as an empty history.
func decodePage(body []byte, request pageRequest) (*page, error) {
	d := newDecoder(body)
	var (
		p            page
		count, limit jsonNumber
		dataKind     jsontext.Kind // '[', 'n' for null, or 0 if there is no data
		code         errorCode
	)
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "data":
			p.rows, dataKind = nil, d.PeekKind()
			if dataKind != '[' {
				return d.value(nil)
			}
			return d.array(func() error {
				if len(p.rows) == 2*request.limit {
					return errTooManyRows
				}
				r, err := d.row(request.now)
				p.rows = append(p.rows, r)
				return err
			})
		case "count":
			return d.value(&count)
		case "limit":
			return d.value(&limit)
		case "error_code":
			return d.value(&code)
		}
		return d.value(nil)
	})
	if err == nil {
		err = d.end()
	}
	isEmpty := dataKind == 0 || dataKind == 'n'
	switch {
	case errors.Is(err, errTooManyRows):
		return nil, err
	case err != nil:
		return nil, jsonError(body, err)
	case code.present:
		return nil, &code
	case !count.isIndex():
		return nil, errors.New("response holds no count")
	case dataKind != '[' && !isEmpty, isEmpty && request.first && count.value > 0:
		return nil, errors.New("response holds no data")
	}
	p.count = int(count.value)
	if limit.isIndex() {
		p.limit = int(limit.value)
	}
	return &p, nil
}

// record holds the fields that the client reads of a ConferenceInfo (API page:
// history list). It keeps no other field, and so no personal data.
type record struct {
	uuid, state, department, confType          jsonString
	start, end                                 jsonTime
	conferenceType, normalCount, terminalCount jsonNumber
	webinar, hasRecordFile                     jsonBool
}

// running reports whether the record says that the meeting has not ended (API
// page: conferenceState). Any other state, and none, is that of an ended meeting,
// because the history lists ended meetings.
func (r *record) running() bool {
	for _, state := range []string{"Schedule", "Creating", "Created"} {
		if strings.EqualFold(string(r.state), state) {
			return true
		}
	}
	return false
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
		Start:        rec.start.Time,
		End:          rec.end.Time,
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
	r.defect = r.meeting.Validate(now)
	if rec.running() {
		r.defect = meeting.NotEnded
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
