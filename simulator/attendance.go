package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// AttendeeRecord is one row of the attendance of a meeting: one join of one caller
// (API page: attendee records). Times are milliseconds since 1970, or 0 if unknown.
type AttendeeRecord struct {
	DisplayName string `json:"displayName"`
	CallNumber  string `json:"callNumber"`
	DeviceType  string `json:"deviceType"`
	JoinTime    int64  `json:"joinTime"`
	LeftTime    int64  `json:"leftTime"`
	MediaType   string `json:"mediaType"`
	DeptName    string `json:"deptName"`
}

// attendance lists who joined an ended meeting.
func (s *Service) attendance(w http.ResponseWriter, r *http.Request) {
	tok, ok := s.holder(w, r)
	if !ok {
		return
	}
	v, now := *s.variant.Load(), s.cfg.Now()
	if v.AttendanceAccess.refuses(w) {
		return
	}
	p := parameters{values: r.URL.Query()}
	offset, limit := int(p.optionalInteger("offset", 0, 0)), int(p.optionalInteger("limit", 1, defaultLimit))
	uuid := p.values.Get("confUUID")
	if p.err == nil && uuid == "" {
		p.err = fmt.Errorf("confUUID is missing")
	}
	if p.err != nil {
		writeError(w, http.StatusBadRequest, "MMC.111070001", p.err.Error())
		return
	}
	caller, adminType := s.signedIn(tok)
	e := s.archive.enterprise
	record := s.archive.find(uuid, now)
	if record == nil || adminType == ordinaryUser && !e.involves(caller, record) {
		if v.UnknownMeeting.refuses(w) {
			return
		}
		record = nil
	}
	var rows []AttendeeRecord
	if record != nil && record.Joins != nil {
		rows = record.Joins
	} else if record != nil && !now.Before(record.attendanceAt()) {
		rows = e.attendanceOf(record)
	}
	writePage(w, v, rows, s.cfg.MaxLimit, offset, limit, func(row AttendeeRecord) ([]byte, error) {
		row = v.LeftTime.of(row)
		return marshalRow(row, v.LeftTime.fields(&row))
	})
}

// Attendance returns who joined the listed meeting with a confUUID, as it is
// listed in the end. A meeting of which the service never lists anybody has no
// rows.
func (s *Service) Attendance(uuid string) (rows []AttendeeRecord) {
	now, form := s.cfg.Now(), s.variant.Load().LeftTime
	switch r := s.archive.find(uuid, now); {
	case r == nil:
		return nil
	case r.Joins != nil:
		rows = slices.Clone(r.Joins)
	case r.attendanceAt().After(now.AddDate(1, 0, 0)):
		return nil
	default:
		rows = s.archive.enterprise.attendanceOf(r)
	}
	for i, row := range rows {
		rows[i] = form.of(row)
	}
	return rows
}

// find returns the record with a confUUID that is listed at an instant, nil if
// there is none.
func (a *archive) find(uuid string, at time.Time) *Record {
	start, ok := timeOfUUID(uuid)
	if !ok {
		start = at.Add(maxLength) // it was not generated
	}
	for _, r := range a.endingBetween(start, start.Add(maxLength), at) {
		if r.ConfUUID == uuid && a.isListed(r, at) {
			return r
		}
	}
	return nil
}

// attendanceAt returns when the attendance of a meeting is listed: some minutes
// after the meeting, of a few meetings much later, and of very few never.
func (r *Record) attendanceAt() time.Time {
	x := hash("attendance of " + r.ConfUUID)
	delay := time.Duration(x/100%480) * time.Second
	switch y := x % 100; {
	case y < 2:
		delay = 100 * 365 * 24 * time.Hour
	case y < 7:
		delay *= 8
	}
	return r.ListedAt.Add(delay)
}

// attendanceOf returns the rows of the attendance of a meeting, by the time of the
// join.
func (e *enterprise) attendanceOf(r *Record) []AttendeeRecord {
	callers := e.callers(r)
	visits := e.visits(r)
	slices.SortStableFunc(visits, func(a, b visit) int { return a.joined.Compare(b.joined) })
	rows := make([]AttendeeRecord, len(visits))
	for i, v := range visits {
		row := e.stranger(r, v.caller)
		if v.caller < len(callers) {
			row = callers[v.caller]
		}
		row.JoinTime, row.LeftTime = v.joined.UnixMilli(), v.left.UnixMilli()
		rows[i] = row
	}
	return rows
}

