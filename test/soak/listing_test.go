package soak_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// row is one row of a page, as the rules read it.
type row struct {
	key     string           // the UUID, or the whole row if it has none
	meeting *meeting.Meeting // nil if it must be left out
	running bool             // it is left out only because it has not ended
}

// listing is what a complete poll lists, by a restatement of the rules.
type listing struct {
	meetings   []meeting.Meeting
	unusable   bool // none of the rows is usable
	overlapped bool // every page begins with a row of the page before
}

// listingOf restates what a complete poll lists: the meetings of its last
// reading, each UUID by its last usable row. As many records must arrive as the
// first page announced, and the last page must not be full. A row that came twice
// counts twice if it did on one page, or also in an earlier reading. Pages that begin
// elsewhere were asked for only to find out what offset means.
func listingOf(pages []page, v simulator.Variant) (listing, error) {
	var readings [][]page
	for _, p := range pages {
		if p.offset == 0 || readings == nil {
			readings = append(readings, nil)
		}
		i := len(readings) - 1
		readings[i] = append(readings[i], p)
	}
	if readings == nil {
		return listing{}, errors.New("a poll passed for complete without a page")
	}
	cameTwice := map[string]bool{}
	for _, earlier := range readings[:len(readings)-1] {
		for key, n := range follow(earlier, v).came {
			cameTwice[key] = cameTwice[key] || n > 1
		}
	}
	reading := readings[len(readings)-1]
	whole := follow(reading, v)
	parts, first, arrived := whole.parts, reading[0], 0
	for key, n := range whole.came {
		if cameTwice[key] {
			arrived += n
		} else {
			arrived += whole.onOnePage[key]
		}
	}
	last := parts[len(parts)-1]
	switch isLast := !whole.ended && last.offset == reading[len(reading)-1].offset; {
	case arrived < first.count:
		return listing{}, fmt.Errorf("a poll passed for complete with %d of %d records", arrived, first.count)
	case isLast && len(parts) == 1 && len(last.rows) >= first.limit && len(last.rows) > 0,
		isLast && len(parts) > 1 && len(last.rows) >= len(first.rows):
		return listing{}, fmt.Errorf("a poll ended on a full page: %v", &last)
	}
	usable := map[string]meeting.Meeting{}
	l := listing{overlapped: whole.overlapped}
	for _, p := range parts {
		for _, r := range p.rows {
			l.unusable = l.unusable || r.meeting == nil && !r.running
			if r.meeting != nil {
				usable[r.meeting.UUID] = *r.meeting
			}
		}
	}
	l.meetings, l.unusable = slices.Collect(maps.Values(usable)), l.unusable && len(usable) == 0
	return l, nil
}

// sequence is the pages of a reading that continue one another.
type sequence struct {
	parts      []page
	came       map[string]int // how often each row came; those of an overlap once
	onOnePage  map[string]int // how often each row came on one page, at most
	overlapped bool           // every page begins with a row of the page before
	ended      bool           // the last page brought nothing new
}

// follow finds the pages that continue one another.
func follow(reading []page, v simulator.Variant) sequence {
	first := reading[0]
	next, size := len(first.rows), max(len(first.rows), 1)
	s := sequence{parts: reading[:1:1], came: first.keys(), onOnePage: first.keys(), overlapped: true}
	sofar := slices.Clone(first.rows)
	// An overlapping page begins with the last row or, if records were added
	// meanwhile, with one shortly before it.
	continues := func(p page) bool {
		added := max(p.count-s.parts[len(s.parts)-1].count, 0)
		return len(p.rows) > 0 &&
			slices.ContainsFunc(sofar[max(next-1-added, 0):], func(r row) bool { return r.key == p.rows[0].key })
	}
	overlaps := func(p page) bool { return position(v, p.offset, size) != next && continues(p) }
	brings := func(p page) bool {
		return slices.ContainsFunc(p.rows, func(r row) bool { return s.came[r.key] == 0 })
	}
	// Whoever asks for a page past the end may get the last one. Count may be too
	// low.
	lastAgain := func(p page) bool {
		at, count := position(v, p.offset, size), max(p.count, next+len(p.rows))
		return at >= p.count && (overlaps(p) || brings(p) && (count-1)/size*size == next)
	}
	for rest := reading[1:]; ; {
		i := slices.IndexFunc(rest, func(p page) bool {
			at := position(v, p.offset, size)
			return at == next-1 && overlaps(p) || at == next && brings(p)
		})
		if i < 0 { // a page that begins with the last row passes for one of a record index
			i = slices.IndexFunc(rest, func(p page) bool { return p.offset == next-1 && lastAgain(p) && overlaps(p) })
		}
		if i < 0 { // another page that came before was an attempt
			for j, p := range rest {
				if lastAgain(p) && (i < 0 || p.rows[0].key != rest[i].rows[0].key) {
					i = j
				}
			}
		}
		if i < 0 { // a count that grew makes a page that came before look like one that overlaps
			i = slices.IndexFunc(rest, func(p page) bool { return position(v, p.offset, size) < next && overlaps(p) })
		}
		if i < 0 {
			return s
		}
		p := rest[i]
		s.ended = !brings(p)
		keys, overlap := p.keys(), 0
		if overlaps(p) {
			overlap = 1
			keys[p.rows[0].key]--
		} else {
			s.overlapped = false
		}
		for key, n := range keys {
			s.came[key] += n
			s.onOnePage[key] = max(s.onOnePage[key], n)
		}
		sofar = append(sofar, p.rows[overlap:]...)
		next = len(sofar)
		s.parts, rest = append(s.parts, p), rest[i+1:]
	}
}

// readRow restates how a row is read.
func readRow(fields map[string]any, now time.Time) row {
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	r := row{key: text("confUUID")}
	if r.key == "" {
		r.key = fmt.Sprint(fields)
	}
	switch strings.ToLower(text("conferenceState")) {
	case "schedule", "creating", "created":
		r.running = true
		return r
	}
	start, ok1 := readTime(fields["startTime"])
	end, ok2 := readTime(fields["endTime"])
	if text("confUUID") == "" || !ok1 || !ok2 || end.Before(start) || end.Sub(now) > 24*time.Hour || end.Sub(start) > 31*24*time.Hour {
		return r
	}
	webinar, _ := fields["webinar"].(bool)
	recorded, _ := fields["isHasRecordFile"].(bool)
	r.meeting = &meeting.Meeting{
		UUID: text("confUUID"), Start: start, End: end, Department: departmentLabel(text("deptName")),
		Type:         conferenceType(webinar, text("confType"), fields["conferenceType"] == 2.0),
		Participants: readCount(fields["normalCount"]), Terminals: readCount(fields["terminlCount"]), Recorded: recorded,
	}
	return r
}

// readTime restates how a time is read: to the minute, in UTC unless it names
// another zone, or in milliseconds since 1970.
func readTime(field any) (at time.Time, ok bool) {
	if text, isText := field.(string); isText {
		for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.UTC().Truncate(time.Minute), true
			}
		}
	}
	ms, ok := number(field)
	return time.UnixMilli(int64(ms)).UTC().Truncate(time.Minute), ok
}

// readCount restates how a count is read.
func readCount(field any) meeting.Count {
	if x, ok := number(field); ok && x >= 0 && x <= 1e6 && x == math.Trunc(x) {
		return meeting.Count(x)
	}
	return meeting.Absent
}

// number reads a number that may come as 1, 1.0 or "1".
func number(field any) (x float64, ok bool) {
	if text, isText := field.(string); isText {
		x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		return x, err == nil
	}
	x, ok = field.(float64)
	return x, ok
}
