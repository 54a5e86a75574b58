package e2e_test

import (
	"cmp"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The credentials that the simulated services accept.
const (
	testAppID  = "e2e-app-id"
	testAppKey = "e2e-app-key-3f9c2a"
)

// newService starts a simulated service on loopback and returns its URL.
func newService(t *testing.T, cfg simulator.Config) (service *simulator.Service, url string) {
	t.Helper()
	cfg.AppID, cfg.AppKey = testAppID, testAppKey
	service = simulator.New(cfg)
	return service, listen(t, service)
}

// listen serves an HTTP handler on loopback until the test ends, and returns
// its URL.
func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// onHistory limits a fault to requests for the history.
func onHistory(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }

// holdUntil is a fault that keeps requests waiting until open is closed.
func holdUntil(open <-chan struct{}) simulator.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case <-open:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// clock is the clock of a service: the real time until it is stopped.
type clock struct{ stopped atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if at := c.stopped.Load(); at != nil {
		return *at
	}
	return time.Now()
}

func (c *clock) stop() {
	now := time.Now()
	c.stopped.Store(&now)
}

func (c *clock) resume() { c.stopped.Store(nil) }

// awaitTime waits until a time is past.
func awaitTime(t *testing.T, at time.Time) {
	t.Helper()
	await(t, deadline, func() string {
		if time.Now().Before(at) {
			return "it is not yet " + at.String()
		}
		return ""
	})
}

// The label sets of the records that tests publish. The first one has a meeting
// in the baseline. The second one is new when the test publishes it.
var (
	existing = simulator.Labels{Department: "Existing", ConferenceType: "scheduled"}
	founded  = simulator.Labels{Department: "Newly Founded", ConferenceType: "scheduled"}
)

// ended returns the record of a meeting of seven minutes. The service lists it
// at the given time, ten minutes after the end of the meeting.
func ended(uuid string, labels simulator.Labels, participants int, listed time.Time) simulator.Record {
	return simulator.Record{
		ConfUUID:        uuid,
		Start:           listed.Add(-17 * time.Minute),
		End:             listed.Add(-10 * time.Minute),
		ListedAt:        listed,
		ConferenceID:    "900000001", // all the meetings are of one booking
		DeptName:        labels.Department,
		ConfType:        "FUTURE",
		NormalCount:     new(participants),
		TerminalCount:   new(2),
		IsHasRecordFile: new(false),
	}
}

// endedBefore returns the record as that of a meeting which ended earlier.
func endedBefore(r simulator.Record, earlier time.Duration) simulator.Record {
	r.Start, r.End = r.Start.Add(-earlier), r.End.Add(-earlier)
	return r
}

// enterprise is a simulated service whose clock stands still unless the test
// resumes it. Then what the service lists can be compared with what an exporter
// shows.
type enterprise struct {
	*simulator.Service
	clock
	url      string
	ledger   string   // path for an exporter
	flags    []string // with which an exporter signs in and stores its ledger
	baseline totals
	known    map[string]bool // the confUUIDs of the baseline
}

// newEnterprise returns an enterprise whose baseline is the simulated history
// and the given records.
func newEnterprise(t *testing.T, cfg simulator.Config, records ...simulator.Record) *enterprise {
	t.Helper()
	e := &enterprise{known: map[string]bool{}, ledger: filepath.Join(t.TempDir(), "ledger")}
	e.stop()
	cfg.Now = e.now
	e.Service, e.url = newService(t, cfg)
	e.flags = slices.Clip(append(signIn(t, e.url, testAppKey), "--storage.path="+e.ledger))
	e.Add(records...)
	e.Add(ended("before", existing, 10, e.now()))
	e.baseline = e.Listed(e.now())
	for _, r := range e.Records(e.now()) {
		e.known[r.ConfUUID] = true
	}
	return e
}

// newQuietEnterprise returns an enterprise with a history of several pages, to
// which nothing is added but by the test.
func newQuietEnterprise(t *testing.T) *enterprise {
	t.Helper()
	now := time.Now()
	source := simulator.New(simulator.Config{
		Now: func() time.Time { return now }, Seed: 7, MeetingsPerDay: 6_000, Worldwide: true, History: 2 * time.Hour,
	})
	records := source.Records(now)
	for i := range records {
		records[i].RecordingAt = records[i].ListedAt
	}
	return newEnterprise(t, simulator.Config{MaxLimit: 100}, records...)
}

// publish adds records and resumes the clock until they are listed.
func (e *enterprise) publish(t *testing.T, records ...simulator.Record) {
	t.Helper()
	e.resume()
	e.Add(records...)
	for _, r := range records {
		awaitTime(t, r.ListedAt)
	}
	e.stop()
}

// serve starts an exporter with storage.
func (e *enterprise) serve(t *testing.T, polling []string) (p *process, url string) {
	t.Helper()
	return serve(t, slices.Concat(e.flags, polling)...)
}

// newRecords returns the listed records that are not in the baseline.
func (e *enterprise) newRecords() []simulator.Record {
	var records []simulator.Record
	for _, r := range e.Records(e.now()) {
		if !e.known[r.ConfUUID] {
			records = append(records, r)
		}
	}
	return records
}

// seedVariable is the environment variable that sets the seed.
const seedVariable = "E2E_SEED"

// newRandom returns a random source. A failure prints its seed.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv(seedVariable), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	if err != nil {
		t.Fatalf("environment variable %s: %v", seedVariable, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat it with %s=%d", seedVariable, seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// upTo returns a random duration below the limit.
func upTo(rng *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(limit)))
}

// oneOf returns a random element.
func oneOf[T any](rng *rand.Rand, all ...T) T { return all[rng.IntN(len(all))] }

// freeAddress returns an address of loopback at which nothing listens. A server
// can listen there again and again: the port lies below those that operating
// systems give to whoever asks for a free one.
func freeAddress(t *testing.T) string {
	t.Helper()
	const ephemeralPorts = 32_768
	for t.Context().Err() == nil {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ephemeralPorts-1-rand.IntN(16_000)))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no address is free")
	return ""
}
