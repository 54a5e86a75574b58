package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestScraperThatHangsUpIsNoError(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			scrapes, logged := serveMetrics(t, http2, nil)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, scrapes.URL+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept-Encoding", "identity") // compressed, all of it would fit into the buffers
			resp, err := scrapes.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if want := map[bool]int{false: 1, true: 2}[http2]; resp.ProtoMajor != want {
				t.Fatalf("%s, want HTTP/%d", resp.Proto, want)
			}
			hangUp()
			<-scrapes.ended
			if logged.Len() != 0 {
				t.Errorf("logged:\n%.500s", logged)
			}
			if scrapes.held.released(t) {
				t.Error("the scrape delivers")
			}
		})
	}
}

func TestGatherErrorIsOneLine(t *testing.T) {
	scrapes, logged := serveMetrics(t, false, errors.New("two samples of one name"))
	resp, err := scrapes.Client().Get(scrapes.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	<-scrapes.ended
	if got := strings.Count(logged.String(), "\n"); got != 1 || !strings.Contains(logged.String(), "level=error") {
		t.Errorf("got %d lines:\n%.500s", got, logged)
	}
}

func TestEncodingOfScrapes(t *testing.T) {
	for accepted, want := range map[string]string{
		"":                        "",
		"gzip":                    "gzip",
		"br":                      "",
		"br, gzip;q=0.8, *;q=0.1": "gzip",
		"gzip, identity;q=0":      "gzip",
		"identity;q=0.5, gzip":    "gzip",
		"identity, gzip;q=0.5":    "",
		"*":                       "",
		"gzip;q=0":                "",
		"gzip;q=0, *":             "",
		"identity;q=0":            "",
		"*;q=0":                   "",
		"br, *;q=0":               "",
		"zstd;q=1.5, ;;, gzip;q":  "",
	} {
		t.Run(accepted, func(t *testing.T) {
			var logged bytes.Buffer
			logger, _ := newLoggers(&logged, "debug", "logfmt")
			req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			if accepted != "" {
				req.Header.Set("Accept-Encoding", accepted)
			}
			resp := httptest.NewRecorder()
			newHeldLedger(t).handler(t, gatherSome, logger).ServeHTTP(resp, req)
			if got := resp.Header().Get("Content-Encoding"); got != want {
				t.Errorf("got encoding %q, want %q", got, want)
			}
			var body io.Reader = resp.Body
			if want == "gzip" {
				var err error
				if body, err = gzip.NewReader(body); err != nil {
					t.Fatal(err)
				}
			}
			if text, err := io.ReadAll(body); err != nil || !strings.Contains(string(text), "\nsome 0\n") {
				t.Errorf("got %q, error %v", text, err)
			}
			if logged.Len() != 0 {
				t.Errorf("logged:\n%s", logged.String())
			}
		})
	}
}

// A reverse proxy may serve the pages below a prefix, which it cuts off.
func TestLinksOfPage(t *testing.T) {
	for _, prefix := range []string{"", "/meeting", "/of/meeting"} {
		for _, path := range []string{"/metrics", "/a/b"} {
			t.Run(prefix+path, func(t *testing.T) {
				opts := &options{telemetryPath: path, window: 24 * time.Hour}
				people, err := (enterprises{}).page(opts, log.NewNopLogger())
				if err != nil {
					t.Fatal(err)
				}
				exporter := httptest.NewServer(newHandler(opts, people, func() bool { return true }, prometheus.NewRegistry(),
					prometheus.GathererFunc(gatherSome), newHeldLedger(t).snapshots, log.NewNopLogger()))
				defer exporter.Close()
				target, err := url.Parse(exporter.URL)
				if err != nil {
					t.Fatal(err)
				}
				proxy := httptest.NewServer(http.StripPrefix(prefix, httputil.NewSingleHostReverseProxy(target)))
				defer proxy.Close()
				page, err := url.Parse(proxy.URL + prefix + "/")
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, link := range regexp.MustCompile(`<a [^>]*href="([^"]*)"`).FindAllStringSubmatch(body(t, page), -1) {
					to, err := page.Parse(link[1])
					if err != nil {
						t.Fatal(err)
					}
					body(t, to)
					got = append(got, to.Path)
				}
				if want := []string{prefix + "/", prefix + "/", prefix + path, prefix + healthyPath, prefix + readyPath}; !slices.Equal(got, want) {
					t.Errorf("got links to %q, want %q", got, want)
				}
			})
		}
	}
}

// body returns the body of a page, whose status must be 200.
func body(t *testing.T, page *url.URL) string {
	t.Helper()
	resp, err := http.Get(page.String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d, error %v", page, resp.StatusCode, err)
	}
	return string(text)
}

// oneScrape is a server that answers one scrape.
type oneScrape struct {
	*httptest.Server
	ended chan struct{}
	held  heldLedger
}

// serveMetrics serves more metrics than a connection buffers, which may be 10 MB. The log may be
// read after the scrape has ended.
func serveMetrics(t *testing.T, http2 bool, gathered error) (server oneScrape, logged *bytes.Buffer) {
	own := prometheus.NewRegistry()
	for family := range 20 {
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: fmt.Sprint("family_", family), Help: "H."}, []string{"label"})
		own.MustRegister(vec)
		for i := range 1000 {
			vec.WithLabelValues(strings.Repeat("x", 2000) + fmt.Sprint(i))
		}
	}
	logged = new(bytes.Buffer)
	logger, _ := newLoggers(logged, "info", "logfmt")
	server.held = newHeldLedger(t)
	handler := server.held.handler(t, func() ([]*dto.MetricFamily, error) {
		families, _ := own.Gather()
		return families, gathered
	}, logger)
	server.ended = make(chan struct{})
	server.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(server.ended)
		handler.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = http2
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, logged
}
