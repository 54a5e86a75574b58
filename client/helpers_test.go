package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

const (
	appID    = "myapp"
	appKey   = "mykey"
	account  = "reader"
	password = "pass:word"
	agent    = "huaweicloud_meeting_exporter/test"
)

// option changes the service or the client of a site.
type option func(*simulator.Config, *client.Config)

// site is a simulated service, a client of it, and a note of what passed
// between the two.
type site struct {
	*simulator.Service
	client *client.Client
	cfg    client.Config
	began  time.Time

	mu        sync.Mutex
	requests  []request
	exchanges []client.Exchange
}

// request is one request as it reached the service.
type request struct {
	at           time.Time
	method, path string
	query        url.Values
	header       http.Header
	body         string
	length       int64 // of the body, -1 if the client did not say
}

// newSite connects service and client by a pipe. It is for use inside a
// synctest bubble, where waits cost nothing.
func newSite(t *testing.T, opts ...option) *site {
	t.Helper()
	s := newService(opts)
	if s.cfg.Transport == nil {
		pipe, stop := s.Pipe()
		t.Cleanup(stop)
		s.cfg.Transport = pipe.Transport
	}
	s.renew(t)
	return s
}

// newLoopbackSite connects service and client by TCP.
func newLoopbackSite(t *testing.T, opts ...option) *site {
	t.Helper()
	s := newService(opts)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.cfg.Endpoint, s.cfg.Transport = server.URL, server.Client().Transport
	s.renew(t)
	return s
}

// newDirectSite lets the client call the service without a network, for
// tests of thousands of requests.
func newDirectSite(t *testing.T, opts ...option) *site {
	t.Helper()
	s := newService(opts)
	s.cfg.Transport = direct{s}
	s.renew(t)
	return s
}

type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func newService(opts []option) *site {
	s := &site{began: time.Now()}
	service := simulator.Config{AppID: appID, AppKey: appKey, Account: account, Password: password}
	s.cfg = client.Config{
		Endpoint:             "http://meeting.example",
		AppID:                appID,
		Secret:               func() (string, error) { return appKey, nil },
		Timeout:              30 * time.Second,
		MaxRequestsPerMinute: 1e6, // so that only the tests of the limiter wait for it
		SignInInterval:       time.Minute,
		UserAgent:            agent,
		Random:               steady(0),
		Observe: func(ex client.Exchange) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.exchanges = append(s.exchanges, ex)
		},
	}
	for _, o := range opts {
		o(&service, &s.cfg)
	}
	s.Service = simulator.New(service)
	return s
}

// renew begins anew with another client: no fault, no token, nothing noted.
func (s *site) renew(t *testing.T) {
	t.Helper()
	var err error
	if s.client, err = client.New(s.cfg); err != nil {
		t.Fatal(err)
	}
	s.fault(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.exchanges = nil, nil
}

// steady is a source of randomness that has none: with it, waits are exact.
type steady byte

func (b steady) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func pageLimit(n int) option {
	return func(_ *simulator.Config, cfg *client.Config) { cfg.PageLimit = n }
}

func oneAttempt(_ *simulator.Config, cfg *client.Config) { cfg.MaxAttempts = 1 }

func byAccount(_ *simulator.Config, cfg *client.Config) {
	cfg.AppID, cfg.Account = "", account
	cfg.Secret = func() (string, error) { return password, nil }
}

func tokensLive(d time.Duration) option {
	return func(service *simulator.Config, _ *client.Config) { service.TokenLifetime = d }
}

// fault puts a fault in force, and goes on noting what reaches the service.
func (s *site) fault(f simulator.Fault) {
	s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests = append(s.requests, request{time.Now(), r.Method, r.URL.Path, r.URL.Query(), r.Header, string(body), r.ContentLength})
		s.mu.Unlock()
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		f(w, r, next)
	})
}

// seen returns the requests that reached a path so far.
func (s *site) seen(path string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r request) bool { return r.path != path })
}

// attempts is how many exchanges with an endpoint the client has made.
func (s *site) attempts(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, ex := range s.exchanges {
		if ex.Endpoint == endpoint {
			n++
		}
	}
	return n
}

// signIns returns when the sign-ins by App ID came.
func (s *site) signIns() []time.Time {
	var times []time.Time
	for _, r := range s.seen(simulator.PathAppAuth) {
		times = append(times, r.at)
	}
	return times
}

