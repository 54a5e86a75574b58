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
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/fakeservice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID    = "myapp"
	appKey   = "mykey"
	account  = "reader"
	password = "pass:word"
	agent    = "huaweicloud_meeting_exporter/test"
)

// setup is a simulated service, a client of it, and a log of what passed
// between the two.
type setup struct {
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
	length       int64 // -1 if the client did not announce it
	protocol     int   // HTTP's major version
}

// option changes the configuration of a setup.
type option func(*simulator.Config, *client.Config)

func pageLimit(n int) option {
	return func(_ *simulator.Config, cfg *client.Config) { cfg.PageLimit = n }
}

func rate(perMinute int) option {
	return func(_ *simulator.Config, cfg *client.Config) { cfg.MaxRequestsPerMinute = perMinute }
}

func clock(now func() time.Time) option {
	return func(service *simulator.Config, cfg *client.Config) { service.Now, cfg.Now = now, now }
}

func random(source io.Reader) option {
	return func(_ *simulator.Config, cfg *client.Config) { cfg.Random = source }
}

func transport(t http.RoundTripper) option {
	return func(_ *simulator.Config, cfg *client.Config) { cfg.Transport = t }
}

func secret(read func() (string, error)) option {
	return func(_ *simulator.Config, cfg *client.Config) { cfg.Secret = read }
}

func tokenLifetime(d time.Duration) option {
	return func(service *simulator.Config, _ *client.Config) { service.TokenLifetime = d }
}

func oneAttempt(_ *simulator.Config, cfg *client.Config) { cfg.MaxAttempts = 1 }

func manyAttempts(_ *simulator.Config, cfg *client.Config) { cfg.MaxAttempts = 10 }

func byAccount(_ *simulator.Config, cfg *client.Config) {
	cfg.AppID, cfg.Account = "", account
	cfg.Secret = func() (string, error) { return password, nil }
}

// newSetup connects client and service in memory, which suits virtual time. An
// option may set another transport.
func newSetup(t *testing.T, opts ...option) *setup {
	t.Helper()
	s := newService(opts)
	if s.cfg.Transport == nil {
		pipe, stop := s.Pipe()
		t.Cleanup(stop)
		s.cfg.Transport = pipe.Transport
	}
	s.reset(t)
	return s
}

// newServer connects client and service by TCP, with a server as start makes it.
func newServer(t *testing.T, start func(*httptest.Server), opts ...option) *setup {
	t.Helper()
	s := newService(opts)
	server := httptest.NewUnstartedServer(s)
	start(server)
	t.Cleanup(server.Close)
	s.cfg.Endpoint, s.cfg.Transport = server.URL, server.Client().Transport
	s.reset(t)
	return s
}

// newDirectSetup calls the service without a network, for many requests.
func newDirectSetup(t *testing.T, opts ...option) *setup {
	t.Helper()
	s := newService(opts)
	s.cfg.Transport = direct{s}
	s.reset(t)
	return s
}

type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func newService(opts []option) *setup {
	s := &setup{began: time.Now()}
	service := simulator.Config{AppID: appID, AppKey: appKey, Account: account, Password: password}
	s.cfg = client.Config{
		Endpoint:             "http://meeting.example",
		AppID:                appID,
		Secret:               func() (string, error) { return appKey, nil },
		Timeout:              30 * time.Second,
		MaxRequestsPerMinute: 1e6, // only tests of the limiter wait for it
		SignInInterval:       time.Minute,
		UserAgent:            agent,
		Random:               zeros{}, // makes waits exact
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

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// reset replaces the client, ends the fault and empties the log.
func (s *setup) reset(t *testing.T) {
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

// fault sets the fault of the service, which keeps logging requests.
func (s *setup) fault(f simulator.Fault) {
	s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests = append(s.requests, request{
			time.Now(), r.Method, r.URL.Path, r.URL.Query(), r.Header, string(body), r.ContentLength, r.ProtoMajor,
		})
		s.mu.Unlock()
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		f(w, r, next)
	})
}

// seen returns the requests for a path so far, or all for "".
func (s *setup) seen(path string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r request) bool { return path != "" && r.path != path })
}

func (s *setup) wantRequests(t *testing.T, path string, want int) {
	t.Helper()
	if got := len(s.seen(path)); got != want {
		t.Errorf("%d requests for %q, want %d", got, path, want)
	}
}

// wantAttempts counts exchanges, since net/http may repeat a request by itself.
func (s *setup) wantAttempts(t *testing.T, endpoint string, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := len(slices.DeleteFunc(slices.Clone(s.exchanges), func(ex client.Exchange) bool { return ex.Endpoint != endpoint }))
	if got != want {
		t.Errorf("%d attempts, want %d", got, want)
	}
}

