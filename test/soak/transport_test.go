package soak_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

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
	loops int    // requests of the loops
	pages []page // the readable pages of the history since the last poll ended

	mayAsk  func(uuid string, asked map[string]bool) (wrong string)
	asks    int                         // requests for attendance
	asked   map[string]bool             // for whose attendance was asked, by UUID
	answers map[string]attendanceAnswer // the last one, by UUID
}

// maxRead is more than any honest answer has, in bytes. A longer one is passed
// on, and taken for one that did not come whole.
const maxRead = 1 << 20

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if ofLoops(r) {
		t.mu.Lock()
		t.rules.loopRequest()
		t.loops++
		t.mu.Unlock()
		return t.RoundTripper.RoundTrip(r)
	}
	t.mu.Lock()
	t.rules.request(r)
	uuid := r.URL.Query().Get("confUUID")
	if r.URL.Path == simulator.PathAttendance {
		if wrong := t.mayAsk(uuid, t.asked); wrong != "" {
			t.rules.fail("%s: %s", uuid, wrong)
		}
		t.asked[uuid] = true
		t.asks++
	}
	t.mu.Unlock()
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		t.answered(r, nil, nil)
		return nil, err
	}
	// The client gets the body as it came, with the error that ended it.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRead))
	switch {
	case err != nil:
		t.answered(r, nil, nil)
		resp.Body = readCloser{io.MultiReader(bytes.NewReader(body), failingReader{err}), resp.Body}
	case len(body) == maxRead:
		resp.Body = readCloser{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		t.answered(r, resp, nil)
	default:
		resp.Body = readCloser{bytes.NewReader(body), resp.Body}
		t.answered(r, resp, body)
	}
	return resp, nil
}

type readCloser struct {
	io.Reader
	io.Closer
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
	p, readable := readPage(q, status, body, t.now())
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.URL.Path == simulator.PathAttendance {
		uuid := q.Get("confUUID")
		t.answers[uuid] = t.answers[uuid].read(status, body)
	}
	t.rules.answer(r, resp, body, readable)
	if readable && r.URL.Path == simulator.PathHistory {
		t.pages = append(t.pages, p)
	}
}

// takePages returns the pages of a poll that has ended.
func (t *transport) takePages(pollErr error) []page {
	t.mu.Lock()
	defer t.mu.Unlock()
	pages := t.pages
	t.pages = nil
	t.rules.pollEnded(pollErr)
	return pages
}

// beginRound begins a round of attendance, and returns what to call at its end. If
// its context ended the round, that of a sign-in ended too, which was none in vain.
func (t *transport) beginRound() (end func(interrupted bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	refusals, signInAt := t.rules.refusals, t.rules.signInAt
	return func(interrupted bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if interrupted {
			t.rules.refusals, t.rules.signInAt = refusals, signInAt
		}
		t.rules.betweenPolls()
	}
}

// takeLoops returns how many requests the loops have made since it was last asked.
func (t *transport) takeLoops() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.loops
	t.loops = 0
	return n
}

// lostTokens returns how many tokens the process may have lost.
func (t *transport) lostTokens() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rules.lost
}

// page is one readable answer with a part of the history.
type page struct {
	from, to time.Time
	offset   int
	limit    int // the number of rows asked for, or fewer if the service says so
	count    int // the number of records that the service announces
	rows     []row
}

// readPage restates what makes an answer a page of the history. Only a first
// page without data must say that there are no records.
func readPage(q url.Values, status int, body []byte, now time.Time) (p page, readable bool) {
	asked := func(name string) int64 {
		n, _ := strconv.ParseInt(q.Get(name), 10, 64)
		return n
	}
	var answer struct {
		Data         *[]map[string]any `json:"data"`
		Count, Limit any
		Error        string `json:"error_code"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Error != "" {
		return p, false
	}
	count, counted := number(answer.Count)
	p = page{
		from: time.UnixMilli(asked("startDate")).UTC(), to: time.UnixMilli(asked("endDate")).UTC(),
		offset: int(asked("offset")), limit: int(asked("limit")), count: int(count),
	}
	if !counted || answer.Data == nil && p.offset == 0 && count > 0 {
		return p, false
	}
	if shown, ok := number(answer.Limit); ok && shown > 0 {
		p.limit = min(p.limit, int(shown))
	}
	if answer.Data != nil {
		for _, fields := range *answer.Data {
			p.rows = append(p.rows, readRow(fields, now))
		}
	}
	return p, len(p.rows) <= 2*int(asked("limit"))
}

// keys returns how often each row is on a page.
func (p *page) keys() map[string]int {
	keys := map[string]int{}
	for _, r := range p.rows {
		keys[r.key]++
	}
	return keys
}

func (p *page) String() string {
	return fmt.Sprintf("%d rows at offset %d of %d", len(p.rows), p.offset, p.count)
}
