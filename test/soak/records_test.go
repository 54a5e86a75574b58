package soak_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/oracle"
)

// enterprise is what the service lists. The harness writes it, and so knows it
// without asking.
type enterprise struct {
	service *simulator.Service
	rng     *rand.Rand
	now     func() time.Time // the true time

	twins      bool // the service may list a meeting twice
	equalJoins bool // it may list two joins that nothing tells apart

	mu      sync.Mutex // the driver and faults between two pages both change it
	records []*record
}

// record is one record of the service and everything it says in the course of
// time.
type record struct {
	row      simulator.Record // as it is now, for when it returns after a removal
	gone     bool
	versions []version // by from
	// twin is set if a second record has the same UUID and other numbers. The
	// order of the two decides which of them counts.
	twin *meeting.Meeting
	// startMoved reports whether a change moved the start, under which the
	// service files the record.
	startMoved bool
}

// version is what a record says from an instant on. Its meeting is nil while
// the record is malformed, still running or taken away.
type version struct {
	from    time.Time
	meeting *meeting.Meeting
}

func setOf(m *meeting.Meeting) oracle.LabelSet {
	return oracle.LabelSet{Department: m.Department, Type: m.Type}
}

func newService(rng *rand.Rand, now func() time.Time, maxLimit int) *simulator.Service {
	return simulator.New(simulator.Config{
		AppID: "app", AppKey: "key", Now: now, MaxLimit: maxLimit,
		Range:         oneOf(rng, simulator.RangeStart, simulator.RangeStart, simulator.RangeEnd, simulator.RangeOverlap),
		TokenLifetime: time.Duration(oneOf(rng, 1, 6, 14)) * time.Hour,
	})
}

var departmentNames = []string{"Research", "Sales ", "市场部", "", "other", "IT", "R\xff&D", strings.Repeat("部", 130)}

// fill adds the meetings that end between two instants.
func (e *enterprise) fill(from, to time.Time, perDay int) {
	n := int(to.Sub(from).Hours() / 24 * float64(perDay))
	for range n {
		e.add(from.Add(between(e.rng, 0, to.Sub(from))), e.delay())
	}
}

// add adds one meeting that ends at about an instant. It is listed after a
// delay, but not before now.
func (e *enterprise) add(end time.Time, delay time.Duration) {
	rng := e.rng
	end = end.Truncate(time.Second)
	row := simulator.Record{
		ConfUUID: fmt.Sprintf("%032x", rng.Uint64()), ConferenceID: "9123", ConferenceState: "Destroyed",
		DeptName: oneOf(rng, departmentNames...), End: end, Start: end.Add(-e.duration()), ListedAt: end.Add(delay),
		ConfType: oneOf(rng, "IMMEDIATELY", "FUTURE", "FUTURE", "CYCLE", "", "NEW"),
	}
	if row.ConfType == "" {
		row.ConferenceType = oneOf(rng, nil, new(0), new(2))
	}
	row.Joins = e.oddJoins(row.Start, row.End)
	if chance(rng, 0.1) {
		row.Webinar = new(chance(rng, 0.7))
	}
	if chance(rng, 0.9) {
		row.NormalCount = new(rng.IntN(40))
		row.TerminalCount = new(rng.IntN(4))
		row.IsHasRecordFile = new(chance(rng, 0.2))
	}
	if now := e.now(); row.ListedAt.Before(now) {
		row.ListedAt = now
	}
	r := &record{}
	switch {
	case chance(rng, 0.05):
		e.makeUnusable(&row)
	case chance(rng, 0.04): // a number in another form, or none
		row.Extra = extra("normalCount", oneOf(rng, `"7"`, "7.0", "null", "-1", `"many"`, "1.5", "2000000"))
	case e.twins && chance(rng, 0.02):
		twin := row
		twin.NormalCount = new(rng.IntN(40))
		e.service.Add(twin)
		r.twin = meetingOf(&twin)
	}
	r.row = row
	r.versions = []version{{row.ListedAt, meetingOf(&row)}}
	e.service.Add(row)
	e.records = append(e.records, r)
}

func extra(field, text string) map[string]json.RawMessage {
	return map[string]json.RawMessage{field: json.RawMessage(text)}
}

func (e *enterprise) duration() time.Duration {
	switch x := e.rng.Float64(); {
	case x < 0.1:
		return 0
	case x < 0.97:
		return between(e.rng, time.Minute, 90*time.Minute).Truncate(time.Second)
	default: // up to more than the longest that the settings allow for
		return between(e.rng, time.Hour, 5*time.Hour).Truncate(time.Second)
	}
}

// delay returns how long after its end a meeting is listed: soon, mostly.
func (e *enterprise) delay() time.Duration {
	switch x := e.rng.Float64(); {
	case x < 0.85:
		return between(e.rng, 0, 5*time.Minute)
	case x < 0.98:
		return between(e.rng, 5*time.Minute, time.Hour)
	default:
		return between(e.rng, 2*time.Hour, 8*time.Hour)
	}
}

// makeUnusable spoils a record, so it must be left out until a later change.
func (e *enterprise) makeUnusable(row *simulator.Record) {
	const layout = `"2006-01-02 15:04"`
	if row.Extra = oneOf(e.rng,
		extra("confUUID", `""`),
		extra("startTime", `"yesterday"`),
		extra("endTime", `null`),
		extra("endTime", row.Start.Add(-time.Hour).Format(layout)),
		extra("endTime", row.End.Add(40*24*time.Hour).Format(layout)),
		nil); row.Extra == nil {
		row.ConferenceState = "Created"
	}
}

// meetingOf returns what a record says, nil if it must be left out.
func meetingOf(row *simulator.Record) *meeting.Meeting {
	for _, field := range []string{"confUUID", "startTime", "endTime"} {
		if _, unusable := row.Extra[field]; unusable {
			return nil
		}
	}
	if row.ConferenceState != "Destroyed" {
		return nil
	}
	m := &meeting.Meeting{
		UUID: row.ConfUUID, Start: row.Start.Truncate(time.Minute), End: row.End.Truncate(time.Minute),
		Department: departmentLabel(row.DeptName), Participants: meeting.Absent, Terminals: meeting.Absent,
		Type:     conferenceType(row.Webinar != nil && *row.Webinar, row.ConfType, row.ConferenceType != nil && *row.ConferenceType == 2),
		Recorded: row.IsHasRecordFile != nil && *row.IsHasRecordFile,
	}
	if text, changed := row.Extra["normalCount"]; changed {
		if strings.Contains(string(text), "7") {
			m.Participants = 7
		}
	} else if row.NormalCount != nil {
		m.Participants = meeting.Count(*row.NormalCount)
	}
	if row.TerminalCount != nil {
		m.Terminals = meeting.Count(*row.TerminalCount)
	}
	return m
}

// departmentLabel and conferenceType restate how labels are read.
func departmentLabel(name string) string {
	name = strings.TrimSpace(strings.ToValidUTF8(name, "\uFFFD"))
	if characters := []rune(name); len(characters) > 128 {
		name = strings.TrimSpace(string(characters[:128]))
	}
	if name == "" {
		return "unknown"
	}
	return name
}

func conferenceType(webinar bool, confType string, cycle bool) meeting.Type {
	switch {
	case webinar:
		return meeting.Webinar
	case confType == "IMMEDIATELY":
		return meeting.Immediate
	case confType == "FUTURE":
		return meeting.Scheduled
	case confType == "CYCLE", confType == "" && cycle:
		return meeting.Recurring
	}
	return meeting.Other
}
