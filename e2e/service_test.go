package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The credentials that the tests' services accept.
const (
	testAppID  = "e2e-app-id"
	testAppKey = "e2e-app-key-3f9c2a"
)

// listen serves an HTTP handler on loopback until the test ends, and returns
// its URL.
func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// newService returns a simulated service and its URL.
func newService(t *testing.T, cfg simulator.Config) (service *simulator.Service, url string) {
	t.Helper()
	cfg.AppID, cfg.AppKey = testAppID, testAppKey
	service = simulator.New(cfg)
	return service, listen(t, service)
}

// signIn returns the flags with which an exporter signs in at a URL.
func signIn(t *testing.T, url, key string) []string {
	t.Helper()
	return []string{
		"--huaweicloud.endpoint=" + url,
		"--huaweicloud.app-id=" + testAppID,
		"--huaweicloud.app-key-file=" + write(t, "app-key", key),
	}
}

// write puts a text into a file of the test's own and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// quick are flags for a poll every second, as fast as the service answers.
var quick = []string{
	"--history.interval=1s",
	"--huaweicloud.max-requests-per-minute=60000",
}

// serve starts an exporter on a free port of loopback and returns its URL.
func serve(t *testing.T, args ...string) (p *process, url string) {
	t.Helper()
	p = start(t, exporter, append(args, "--web.listen-address=127.0.0.1:0")...)
	return p, "http://" + p.address(t)
}

// awaitReady waits until an exporter has completed its first sweep; Prometheus
// answers at the same path.
func awaitReady(t *testing.T, url string) {
	t.Helper()
	await(t, slowest, func() string {
		if page := get(t, url+"/-/ready"); page.status != http.StatusOK {
			return url + " is not ready: " + page.body
		}
		return ""
	})
}

// clock is the wall clock of a service. It can stand still, so that nothing
// more is published and what is listed can be compared at leisure.
type clock struct {
	mu     sync.Mutex
	stands time.Time
}

// Now is the real time, or that at which the clock was stopped.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stands.IsZero() {
		return c.stands
	}
	return time.Now()
}

// stop makes the clock stand still and returns its time.
func (c *clock) stop() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stands = time.Now()
	return c.stands
}

func (c *clock) goOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stands = time.Time{}
}

// hold is a fault that keeps requests waiting until open is closed.
func hold(open <-chan struct{}) simulator.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case <-open:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// sample returns the value of a series in the text format, or "".
func sample(text, series string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