func (s *setup) wantSignIns(t *testing.T, want int) {
	t.Helper()
	s.wantRequests(t, simulator.PathAppAuth, want)
}

// intervals returns the times between requests for a path, or for any path if
// it is "". Requests at one instant are one attempt that net/http repeated,
// unless the path is "".
func (s *setup) intervals(path string) []time.Duration {
	var between []time.Duration
	seen := s.seen(path)
	for i := 1; i < len(seen); i++ {
		if d := seen[i].at.Sub(seen[i-1].at); d > 0 || path == "" {
			between = append(between, d)
		}
	}
	return between
}

func (s *setup) wantIntervals(t *testing.T, path string, want ...time.Duration) {
	t.Helper()
	if got := s.intervals(path); !slices.Equal(got, want) {
		t.Errorf("times between requests %v, want %v", got, want)
	}
}

func (s *setup) offsets() []int {
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

func (s *setup) list(ctx context.Context) (*client.Listing, error) {
	return s.client.History(ctx, s.began.AddDate(0, 0, -8), time.Now())
}

func (s *setup) mustList(t *testing.T) *client.Listing {
	t.Helper()
	listing, err := s.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return listing
}

// wantFailure lists the history, and expects a failure.
func (s *setup) wantFailure(t *testing.T, want client.Reason) error {
	t.Helper()
	listing, err := s.list(t.Context())
	wantReason(t, err, want)
	if listing != nil {
		t.Errorf("%+v with an error", listing)
	}
	return err
}

func wantReason(t *testing.T, err error, want client.Reason) {
	t.Helper()
	if got, _ := client.ReasonOf(err); got != want {
		t.Fatalf("reason %q of error %v, want %q", got, err, want)
	}
}

func (s *setup) mustSignIn(t *testing.T) client.Session {
	t.Helper()
	session, err := s.client.SignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// record returns a listed record of half an hour that began some minutes after
// the instant a week ago.
func (s *setup) record(uuid string, minutes int) simulator.Record {
	start := s.began.Add(-7 * 24 * time.Hour).Add(time.Duration(minutes) * time.Minute)
	return simulator.Record{
		Start: start, End: start.Add(30 * time.Minute), ListedAt: start.Add(time.Minute),
		ConfUUID: uuid, ConferenceState: "Destroyed", ConfType: "FUTURE", DeptName: "R&D",
		NormalCount: new(3), TerminalCount: new(1), IsHasRecordFile: new(false),
	}
}

// records returns n records, named r00, r01 and so on in the order of their
// starts, ten minutes apart.
func (s *setup) records(n int) (records []simulator.Record, uuids []string) {
	for i := range n {
		uuids = append(uuids, fmt.Sprintf("r%02d", i))
		records = append(records, s.record(uuids[i], 10*i))
	}
	return records, uuids
}

func (s *setup) addRecords(n int) (uuids []string) {
	records, uuids := s.records(n)
	s.Add(records...)
	return uuids
}

// uuidsOf fails unless each UUID is there once.
func uuidsOf(t *testing.T, meetings []meeting.Meeting) []string {
	t.Helper()
	var uuids []string
	for _, m := range meetings {
		if slices.Contains(uuids, m.UUID) {
			t.Errorf("%s is there twice", m.UUID)
		}
		uuids = append(uuids, m.UUID)
	}
	return uuids
}

func wantUUIDs(t *testing.T, listing *client.Listing, want []string) {
	t.Helper()
	if got := uuidsOf(t, listing.Meetings); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// inBubble runs a subtest in virtual time.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// onHistory and onSignIn limit a fault to an endpoint.
func onHistory(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }
func onSignIn(f simulator.Fault) simulator.Fault  { return simulator.On(simulator.PathAppAuth, f) }

// jsonBody responds with 200 and a text as JSON.
func jsonBody(text string) simulator.Fault {
	return simulator.Body(http.StatusOK, "application/json;charset=UTF-8", text)
}

func pageBody(count int, rows ...string) string { return string(fakeservice.Page(rows, count)) }

// paged responds to requests for history with the rows and the count that list
// returns.
func paged(list func(offset, limit int) (rows [][]byte, count int)) simulator.Fault {
	service := fakeservice.Handler(func(r *http.Request) []byte {
		rows, count := list(int(fakeservice.Number(r, "offset")), int(fakeservice.Number(r, "limit")))
		return fakeservice.Page(rows, count)
	})
	return onHistory(func(w http.ResponseWriter, r *http.Request, _ http.Handler) { service.ServeHTTP(w, r) })
}

// beforeNext calls do before the service responds.
func beforeNext(do func()) simulator.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		do()
		next.ServeHTTP(w, r)
	}
}

// beforePage calls do before the page with an index, counted over all readings.
func beforePage(index int, do func()) simulator.Fault {
	return onHistory(simulator.Skip(index, simulator.Times(1, beforeNext(do))))
}
