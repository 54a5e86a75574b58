package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// byRemoteWrite backfills by remote write into a Prometheus that already has
// newer samples.
func byRemoteWrite(t *testing.T, past *past) backfilled {
	config := configure(t, time.Second, nil, past.address, pastJob)
	testRefusingStore(t, past, config)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	config = write(t, t.TempDir(), "prometheus.yaml", string(text)+"storage: {tsdb: {out_of_order_time_window: 30d}}\n")
	p := startPrometheus(t, config, t.TempDir(), "--web.enable-remote-write-receiver")
	p.awaitOwn(t)
	return backfilled{p, anchored, past.send(t, p.url+"/api/v1/write")}
}

// send backfills into the store at a URL, after a dry run. The first of two runs
// is killed half-way, and continued. It returns the number of samples of each
// metric in files of the same runs.
func (p *past) send(t *testing.T, storeURL string) (written map[string]float64) {
	t.Helper()
	dryRun := start(t, exporter, p.args(p.begin, p.end, t.TempDir(), "--remote-write.url="+storeURL, "--dry-run")...)
	if status := dryRun.exitStatus(t); status != 0 || !strings.Contains(dryRun.stdout.String(), "accepts a sample of "+p.begin.Format(time.RFC3339)) {
		t.Errorf("got exit status %d and\n%s", status, dryRun.stdout.String())
	}
	target, err := url.Parse(storeURL)
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	half := make(chan struct{})
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 20 {
			forward.ServeHTTP(httptest.NewRecorder(), r)
			close(half)
			<-r.Context().Done() // the process has ended
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	first, second := t.TempDir(), t.TempDir()
	toStore := "--remote-write.url=" + proxy.URL + target.Path
	killed := start(t, exporter, p.args(p.begin, p.seam, first, toStore)...)
	select {
	case <-half:
	case <-killed.ended:
		t.Fatal("the run ended after less than 20 requests")
	}
	killed.kill(t)
	p.backfill(t, p.args(p.begin, p.seam, first, toStore))
	p.backfill(t, p.args(p.seam, p.end, second, toStore, "--storage.path="+p.ledger))

	first, second = t.TempDir(), t.TempDir()
	p.backfill(t, p.args(p.begin, p.seam, first))
	p.backfill(t, p.args(p.seam, p.end, second))
	return countSamples(t, first, second)
}

// testRefusingStore backfills into a Prometheus that takes no old samples.
func testRefusingStore(t *testing.T, past *past, config string) {
	p := startPrometheus(t, config, t.TempDir(), "--web.enable-remote-write-receiver")
	p.awaitOwn(t)
	for want, more := range map[string][]string{
		"error: --remote-write.url: no sample of " + past.begin.Format(time.RFC3339) + " can be sent: the store refused samples: ": {"--dry-run"},
		"error: save the samples of " + past.begin.Format(time.DateOnly) + ": the store refused samples: ":                         nil,
	} {
		args := append(past.args(past.begin, past.end, t.TempDir(), more...), "--remote-write.url="+p.url+"/api/v1/write")
		run := start(t, exporter, args...)
		status := run.exitStatus(t)
		lines := linesWith(run.stderr.String(), "error: ")
		if status != 1 || len(lines) != 1 || !strings.Contains(lines[0], want+"server returned HTTP status 400 Bad Request: out of bounds; let it take") {
			t.Errorf("got exit status %d and\n%s\nwant %s", status, run.stderr.String(), want)
		}
	}
}

// awaitOwn waits until Prometheus has a sample of its own.
func (p prometheus) awaitOwn(t *testing.T) {
	t.Helper()
	await(t, deadline, func() string {
		if len(p.query(t, time.Now(), "up")) == 0 {
			return "Prometheus has no sample"
		}
		return ""
	})
}
