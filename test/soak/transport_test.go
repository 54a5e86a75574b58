package soak_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// transport passes the requests of one process on to the service, and reads
// the answers by itself.
type transport struct {
	http.RoundTripper
	now   func() time.Time // the wall clock of the process
	trace *trace

	mu    sync.Mutex // the process adds, the driver takes
	rules requestRules
	pages []page // the readable pages of the history since the last poll ended
}

// page is one readable answer with a part of the history.
type page struct {
	from, to time.Time
	offset   int
	count    int      // the number of records that the service announces
	keys     []string // of all rows: the UUID, or the whole row if it has none
	meetings []meeting.Meeting
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	t.rules.request(r)
	t.mu.Unlock()
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		t.answered(r, nil, nil)
		return nil, err
	}
	// The client gets the body as it came, with the error that ended it.
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.answered(r, nil, nil)
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failingReader{err}))
		return resp, nil
	}
	t.answered(r, resp, body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// answered notes the answer to a request, nil if none came whole.
func (t *transport) answered(r *http.Request, resp *http.Response, body []byte) {
	status, q := 0, r.URL.Query()
	if resp != nil {
		status = resp.StatusCode
	}
	t.trace.note("%s %s offset=%s from=%s to=%s -> %d", r.Method, r.URL.Path, q.Get("offset"), q.Get("startDate"), q.Get("endDate"), status)
	p, readable := t.readPage(status, body)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules.answer(r, resp, body, readable)
	if readable && r.URL.Path == simulator.PathHistory {
		p.from, p.to, p.offset = time.UnixMilli(number(q, "startDate")).UTC(), time.UnixMilli(number(q, "endDate")).UTC(), int(number(q, "offset"))
		t.pages = append(t.pages, p)
	}
}

func number(q url.Values, name string) int64 {
	n, _ := strconv.ParseInt(q.Get(name), 10, 64)
	return n
}

// takePages returns the pages of a poll that has ended.
func (t *transport) takePages() []page {
	t.mu.Lock()
	defer t.mu.Unlock()
	pages := t.pages
	t.pages = nil
	t.rules.pollEnded()
	return pages
}

// readPage restates what makes an answer a page of the history.
func (t *transport) readPage(status int, body []byte) (p page, readable bool) {
	var answer struct {
		Data  []map[string]any `json:"data"`
		Count *float64         `json:"count"`
		Error string           `json:"error_code"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Data == nil || answer.Count == nil || answer.Error != "" {
		return p, false
	}
	p.count = int(*answer.Count)
	for _, row := range answer.Data {
		key, _ := row["confUUID"].(string)
		if key == "" {
			key = fmt.Sprint(row)
		}
		p.keys = append(p.keys, key)
		if m, usable := readRow(row, t.now()); usable {
			p.meetings = append(p.meetings, m)
		}
	}
	return p, true
}

// listingOf restates what a complete poll lists: the meetings of its last
// reading, each UUID by its last row. Every page of a reading must begin with
// a row that was read before, and as many records must arrive as the first
// page announced. A row that came twice counts twice only if it also did in an
// earlier reading.
func listingOf(pages []page) ([]meeting.Meeting, error) {
	var readings [][]page
	for _, p := range pages {
		if p.offset == 0 || readings == nil {
			readings = append(readings, nil)
		}
		i := len(readings) - 1
		readings[i] = append(readings[i], p)
	}
	if readings == nil {
		return nil, errors.New("a poll passed for complete without a page")
	}
	last := readings[len(readings)-1]
	cameTwice := map[string]bool{}
	for _, earlier := range readings[:len(readings)-1] {
		came, _ := rowsOf(earlier)
		for key, n := range came {
			cameTwice[key] = cameTwice[key] || n > 1
		}
	}
	came, gap := rowsOf(last)
	arrived := 0
	for key, n := range came {
		if arrived++; cameTwice[key] {
			arrived += n - 1
		}
	}
	if announced := last[0].count; gap || arrived < announced {
		return nil, fmt.Errorf("a poll passed for complete with %d of %d records, gap: %v", arrived, announced, gap)
	}
	listing := map[string]meeting.Meeting{}
	for _, p := range last {
		for _, m := range p.meetings {
			listing[m.UUID] = m
		}
	}
	return slices.Collect(maps.Values(listing)), nil
}

// rowsOf returns how often each row came in a reading, and whether there is a
// gap between two pages.
func rowsOf(reading []page) (came map[string]int, gap bool) {
	came = map[string]int{}
	for i, p := range reading {
		keys := p.keys
		if i > 0 {
			if len(keys) == 0 || came[keys[0]] == 0 {
				return came, true
			}
			keys = keys[1:] // the overlap
		}
		for _, key := range keys {
			came[key]++
		}
	}
	return came, false
}

// readRow restates how a row is read. It reports whether the row is usable.
func readRow(row map[string]any, now time.Time) (m meeting.Meeting, usable bool) {
	text := func(name string) string {
		s, _ := row[name].(string)
		return s
	}
	start, err1 := time.Parse("2006-01-02 15:04", text("startTime"))
	end, err2 := time.Parse("2006-01-02 15:04", text("endTime"))
	state, tooLong := text("conferenceState"), end.Sub(start) > 31*24*time.Hour
	if state != "" && state != "Destroyed" || text("confUUID") == "" || err1 != nil || err2 != nil ||
		end.Before(start) || end.Sub(now) > 24*time.Hour || tooLong {
		return m, false
	}
	webinar, _ := row["webinar"].(bool)
	recorded, _ := row["isHasRecordFile"].(bool)
	return meeting.Meeting{
		UUID: text("confUUID"), Start: start, End: end, Department: departmentLabel(text("deptName")),
		Type:         conferenceType(webinar, text("confType"), row["conferenceType"] == 2.0),
		Participants: readCount(row["normalCount"]), Terminals: readCount(row["terminlCount"]), Recorded: recorded,
	}, true
}

// readCount reads a number that may come as 1, 1.0 or "1".
func readCount(field any) meeting.Count {
	x, isNumber := field.(float64)
	if s, isText := field.(string); isText {
		var err error
		x, err = strconv.ParseFloat(strings.TrimSpace(s), 64)
		isNumber = err == nil
	}
	if !isNumber || x < 0 || x > 1e6 || x != math.Trunc(x) {
		return meeting.Absent
	}
	return meeting.Count(x)
}
