package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"huaweicloud_meeting_exporter/meeting"
)

const opAttendance = "read attendance"

var (
	// ErrGone is in the chain of an Error if the service does not know the meeting,
	// or does not show it.
	ErrGone = errors.New("the service does not know this meeting")
	// ErrUnusable is in the chain of an Error if an attendance has records, but none
	// that is usable.
	ErrUnusable = errors.New("no record of this meeting is usable")
)

// Attendance reads who joined a meeting that ended at the given time (rule 9). It
// reads all pages, as History does, and keeps no name and no number. Requests keep
// to MaxAttendanceRequestsPerMinute, and let those of the history go first.
//
// Its errors are those of History, ErrGone and ErrUnusable. A rejected token is an
// Auth error. Error.Refused reports that no attendance can be read.
func (c *Client) Attendance(ctx context.Context, uuid string, end time.Time) (meeting.Attendance, error) {
	listing, err := list{
		op: opAttendance, limit: c.cfg.PageLimit, paging: &c.attendancePaging, keyless: true,
		page: func(ctx context.Context, offset int) (*page, error) { return c.fetchAttendance(ctx, uuid, offset) },
	}.read(ctx)
	if err != nil {
		return meeting.Attendance{}, err
	}
	attendance, ok := meeting.NewAttendance(listing.joins, end)
	if !ok || attendance.Joins > meeting.MaxCount {
		return meeting.Attendance{}, &Error{Op: opAttendance, Reason: Response, Err: ErrUnusable}
	}
	return attendance, nil
}

// fetchAttendance returns a page of the attendance of a meeting (API page: attendee
// records).
func (c *Client) fetchAttendance(ctx context.Context, uuid string, offset int) (p *page, err error) {
	err = c.get(ctx, background{
		op: opAttendance, endpoint: EndpointAttendance, path: "/v1/mmc/management/conferences/history/confAttendeeRecord",
		query: url.Values{"confUUID": {uuid}, "offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(c.cfg.PageLimit)}},
		share: c.attendanceShare,
	}, func(body []byte) error {
		p, err = decodePage(body, pageRequest{limit: c.cfg.PageLimit, first: offset == 0, row: (*decoder).attendanceRow})
		return err
	})
	var e *Error
	if errors.As(err, &e) && e.gone() {
		e.Reason, e.Err = Response, ErrGone
	}
	return p, err
}

// gone reports whether the response says that the meeting is unknown. A 404 of the
// gateway says that the request is.
func (e *Error) gone() bool {
	return e.Status == http.StatusBadRequest && e.hasCode("111070005") ||
		e.Status == http.StatusNotFound && strings.HasPrefix(e.Code, "MMC.")
}

// attendeeRecord holds the fields that the client reads of an attendee record.
type attendeeRecord struct {
	number, name, department jsonString
	joined, left             jsonInstant
}

func (r *attendeeRecord) field(name []byte) json.Unmarshaler {
	switch string(name) {
	case "callNumber":
		return &r.number
	case "displayName":
		return &r.name
	case "deptName":
		return &r.department
	case "joinTime":
		return &r.joined
	case "leftTime":
		return &r.left
	}
	return nil
}

// attendanceRow reads the next value, which may be anything. Records have no
// identity, so the whole of a row is its key.
func (d *decoder) attendanceRow(time.Time) (r row, err error) {
	begin := d.InputOffset()
	var rec attendeeRecord
	if _, err := d.record(rec.field); err != nil {
		return r, err
	}
	sum := sha256.Sum256(d.since(begin))
	r.key = string(sum[:])
	r.join = &meeting.Join{
		Joined: rec.joined.Time, Left: rec.left.Time,
		Number: string(rec.number), Name: string(rec.name),
		Department: meeting.Department(string(rec.department)),
	}
	return r, nil
}
