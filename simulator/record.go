package simulator

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Record is one row of the history: an ended meeting, or one that will end. Its wire fields have the
// order and the misspellings of the API page "Querying the Historical Meeting
// List". A nil pointer leaves a field out.
type Record struct {
	// Start and End are the exact instants of the meeting. The row usually
	// shows them in UTC, cut to the minute.
	Start time.Time `json:"-"`
	End   time.Time `json:"-"`
	// ListedAt is when the row appears. Add sets it if it is zero.
	ListedAt time.Time `json:"-"`
	// RecordingAt is when the row begins to show a true IsHasRecordFile;
	// before that it shows false. Zero means as soon as the row appears.
	RecordingAt time.Time `json:"-"`
	// Extra holds JSON values that replace or add fields of the row, by wire
	// name; an empty value removes the field. Tests use it for malformed rows.
	// Listed and Window ignore it.
	Extra map[string]json.RawMessage `json:"-"`
	// Joins, if not nil, are who joined, listed together with the row. Otherwise the
	// seed decides.
	Joins []AttendeeRecord `json:"-"`

	ConferenceID     string          `json:"conferenceID"`
	MediaTypes       string          `json:"mediaTypes"`
	Subject          string          `json:"subject"`
	Size             *int            `json:"size,omitempty"`
	TimeZoneID       string          `json:"timeZoneID,omitempty"`
	ConferenceState  string          `json:"conferenceState,omitempty"`
	AccessNumber     string          `json:"accessNumber,omitempty"`
	Language         string          `json:"language,omitempty"`
	PasswordEntry    []PasswordEntry `json:"passwordEntry,omitempty"`
	UserUUID         string          `json:"userUUID,omitempty"`
	SchedulerName    string          `json:"scheduserName,omitempty"`
	MultiStreamFlag  int             `json:"multiStreamFlag"`
	ConferenceType   *int            `json:"conferenceType,omitempty"`
	ConfType         string          `json:"confType,omitempty"`
	Webinar          *bool           `json:"webinar,omitempty"`
	IsAutoMute       int             `json:"isAutoMute"`
	IsAutoRecord     int             `json:"isAutoRecord"`
	GuestJoinURI     string          `json:"guestJoinUri,omitempty"`
	RecordType       int             `json:"recordType"`
	RecordAuxStream  int             `json:"recordAuxStream"`
	RecordAuthType   int             `json:"recordAuthType"`
	ConfConfigInfo   *ConfConfigInfo `json:"confConfigInfo,omitempty"`
	VMRFlag          int             `json:"vmrFlag"`
	ScheduleVMR      bool            `json:"scheduleVmr"`
	IsHasRecordFile  *bool           `json:"isHasRecordFile,omitempty"`
	PartAttendeeInfo []Attendee      `json:"partAttendeeInfo,omitempty"`
	TerminalCount    *int            `json:"terminlCount,omitempty"`
	NormalCount      *int            `json:"normalCount,omitempty"`
	DeptName         string          `json:"deptName"`
	ConfUUID         string          `json:"confUUID"`
}

// PasswordEntry is a password of a meeting. The service sends it in plain text.
type PasswordEntry struct {
	ConferenceRole string `json:"conferenceRole"`
	Password       string `json:"password"`
}

// Attendee is a person or a terminal in a room that is invited to a meeting.
type Attendee struct {
	Phone string `json:"phone"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	// Role is 0 for an ordinary participant and 1 for the chair.
	Role int `json:"role"`
}

// ConfConfigInfo holds the settings of a meeting. ProlongLength is in minutes.
type ConfConfigInfo struct {
	ProlongLength          int    `json:"prolongLength"`
	IsGuestFreePwd         bool   `json:"isGuestFreePwd"`
	IsSendNotify           bool   `json:"isSendNotify"`
	IsSendSMS              bool   `json:"isSendSms"`
	IsAutoMute             bool   `json:"isAutoMute"`
	IsSendCalendar         bool   `json:"isSendCalendar"`
	CallInRestriction      int    `json:"callInRestriction"`
	AllowGuestStartConf    bool   `json:"allowGuestStartConf"`
	GuestPwd               string `json:"guestPwd,omitempty"`
	IsHardTerminalAutoMute bool   `json:"isHardTerminalAutoMute"`
	EnableWaitingRoom      bool   `json:"enableWaitingRoom"`
}

// stateEnded is the state of ended meetings.
const stateEnded = "Destroyed"

// isRunning reports whether the meeting is running at an instant.
func (r *Record) isRunning(at time.Time) bool { return !at.Before(r.Start) && at.Before(r.End) }

// plannedEnd returns the end that a running meeting shows: the first half hour
// after its actual end.
func (r *Record) plannedEnd() time.Time {
	return r.End.Truncate(30 * time.Minute).Add(30 * time.Minute)
}

// hasRecording reports whether the row shows a recording at an instant.
func (r *Record) hasRecording(at time.Time) bool {
	return r.IsHasRecordFile != nil && *r.IsHasRecordFile && !at.Before(r.RecordingAt)
}

// encode returns the row as JSON, as a variant of the service sends it at an
// instant. ended is false for a running meeting.
func (r *Record) encode(at time.Time, v Variant, ended bool) ([]byte, error) {
	r = v.row(r, ended)
	// The outer IsHasRecordFile hides the embedded one.
	row := struct {
		*Record
		StartTime       any   `json:"startTime"`
		EndTime         any   `json:"endTime"`
		IsHasRecordFile *bool `json:"isHasRecordFile,omitempty"`
	}{
		Record:    r,
		StartTime: v.Time.encode(r.Start),
		EndTime:   v.Time.encode(r.End),
	}
	if r.IsHasRecordFile != nil {
		row.IsHasRecordFile = new(r.hasRecording(at))
	}
	return marshalRow(row, r.Extra)
}

// marshalRow returns a row as JSON, with the extra fields of its record.
func marshalRow(row any, extra map[string]json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(row)
	if err != nil || len(extra) == 0 {
		return text, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	maps.Copy(fields, extra)
	maps.DeleteFunc(fields, func(_ string, v json.RawMessage) bool { return len(v) == 0 })
	return json.Marshal(fields)
}

// hash returns a number that depends only on a text.
func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum64()
}

// clone returns a deep copy.
func (r *Record) clone() *Record {
	c := *r
	c.Size = clonePointer(r.Size)
	c.ConferenceType = clonePointer(r.ConferenceType)
	c.Webinar = clonePointer(r.Webinar)
	c.ConfConfigInfo = clonePointer(r.ConfConfigInfo)
	c.IsHasRecordFile = clonePointer(r.IsHasRecordFile)
	c.TerminalCount = clonePointer(r.TerminalCount)
	c.NormalCount = clonePointer(r.NormalCount)
	c.PasswordEntry = slices.Clone(r.PasswordEntry)
	c.PartAttendeeInfo = slices.Clone(r.PartAttendeeInfo)
	c.Extra = maps.Clone(r.Extra)
	c.Joins = slices.Clone(r.Joins)
	return &c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