// callers returns the invited people and rooms, without times: first the people
// whom the row of the meeting names, then those whom it does not, then the rooms.
func (e *enterprise) callers(r *Record) (callers []AttendeeRecord) {
	named := map[string]bool{}
	var rooms []AttendeeRecord
	for _, a := range r.PartAttendeeInfo {
		named[a.Name] = true
		if a.Type != softTerminal {
			rooms = append(rooms, AttendeeRecord{DisplayName: a.Name, CallNumber: a.Phone, DeviceType: "硬终端", MediaType: "视频", DeptName: r.DeptName})
			continue
		}
		callers = append(callers, e.employee(person{name: a.Name, phone: a.Phone}))
	}
	for i := range staff {
		if len(callers) >= valueOf(r.NormalCount) {
			break
		}
		if p := e.people[(int(hash(r.ConfUUID)%staff)+i)%staff]; !named[p.name] {
			callers = append(callers, e.employee(p))
		}
	}
	return append(callers, rooms...)
}

// employee returns the row of a person, without times.
func (e *enterprise) employee(p person) AttendeeRecord {
	row := AttendeeRecord{DisplayName: p.name, CallNumber: p.phone, DeviceType: "软终端", MediaType: "视频"}
	if place, known := e.byName[p.name]; known {
		row.DeptName = e.departmentOf[place]
	}
	return row
}

// stranger returns the row of somebody who was not invited, without times:
// somebody by telephone, somebody in a browser, or somebody without a name. In a
// meeting of no length it is somebody by telephone, so that no two rows are equal.
func (e *enterprise) stranger(r *Record, caller int) AttendeeRecord {
	rng := stream(e.seed, forVisits, hash(r.ConfUUID), uint64(caller))
	row := AttendeeRecord{DeviceType: "软终端", MediaType: "音频"}
	switch x := rng.Float64(); {
	case x < 0.6 || !r.End.After(r.Start):
		row.CallNumber = "+99222" + newPhone(rng)[6:]
		row.DisplayName = row.CallNumber
	case x < 0.9:
		row.DisplayName = fmt.Sprintf("Guest %d", 1+rng.IntN(20))
	}
	return row
}

// of returns a row as it is listed.
func (f LeftTimeForm) of(row AttendeeRecord) AttendeeRecord {
	switch {
	case f == LeftTimeKnown || hash(row.CallNumber+row.DisplayName)%10 != 0:
	case f == LeftTimeBeforeJoin:
		row.LeftTime = row.JoinTime - 1000
	default:
		row.LeftTime = 0
	}
	return row
}

// fields returns the unknown times of a row, if they are no numbers.
func (f LeftTimeForm) fields(row *AttendeeRecord) map[string]json.RawMessage {
	unknown, ok := map[LeftTimeForm]json.RawMessage{LeftTimeNull: json.RawMessage("null"), LeftTimeEmpty: json.RawMessage(`""`), LeftTimeAbsent: nil}[f]
	fields := map[string]json.RawMessage{}
	for name, at := range map[string]int64{"joinTime": row.JoinTime, "leftTime": row.LeftTime} {
		if ok && at == 0 {
			fields[name] = unknown
		}
	}
	return fields
}

// refuses responds to a request for the attendance of an unknown meeting, unless
// the response is an empty list, and reports whether it did.
func (f UnknownMeetingForm) refuses(w http.ResponseWriter) bool {
	const message = "The conference does not exist"
	switch f {
	case UnknownMeetingBadRequest:
		writeError(w, http.StatusBadRequest, "MMC.111070005", message)
	case UnknownMeetingNotFound:
		writeError(w, http.StatusNotFound, "MMC.111070005", message)
	default:
		return false
	}
	return true
}

// refuses responds to a request that this form of access refuses, and reports
// whether it did.
func (f AttendanceAccessForm) refuses(w http.ResponseWriter) bool {
	switch f {
	case AttendanceForbidden:
		writeError(w, http.StatusForbidden, "MMC.111070002", "No permission")
	case AttendanceUnknown:
		writeNotFound(w)
	default:
		return false
	}
	return true
}