// offsets returns where the pages began that the client asked for.
func (s *site) offsets() []int {
	var offsets []int
	for _, r := range s.seen(simulator.PathHistory) {
		n, err := strconv.Atoi(r.query.Get("offset"))
		if err != nil {
			n = -1
		}
		offsets = append(offsets, n)
	}
	return offsets
}

// gaps returns the times between instants.
func gaps(times []time.Time) []time.Duration {
	var between []time.Duration
	for i := 1; i < len(times); i++ {
		between = append(between, times[i].Sub(times[i-1]))
	}
	return between
}

// poll reads the whole history, as a poll of the exporter does.
func (s *site) poll(ctx context.Context) ([]meeting.Meeting, error) {
	meetings, _, err := s.pollListing(ctx)
	return meetings, err
}

func (s *site) pollListing(ctx context.Context) ([]meeting.Meeting, map[meeting.Defect]int, error) {
	listing := s.client.History(s.began.Add(-8*24*time.Hour), time.Now())
	var meetings []meeting.Meeting
	for m, err := range listing.Meetings(ctx) {
		if err != nil {
			return meetings, listing.Defects(), err
		}
		meetings = append(meetings, m)
	}
	return meetings, listing.Defects(), nil
}

// mustPoll fails the test if the poll does not succeed.
func (s *site) mustPoll(t *testing.T) []meeting.Meeting {
	t.Helper()
	meetings, err := s.poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return meetings
}

// record returns a record of half an hour that began minutes after a week
// ago and is listed already.
func (s *site) record(uuid string, minutes int) simulator.Record {
	start := s.began.Add(-7 * 24 * time.Hour).Add(time.Duration(minutes) * time.Minute)
	return simulator.Record{
		Start: start, End: start.Add(30 * time.Minute), ListedAt: start.Add(time.Minute),
		ConfUUID: uuid, ConferenceState: "Destroyed", ConfType: "FUTURE", DeptName: "R&D",
		NormalCount: new(3), TerminalCount: new(1), IsHasRecordFile: new(false),
	}
}

// addRecords adds n records, named r00, r01 and so on in the order of their
// starts, ten minutes apart.
func (s *site) addRecords(n int) (uuids []string) {
	for i := range n {
		uuids = append(uuids, fmt.Sprintf("r%02d", i))
		s.Add(s.record(uuids[i], 10*i))
	}
	return uuids
}

// uuidsOf returns the UUIDs of meetings in their order. A meeting that is
// yielded again right away, as the row of an overlap may be, is named once.
func uuidsOf(meetings []meeting.Meeting) []string {
	var uuids []string
	for _, m := range meetings {
		uuids = append(uuids, m.UUID)
	}
	return slices.Compact(uuids)
}

// distinct returns the UUIDs of meetings, sorted and each once.
func distinct(meetings []meeting.Meeting) []string {
	return slices.Compact(slices.Sorted(slices.Values(uuidsOf(meetings))))
}

func wantReason(t *testing.T, err error, want client.Reason) {
	t.Helper()
	if got, _ := client.ReasonOf(err); got != want {
		t.Fatalf("reason %q of error %v, want %q", got, err, want)
	}
}

// onHistory and onSignIn confine a fault to an endpoint.
func onHistory(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }
func onSignIn(f simulator.Fault) simulator.Fault  { return simulator.On(simulator.PathAppAuth, f) }

// jsonBody answers 200 with a text that claims to be JSON.
func jsonBody(text string) simulator.Fault {
	return simulator.Body(http.StatusOK, "application/json;charset=UTF-8", text)
}

// pageBody is a page of history with the given rows.
func pageBody(count int, rows ...string) string {
	return fmt.Sprintf(`{"data":[%s],"offset":0,"limit":500,"count":%d}`, strings.Join(rows, ","), count)
}

// paged answers requests for history in the service's stead: list returns
// the rows of the page and the count.
func paged(list func(offset, limit int) (rows []string, count int)) simulator.Fault {
	return onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		offset, err1 := strconv.Atoi(r.URL.Query().Get("offset"))
		limit, err2 := strconv.Atoi(r.URL.Query().Get("limit"))
		if err1 != nil || err2 != nil {
			panic(http.ErrAbortHandler)
		}
		rows, count := list(offset, limit)
		jsonBody(pageBody(count, rows...))(w, r, next)
	})
}

// before calls do before the page with an index, counted over all readings,
// is answered as usual.
func before(page int, do func()) simulator.Fault {
	return onHistory(simulator.Skip(page, simulator.Times(1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		do()
		next.ServeHTTP(w, r)
	})))
}
