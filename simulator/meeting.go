package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// kind is how a meeting comes about.
type kind int

const (
	immediate kind = iota
	scheduled
	webinar
	recurring
)

// meeting is one generated meeting before it becomes a row: a single one (see
// newSingle) or an occurrence of a series.
type meeting struct {
	kind         kind
	office       office
	department   int // an index of departments
	start, end   time.Time
	invited      int // people
	terminals    int // in rooms
	recorded     bool
	conferenceID string
	host         person
	subject      string
	rng          *rand.Rand // for the other fields of the row
}

// rooms draws the number of rooms with terminals. People book rooms for
// planned meetings more often than for immediate ones.
func (m *meeting) rooms() int {
	p := departments[m.department].roomChance
	if m.kind == immediate {
		p /= 5
	}
	if !chance(m.rng, p) {
		return 0
	}
	most := 3
	if m.kind == webinar {
		most = 12
	}
	return 1 + m.rng.IntN(most)
}

// record returns the row of a meeting.
func (m *meeting) record(e *enterprise) *Record {
	rng := m.rng
	listed := m.end.Add(e.delay + seconds(rng, 0, e.delay/2))
	r := &Record{
		Start:            m.start,
		End:              m.end,
		ListedAt:         listed,
		RecordingAt:      listed.Add(seconds(rng, 2*time.Minute, 12*time.Minute)),
		ConferenceID:     m.conferenceID,
		MediaTypes:       oneOf(rng, "Voice,Video,Data", "Voice,Data,Video", "Voice,HDVideo,Data"),
		Subject:          m.subject,
		Size:             new(m.invited + m.terminals),
		TimeZoneID:       m.office.timeZoneID,
		ConferenceState:  stateEnded,
		AccessNumber:     "+991117",
		Language:         m.office.language,
		PasswordEntry:    []PasswordEntry{{ConferenceRole: "general", Password: fmt.Sprintf("%06d", rng.IntN(1e6))}},
		UserUUID:         m.host.uuid,
		SchedulerName:    m.host.name,
		MultiStreamFlag:  1,
		ConferenceType:   new(0),
		IsAutoMute:       1,
		GuestJoinURI:     "https://c.meeting.example/#/j/" + m.conferenceID + "/" + hexDigits(rng, 48),
		ConfConfigInfo:   m.settings(),
		VMRFlag:          rng.IntN(2),
		IsHasRecordFile:  new(m.recorded),
		PartAttendeeInfo: m.attendees(e),
		TerminalCount:    new(m.terminals),
		NormalCount:      new(m.invited),
		DeptName:         departments[m.department].name,
		ConfUUID:         timeUUID(rng, m.start),
	}
	switch m.kind {
	case immediate:
		r.ConfType = "IMMEDIATELY"
	case scheduled:
		r.ConfType = "FUTURE"
	case webinar:
		r.ConfType, r.Webinar = "FUTURE", new(true)
	case recurring:
		r.ConfType, r.ConferenceType = "CYCLE", new(2)
	}
	// Most rows of other meetings leave webinar out, and some show false.
	if m.kind != webinar && chance(rng, 0.2) {
		r.Webinar = new(false)
	}
	// A meeting may have recording switched on and still leave no file.
	if m.recorded || chance(rng, 0.1) {
		r.RecordType, r.IsAutoRecord = 2, rng.IntN(2)
	}
	return r
}

// settings returns the settings of a meeting. Only webinars have their own.
func (m *meeting) settings() *ConfConfigInfo {
	return &ConfConfigInfo{
		ProlongLength:          15,
		IsGuestFreePwd:         m.kind == webinar,
		IsSendNotify:           true,
		IsSendSMS:              true,
		IsAutoMute:             true,
		IsSendCalendar:         true,
		AllowGuestStartConf:    true,
		IsHardTerminalAutoMute: true,
		EnableWaitingRoom:      m.kind != webinar,
	}
}

// maxAttendees is the largest number of people in a row, and also of terminals
// (API page: partAttendeeInfo).
const maxAttendees = 20

// softTerminal is the type of an attendee who is a person, and chair the role
// of the host.
const (
	softTerminal = "normal"
	chair        = 1
)

// attendees returns the host, other people, mostly of the same department, and
// the terminals.
func (m *meeting) attendees(e *enterprise) []Attendee {
	rng := m.rng
	people, terminals := min(m.invited, maxAttendees), min(m.terminals, maxAttendees)
	all := make([]Attendee, 0, people+terminals)
	all = append(all, Attendee{Phone: m.host.phone, Name: m.host.name, Type: softTerminal, Role: chair})
	colleagues := e.staffOf(m.department)
	for len(all) < people {
		from := e.people
		if chance(rng, 0.8) {
			from = colleagues
		}
		p := oneOf(rng, from...)
		if !slices.ContainsFunc(all, func(a Attendee) bool { return a.Name == p.name }) {
			all = append(all, Attendee{Phone: p.phone, Name: p.name, Type: softTerminal})
		}
	}
	for range terminals {
		all = append(all, Attendee{
			Phone: newPhone(rng),
			Name:  fmt.Sprintf("Room %d-%02d", 1+rng.IntN(9), 1+rng.IntN(30)),
			Type:  oneOf(rng, "terminal", "ideahub", "board"),
		})
	}
	return all
}

func newConferenceID(rng *rand.Rand) string { return fmt.Sprintf("9%08d", rng.IntN(1e8)) }

func newSubject(rng *rand.Rand, language, host string) string {
	if language == "zh-CN" {
		return host + "的" + oneOf(rng, "会议", "周会", "项目评审", "需求讨论", "面试", "培训")
	}
	return host + "'s " + oneOf(rng, "meeting", "weekly sync", "design review", "interview", "planning", "training")
}
