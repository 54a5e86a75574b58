package soak_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// row is what one record of the history says, as the rules read it.
type row struct {
	uuid       string
	start, end time.Time
	labels
	amounts
	invited bool // that the number of participants is present
}

type labels struct{ department, kind string }

// amounts are what a meeting adds to the sums, in the order of the metrics.
type amounts [5]int64

// The order of amounts.
const (
	meetings = iota
	seconds
	participants
	terminals
	recordings
)

// story is one meeting and all that the service says of it in the course of
// time. The harness wrote it, and so knows it without asking.
type story struct {
	uuid     string
	record   simulator.Record // as it is now, for when it returns after a removal
	gone     bool
	versions []version // by from
	// twin tells that a second record has the same UUID and other numbers:
	// which of the two holds is the order's choice.
	twin *row
	// shifty tells that an edit moved the start, by which the service files.
	shifty bool
}

// version is what the record says from an instant on; no row if nothing that
// counts: it is malformed, still running, or taken away.
type version struct {
	from time.Time
	row  *row
}

// enterprise is what the service holds. Records are added once, with the
// times at which they are listed; later changes go through change.
type enterprise struct {
	service *simulator.Service
	rng     *rand.Rand

	mu      sync.Mutex // the driver and faults between two pages both change it
	stories []*story
	serial  int
}

// newService returns the service, which never has a wrong clock.
func newService(rng *rand.Rand) *simulator.Service {
	return simulator.New(simulator.Config{
		AppID: "app", AppKey: "key",
		RangeMeans:    oneOf(rng, simulator.RangeStart, simulator.RangeStart, simulator.RangeEnd, simulator.RangeOverlap),
		MaxLimit:      oneOf(rng, 500, 500, 5),
		TokenLifetime: time.Duration(oneOf(rng, 1, 6, 14)) * time.Hour,
	})
}

var departmentNames = []string{"Research", "Sales ", "市场部", "", "other", "IT", "R\xff&D", strings.Repeat("部", 130)}

// found fills the enterprise with the meetings that end between two instants.
func (e *enterprise) found(from, to time.Time, perDay int) {
	n := int(to.Sub(from).Hours() / 24 * float64(perDay))
	for range n {
		e.hold(from.Add(between(e.rng, 0, to.Sub(from))), e.delay())
	}
}

// hold adds one meeting that ends at about an instant. It is listed after a
// delay, but not before now.
func (e *enterprise) hold(end time.Time, delay time.Duration) {
	rng := e.rng
	end = end.Truncate(time.Second)
	e.serial++
	r := simulator.Record{
		ConfUUID: fmt.Sprintf("%032x", rng.Uint64()), ConferenceID: "9123", ConferenceState: "Destroyed",
		DeptName: oneOf(rng, departmentNames...), End: end, Start: end.Add(-e.length()),
	}
	r.ConfType = oneOf(rng, "IMMEDIATELY", "FUTURE", "FUTURE", "CYCLE", "", "NEW")
	if r.ConfType == "" {
		r.ConferenceType = oneOf(rng, nil, new(0), new(2))
	}
	if chance(rng, 0.1) {
		r.Webinar = new(chance(rng, 0.7))
	}
	if chance(rng, 0.9) {
		r.NormalCount = new(rng.IntN(40))
		r.TerminalCount = new(rng.IntN(4))
		r.IsHasRecordFile = new(chance(rng, 0.2))
	}
	r.ListedAt = end.Add(delay)
	if now := time.Now(); r.ListedAt.Before(now) {
		r.ListedAt = now
	}
	s := &story{uuid: r.ConfUUID}
	switch {
	case chance(rng, 0.05):
		e.spoil(&r)
	case chance(rng, 0.04): // numbers in other clothes
		r.Extra = map[string]json.RawMessage{"normalCount": oneOf[json.RawMessage](rng, []byte(`"7"`), []byte("7.0"), []byte("null"), []byte("-1"), []byte(`"many"`), []byte("1.5"), []byte("2000000"))}
	case chance(rng, 0.02):
		twin := r
		twin.NormalCount, twin.Extra = new(rng.IntN(40)), nil
		e.service.Add(twin)
		s.twin = rowOf(&twin)
	}
	s.record = r
	s.versions = []version{{r.ListedAt, rowOf(&r)}}
	e.service.Add(r)
	e.stories = append(e.stories, s)
}

func (e *enterprise) length() time.Duration {
	switch x := e.rng.Float64(); {
	case x < 0.1:
		return 0
	case x < 0.97:
		return between(e.rng, time.Minute, 90*time.Minute).Truncate(time.Second)
	default: // up to beyond the longest that every setting allows for
		return between(e.rng, time.Hour, 5*time.Hour).Truncate(time.Second)
	}
}

// delay is how long after its end a meeting is listed: soon, mostly.
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

// spoil makes a record one that must be left out, for now.
func (e *enterprise) spoil(r *simulator.Record) {
	raw := func(field, text string) { r.Extra = map[string]json.RawMessage{field: json.RawMessage(text)} }
	switch e.rng.IntN(6) {
	case 0:
		raw("confUUID", `""`)
	case 1:
		raw("startTime", `"yesterday"`)
	case 2:
		raw("endTime", `null`)
	case 3:
		raw("endTime", r.Start.Add(-time.Hour).Format(`"2006-01-02 15:04"`))
	case 4:
		raw("endTime", r.End.Add(40*24*time.Hour).Format(`"2006-01-02 15:04"`))
	case 5:
		r.ConferenceState = "Created"
	}
}

// rowOf returns what the rules make of a record, nil if they leave it out.
func rowOf(r *simulator.Record) *row {
	for _, field := range []string{"confUUID", "startTime", "endTime"} {
		if _, spoilt := r.Extra[field]; spoilt {
			return nil
		}
	}
	if r.ConferenceState != "Destroyed" {
		return nil
	}
	made := &row{
		uuid: r.ConfUUID, start: r.Start.Truncate(time.Minute), end: r.End.Truncate(time.Minute),
		labels: labels{departmentLabel(r.DeptName), kindLabel(r.Webinar != nil && *r.Webinar, r.ConfType, r.ConferenceType != nil && *r.ConferenceType == 2)},
	}
	made.amounts[meetings] = 1
	made.amounts[seconds] = int64(made.end.Sub(made.start).Seconds())
	if r.NormalCount != nil {
		made.amounts[participants], made.invited = int64(*r.NormalCount), true
	}
	if extra, changed := r.Extra["normalCount"]; changed {
		seven := strings.Contains(string(extra), "7")
		made.amounts[participants], made.invited = 0, seven
		if seven {
			made.amounts[participants] = 7
		}
	}
	if r.TerminalCount != nil {
		made.amounts[terminals] = int64(*r.TerminalCount)
	}
	if r.IsHasRecordFile != nil && *r.IsHasRecordFile {
		made.amounts[recordings] = 1
	}
	return made
}

// departmentLabel and kindLabel restate how labels are read off a record.
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

func kindLabel(webinar bool, confType string, cycle bool) string {
	switch {
	case webinar:
		return "webinar"
	case confType == "IMMEDIATELY":
		return "immediate"
	case confType == "FUTURE":
		return "scheduled"
	case confType == "CYCLE", confType == "" && cycle:
		return "recurring"
	}
	return "other"
}
