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

// page is one page of a listing.
type page struct {
	rows  []row
	count int // of the records of the whole listing, or fewer
	limit int // of the rows of a page, as the service says; 0 if it does not
}

// row is one record of a page.
type row struct {
	// key identifies the record. It is the UUID or another ID, or the SHA-256 of the record's
	// JSON if it has none.
	key        string
	meeting    meeting.Meeting
	defect     meeting.Defect
	badNumbers int // of a usable record
	// join is set instead of meeting if the record is of an attendance.
	join *meeting.Join
}

// usable reports whether the meeting of the row belongs into a listing.
func (r *row) usable() bool { return r.defect == meeting.Valid }

// pageRequest is what the decoder of a page must know of its request.
type pageRequest struct {
	limit int
	first bool // the page is the first of its listing
	now   time.Time
	// row reads one record, which may be anything.
	row func(d *decoder, now time.Time) (row, error)
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
				r, err := request.row(d, request.now)
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

// historyRow reads the next value, which may be anything.
func (d *decoder) historyRow(now time.Time) (r row, err error) {
	begin := d.InputOffset()
	var rec record
	if _, err := d.record(rec.field); err != nil {
		return r, err
	}
	r.meeting = meeting.Meeting{
		UUID:         string(rec.uuid),
		Start:        rec.start.Time,
		End:          rec.end.Time,
		Department:   meeting.Department(string(rec.department)),
		Type:         rec.typ(),
		Participants: r.count(rec.normalCount),
		Terminals:    r.count(rec.terminalCount),
		Recorded:     bool(rec.hasRecordFile),
	}
	r.key = d.key(rec.uuid, begin)
	r.defect = r.meeting.Validate(now)
	if rec.running() {
		r.defect = meeting.NotEnded
	}
	if !r.usable() {
		r.badNumbers = 0
	}
	return r, nil
}

// typ returns the conference type.
func (r *record) typ() meeting.Type {
	conferenceType, _ := r.conferenceType.count()
	return meeting.Classify(bool(r.webinar), string(r.confType), conferenceType)
}

// key returns the key of the row that was read from offset begin on.
func (d *decoder) key(id jsonString, begin int64) string {
	if id != "" {
		return string(id)
	}
	sum := sha256.Sum256(d.since(begin))
	return string(sum[:])
}

// count returns a number as a count, and counts one that is none as bad.
func (r *row) count(n jsonNumber) meeting.Count {
	count, ok := n.count()
	if !ok {
		r.badNumbers++
	}
	return count
}
