package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// timeLayout is that of startTime and endTime: UTC, whatever timeZoneID says,
// cut to the minute.
const timeLayout = "2006-01-02 15:04"

// page is one page of history.
type page struct {
	rows  []row
	count int // all records of the listing, not those of this page
}

// row is one record of a page and what is to become of it.
type row struct {
	// key knows the row again: its UUID or, for want of one, its whole text.
	key        string
	meeting    meeting.Meeting
	defect     meeting.Defect
	badNumbers int
	// running tells that the meeting has not ended: it is passed over.
	running bool
}

// decodePage reads the body of a page. A record that cannot be read never
// fails the page, but an answer without data and count does: it must not
// pass for an empty history.
func decodePage(body []byte, now time.Time) (*page, error) {
	var answer struct {
		Data      *[]json.RawMessage `json:"data"`
		Count     number             `json:"count"`
		ErrorCode json.RawMessage    `json:"error_code"`
	}
	if err := unmarshal(body, &answer); err != nil {
		return nil, err
	}
	switch {
	case len(answer.ErrorCode) > 0 && string(answer.ErrorCode) != "null" && string(answer.ErrorCode) != `""`:
		return nil, errors.New("answer tells of an error in spite of its status")
	case answer.Data == nil:
		return nil, errors.New("answer holds no data")
	}
	count := answer.Count.value
	if !answer.Count.given || count < 0 || count > math.MaxInt32 || count != math.Trunc(count) {
		return nil, errors.New("answer holds no count")
	}
	p := &page{rows: make([]row, len(*answer.Data)), count: int(count)}
	for i, raw := range *answer.Data {
		p.rows[i] = decodeRow(raw, now)
	}
	return p, nil
}

// record is what the exporter reads of a ConferenceInfo; the spelling is the
// API's. Nothing else of it, personal data above all, is kept.
type record struct {
	UUID           text   `json:"confUUID"`
	StartTime      text   `json:"startTime"`
	EndTime        text   `json:"endTime"`
	State          text   `json:"conferenceState"`
	Department     text   `json:"deptName"`
	ConfType       text   `json:"confType"`
	ConferenceType number `json:"conferenceType"`
	Webinar        flag   `json:"webinar"`
	NormalCount    number `json:"normalCount"`
	TerminalCount  number `json:"terminlCount"`
	HasRecordFile  flag   `json:"isHasRecordFile"`
}

func decodeRow(raw json.RawMessage, now time.Time) row {
	var rec record
	if err := json.Unmarshal(raw, &rec); err != nil {
		rec = record{} // not an object
	}
	var r row
	r.running = rec.State != "" && rec.State != "Destroyed"
	conferenceType, _ := rec.ConferenceType.count()
	r.meeting = meeting.Meeting{
		UUID:         string(rec.UUID),
		Start:        rec.StartTime.time(),
		End:          rec.EndTime.time(),
		Department:   meeting.Department(string(rec.Department)),
		Type:         meeting.Classify(bool(rec.Webinar), string(rec.ConfType), conferenceType),
		Participants: r.number(rec.NormalCount),
		Terminals:    r.number(rec.TerminalCount),
		Recorded:     bool(rec.HasRecordFile),
	}
	r.key = r.meeting.UUID
	if r.key == "" {
		sum := sha256.Sum256(raw)
		r.key = string(sum[:])
	}
	if r.running {
		r.badNumbers = 0 // not a meeting of history yet
		return r
	}
	if r.defect = r.meeting.Validate(now); r.defect != meeting.Valid {
		r.badNumbers = 0 // told once, as the record that it is
	}
	return r
}

// number returns a count, and notes one that was given but cannot be.
func (r *row) number(n number) meeting.Count {
	count, ok := n.count()
	if !ok {
		r.badNumbers++
	}
	return count
}

// text is a string that may be absent; any other type reads as absent.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(strings.TrimSpace(s))
	}
	return nil
}

// time returns the instant, or the zero time if t is not one.
func (t text) time() time.Time {
	at, err := time.Parse(timeLayout, string(t))
	if err != nil {
		return time.Time{}
	}
	return at
}

// flag is a boolean that may be absent, which reads as false.
type flag bool

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(bytes.Trim(b, `"`)) {
	case "true", "1":
		*f = true
	default:
		*f = false
	}
	return nil
}

// number is a number that may come as 1, 1.0, "1" or null, the last of which
// reads as absent. What is not a number is given, as NaN.
type number struct {
	given bool
	value float64
}

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.TrimSpace(string(bytes.Trim(b, `"`)))
	if s == "null" || s == "" {
		*n = number{}
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		v = math.NaN()
	}
	*n = number{given: true, value: v}
	return nil
}

// count returns the number as a count, absent if it is not given, and false
// if it is given but cannot be one.
func (n number) count() (meeting.Count, bool) {
	if !n.given {
		return meeting.Absent, true
	}
	return meeting.NewCount(n.value)
}
