package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// person is somebody with an account.
type person struct{ name, phone, uuid string }

// staff is how many people the enterprise has.
const staff = 1200

func newPeople(seed uint64) []person {
	rng := stream(seed, forPeople)
	people := make([]person, staff)
	for i := range people {
		people[i] = person{
			name:  fmt.Sprintf("user%04d", i),
			phone: phone(rng),
			uuid:  "ff8080" + hexDigits(rng, 26),
		}
	}
	return people
}

// of returns the people of a department; departments share the staff.
func (e *enterprise) of(department int) []person {
	before, all := 0.0, 0.0
	for i, d := range departments {
		if i < department {
			before += d.share
		}
		all += d.share
	}
	at := func(share float64) int { return int(share / all * staff) }
	return e.people[at(before):at(before+departments[department].share)]
}

// listedAttendees is how many people, and how many terminals, a row names at
// most, as the API page has it.
const listedAttendees = 20

// record writes the row of a meeting.
func (m meeting) record(e *enterprise) *Record {
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
		ConferenceState:  "Destroyed",
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
	// Most rows leave webinar out, and some say false.
	if m.kind != webinar && chance(rng, 0.2) {
		r.Webinar = new(false)
	}
	// Recording can be on without leaving a file.
	if m.recorded || chance(rng, 0.1) {
		r.RecordType, r.IsAutoRecord = 2, rng.IntN(2)
	}
	return r
}

// settings are alike everywhere, save that guests of webinars are many.
func (m meeting) settings() *ConfConfigInfo {
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

// attendees names the host, mostly colleagues, and the rooms.
func (m meeting) attendees(e *enterprise) []Attendee {
	rng := m.rng
	people, terminals := min(m.invited, listedAttendees), min(m.terminals, listedAttendees)
	all := make([]Attendee, 0, people+terminals)
	all = append(all, Attendee{Phone: m.host.phone, Name: m.host.name, Type: "normal", Role: "chair"})
	colleagues := e.of(m.department)
	for len(all) < people {
		from := e.people
		if chance(rng, 0.8) {
			from = colleagues
		}
		p := oneOf(rng, from...)
		if !slices.ContainsFunc(all, func(a Attendee) bool { return a.Name == p.name }) {
			all = append(all, Attendee{Phone: p.phone, Name: p.name, Type: "normal", Role: "general"})
		}
	}
	for range terminals {
		all = append(all, Attendee{
			Phone: phone(rng),
			Name:  fmt.Sprintf("Room %d-%02d", 1+rng.IntN(9), 1+rng.IntN(30)),
			Type:  oneOf(rng, "terminal", "ideahub", "board"),
			Role:  "general",
		})
	}
	return all
}

func newSubject(rng *rand.Rand, language, host string) string {
	if language == "zh-CN" {
		return host + "的" + oneOf(rng, "会议", "周会", "项目评审", "需求讨论", "面试", "培训")
	}
	return host + "'s " + oneOf(rng, "meeting", "weekly sync", "design review", "interview", "planning", "training")
}

func phone(rng *rand.Rand) string { return fmt.Sprintf("+99111%07d", rng.IntN(1e7)) }

func hexDigits(rng *rand.Rand, n int) string {
	var b []byte
	for len(b) < n {
		b = fmt.Appendf(b, "%016x", rng.Uint64())
	}
	return string(b[:n])
}

// timeUUID returns a version 1 UUID without hyphens, whose time is an instant
// to the second, as those of the API page's samples have the meeting's start.
func timeUUID(rng *rand.Rand, at time.Time) string {
	const (
		sinceGregorian = 12219292800 // seconds from 1582-10-15 to 1970-01-01
		multicast      = 1 << 40     // says that the node is no network card
	)
	ticks := uint64(at.Unix()+sinceGregorian)*1e7 + rng.Uint64N(1e7) // of 100 ns
	return fmt.Sprintf("%08x%04x%04x%04x%012x",
		uint32(ticks), uint16(ticks>>32), uint16(ticks>>48)&0x0fff|0x1000,
		rng.Uint64N(1<<14)|1<<15, rng.Uint64N(1<<48)|multicast)
}
