package soak_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// wire is the connection of one process to the service, with an ear on it.
type wire struct {
	http.RoundTripper
	now   func() time.Time // the wall clock of the process
	trace *trace

	mu        sync.Mutex // the process speaks, the driver collects
	etiquette etiquette
	pages     []page // the readable pages of history since the last poll ended
}

// page is one readable answer with a part of the history.
type page struct {
	from, to time.Time
	offset   int
	count    int
	keys     []string // of all rows: the UUID or, for want of one, everything
	rows     []row    // the valid ones
}

// RoundTrip passes a request on and listens to what comes of it.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.ask(r)
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		w.told(r, nil, nil, err)
		return nil, err
	}
	// The body is read here, to the end or the break, and given on as it came.
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	w.told(r, resp, body, err)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), broken{err}))
	return resp, nil
}

// broken is the end of a body: its error, or the end.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err == nil {
		return 0, io.EOF
	}
	return 0, b.err
}

func (w *wire) ask(r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.etiquette.asks(r)
}

// collect returns the pages of a poll that ended, and begins anew.
func (w *wire) collect() []page {
	w.mu.Lock()
	defer w.mu.Unlock()
	pages := w.pages
	w.pages = nil
	w.etiquette.pollEnded()
	return pages
}

func (w *wire) told(r *http.Request, resp *http.Response, body []byte, err error) {
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	q := r.URL.Query()
	w.trace.note("%s %s offset=%s from=%s to=%s -> %d", r.Method, r.URL.Path, q.Get("offset"), q.Get("startDate"), q.Get("endDate"), status)
	p, readable := w.read(status, body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.etiquette.isTold(r, resp, status, body, readable)
	if readable && r.URL.Path == simulator.PathHistory {
		p.from, p.to = millis(q, "startDate"), millis(q, "endDate")
		p.offset, _ = strconv.Atoi(q.Get("offset"))
		w.pages = append(w.pages, p)
	}
}

func millis(q url.Values, name string) time.Time {
	n, _ := strconv.ParseInt(q.Get(name), 10, 64)
	return time.UnixMilli(n).UTC()
}

// read restates what makes an answer a page of history, and reads it.
func (w *wire) read(status int, body []byte) (p page, readable bool) {
	var answer struct {
		Data  []map[string]any `json:"data"`
		Count *float64         `json:"count"`
		Error string           `json:"error_code"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Data == nil || answer.Count == nil || answer.Error != "" {
		return p, false
	}
	p.count = int(*answer.Count)
	for _, fields := range answer.Data {
		key, _ := fields["confUUID"].(string)
		if key == "" {
			key = fmt.Sprint(fields)
		}
		p.keys = append(p.keys, key)
		if r, valid := parseRow(fields, w.now()); valid {
			p.rows = append(p.rows, r)
		}
	}
	return p, true
}

// whole restates when a reading of all pages is complete: every page goes on
// from a row that was read before, and at least as many records arrived as the
// first page announced. The last reading of a poll holds; a record that came
// twice counts so if an earlier reading had it too.
func whole(pages []page) error {
	var arrived, announced, readings int
	var seen map[string]bool // in this reading
	var gap bool
	for _, p := range pages {
		switch {
		case p.offset == 0:
			arrived, announced, seen, gap = 0, p.count, map[string]bool{}, false
			readings++
		case len(p.keys) == 0 || !seen[p.keys[0]]:
			gap = true
		default:
			arrived-- // its first row was asked for again
		}
		arrived += len(p.keys)
		for _, key := range p.keys {
			seen[key] = true
		}
	}
	if readings == 1 {
		arrived = min(arrived, len(seen))
	}
	if gap {
		return errors.New("a poll passed for complete with a gap between two pages")
	}
	if arrived < announced {
		return fmt.Errorf("a poll passed for complete with %d of %d records", arrived, announced)
	}
	return nil
}

// parseRow restates how one record is read, and which are left out.
func parseRow(fields map[string]any, now time.Time) (r row, valid bool) {
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	if state := text("conferenceState"); state != "" && state != "Destroyed" {
		return r, false
	}
	start, err1 := time.Parse("2006-01-02 15:04", text("startTime"))
	end, err2 := time.Parse("2006-01-02 15:04", text("endTime"))
	long := end.Sub(start) > 31*24*time.Hour
	if text("confUUID") == "" || err1 != nil || err2 != nil || end.Before(start) || end.Sub(now) > 24*time.Hour || long {
		return r, false
	}
	webinar, _ := fields["webinar"].(bool)
	recorded, _ := fields["isHasRecordFile"].(bool)
	r = row{
		uuid: text("confUUID"), start: start, end: end,
		labels: labels{departmentLabel(text("deptName")), kindLabel(webinar, text("confType"), fields["conferenceType"] == 2.0)},
	}
	r.amounts = amounts{meetings: 1, seconds: int64(end.Sub(start).Seconds())}
	r.amounts[participants], r.invited = count(fields["normalCount"])
	r.amounts[terminals], _ = count(fields["terminlCount"])
	if recorded {
		r.amounts[recordings] = 1
	}
	return r, true
}

// count reads a number that may come as 1, 1.0 or "1"; any other is absent.
func count(field any) (n int64, present bool) {
	var x float64
	switch v := field.(type) {
	case float64:
		x = v
	case string:
		var err error
		if x, err = strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	if x < 0 || x > 1e6 || x != math.Trunc(x) {
		return 0, false
	}
	return int64(x), true
}
