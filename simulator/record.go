package simulator

import (
	"encoding/json"
	"maps"
	"time"
)

// Record is one row of the history. Its fields are those of the API page, in
// its order and with its misspellings; a nil pointer leaves a field out.
type Record struct {
	// Start and End are the real instants of the meeting. The row shows them
	// in UTC, cut to the minute.
	Start time.Time `json:"-"`
	End   time.Time `json:"-"`
	// ListedAt is when the row appears. Add sets it if it is zero.
	ListedAt time.Time `json:"-"`
	// RecordingAt is when a true IsHasRecordFile shows; until then the row
	// says false. A zero RecordingAt means as soon as the row appears.
	RecordingAt time.Time `json:"-"`
	// Extra holds JSON texts that replace fields of the row or add to them,
	// by their wire name; an empty text leaves the field out. This is how a
	// test makes a malformed row. It is not seen by Listed and Window.
	Extra map[string]json.RawMessage `json:"-"`

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

// PasswordEntry is a password of a meeting, in plain text as on the wire.
type PasswordEntry struct {
	ConferenceRole string `json:"conferenceRole"`
	Password       string `json:"password"`
}

// Attendee is somebody, or a room's terminal, invited to a meeting.
type Attendee struct {
	Phone string `json:"phone"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Role  string `json:"role,omitempty"`
}

// ConfConfigInfo holds settings of a meeting. prolongLength is in minutes.
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

// wireTime is how the service writes an instant: UTC without saying so.
const wireTime = "2006-01-02 15:04"

// listed tells whether the row is in the history at an instant.
func (r *Record) listed(at time.Time) bool { return !at.Before(r.ListedAt) }

// recorded tells whether the row says at an instant that there is a recording.
func (r *Record) recorded(at time.Time) bool {
	return r.IsHasRecordFile != nil && *r.IsHasRecordFile && !at.Before(r.RecordingAt)
}

// encode is the row as the service sends it at an instant.
func (r *Record) encode(at time.Time) ([]byte, error) {
	// The two times and the flag shadow or complete the embedded fields.
	row := struct {
		*Record
		StartTime       string `json:"startTime"`
		EndTime         string `json:"endTime"`
		IsHasRecordFile *bool  `json:"isHasRecordFile,omitempty"`
	}{
		Record:    r,
		StartTime: r.Start.UTC().Format(wireTime),
		EndTime:   r.End.UTC().Format(wireTime),
	}
	if r.IsHasRecordFile != nil {
		row.IsHasRecordFile = new(r.recorded(at))
	}
	text, err := json.Marshal(row)
	if err != nil || len(r.Extra) == 0 {
		return text, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	maps.Copy(fields, r.Extra)
	maps.DeleteFunc(fields, func(_ string, v json.RawMessage) bool { return len(v) == 0 })
	return json.Marshal(fields)
}

// clone is a copy that shares nothing that can be written to.
func (r *Record) clone() *Record {
	c := *r
	c.Size = cloned(r.Size)
	c.ConferenceType = cloned(r.ConferenceType)
	c.Webinar = cloned(r.Webinar)
	c.ConfConfigInfo = cloned(r.ConfConfigInfo)
	c.IsHasRecordFile = cloned(r.IsHasRecordFile)
	c.TerminalCount = cloned(r.TerminalCount)
	c.NormalCount = cloned(r.NormalCount)
	c.PasswordEntry = append([]PasswordEntry(nil), r.PasswordEntry...)
	c.PartAttendeeInfo = append([]Attendee(nil), r.PartAttendeeInfo...)
	c.Extra = maps.Clone(r.Extra)
	return &c
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
