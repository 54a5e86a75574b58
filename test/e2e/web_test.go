package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/simulator"
)

// webPassword is the password of which deploy/web-tls.yaml has the hash.
const webPassword = "e2e-web-password"

// paths are the paths of the exporter's pages.
var paths = []string{"/", "/metrics", "/-/healthy", "/-/ready"}

func TestReadyAfterFirstSweep(t *testing.T) {
	t.Parallel()
	service, url := newService(t, simulator.Config{})
	open := make(chan struct{})
	service.SetFault(onHistory(holdUntil(open)))
	_, exporterURL := serve(t, append(signIn(t, url, testAppKey), everySecond...)...)
	await(t, deadline, func() string {
		if service.Requests(simulator.PathHistory) == 0 {
			return "no request for the history"
		}
		return ""
	})
	checkStatus(t, exporterURL, map[string]int{"/-/ready": http.StatusServiceUnavailable, "/-/healthy": http.StatusOK})
	newScrape(t, exporterURL).checkUp(t, "before the first sweep", 0)
	close(open)
	awaitReady(t, exporterURL)
	newScrape(t, exporterURL).checkUp(t, "after the first sweep", 1)
}

// checkStatus checks the status codes of pages.
func checkStatus(t *testing.T, exporterURL string, want map[string]int) {
	t.Helper()
	for path, status := range want {
		if got := get(t, exporterURL+path); got.status != status {
			t.Errorf("%s: got status %d, want %d", path, got.status, status)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	_, url := newService(t, simulator.Config{MeetingsPerDay: 500, Worldwide: true})
	_, exporterURL := serve(t, signIn(t, url, testAppKey)...)
	awaitReady(t, exporterURL)

	t.Run("landing page", func(t *testing.T) {
		landing := get(t, exporterURL+"/")
		if landing.status != http.StatusOK || !strings.HasPrefix(landing.contentType, "text/html") {
			t.Fatalf("got status %d and content type %q, want a page", landing.status, landing.contentType)
		}
		for _, path := range paths[1:] {
			if !strings.Contains(landing.body, `href=".`+path+`"`) {
				t.Errorf("no link to %s in\n%s", path, landing.body)
			}
		}
		if strings.Contains(landing.body, "/debug/pprof") {
			t.Errorf("a link to profiling in\n%s", landing.body)
		}
		checkStatus(t, exporterURL, map[string]int{"/debug/pprof/": http.StatusNotFound, "/nothing": http.StatusNotFound})
	})
	for format, c := range map[string]struct {
		accept, contentType string
		check               func(*testing.T, string)
	}{
		"text":        {"", "text/plain;", checkText},
		"OpenMetrics": {"application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0;", checkOpenMetrics},
	} {
		t.Run(format, func(t *testing.T) {
			req := newRequest(t.Context(), exporterURL+"/metrics")
			req.Header.Set("Accept", c.accept)
			got, err := fetch(http.DefaultClient, req)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(got.contentType, c.contentType) {
				t.Errorf("got content type %q, want %s", got.contentType, c.contentType)
			}
			c.check(t, got.body)
			if !strings.Contains(got.body, "huaweicloud_meeting_ended_meetings_total{") {
				t.Error("got no counter of meetings")
			}
			if strings.Contains(got.body, "_created") {
				t.Error("got a sample of a created timestamp")
			}
		})
	}
}

// The files of the example in deploy/ are used as they are, apart from the
// address and the time between two scrapes.
func TestExampleOfTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate, key := newCertificate(t)
	for name, text := range map[string]string{
		"cert.pem": certificate, "ca.pem": certificate, "key.pem": key, "password": webPassword,
	} {
		write(t, dir, name, text)
	}
	config := write(t, dir, "web-tls.yaml", example(t, "web-tls.yaml"))
	_, url := newService(t, simulator.Config{Seed: 3, MeetingsPerDay: 50})
	_, exporterURL := serve(t, append(signIn(t, url, testAppKey), "--web.config.file="+config)...)

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	secureURL := strings.Replace(exporterURL, "http://", "https://", 1)
	status := func(t *testing.T, path, password string) int {
		req := newRequest(t.Context(), secureURL+path)
		if password != "" {
			req.SetBasicAuth("scraper", password)
		}
		got, err := fetch(client, req)
		if err != nil {
			t.Fatal(err)
		}
		return got.status
	}
	await(t, deadline, func() string {
		if got := status(t, "/-/ready", webPassword); got != http.StatusOK {
			return fmt.Sprintf("/-/ready with the password: got status %d, want 200", got)
		}
		return ""
	})
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			checkStatus(t, exporterURL, map[string]int{path: http.StatusBadRequest}) // no TLS
			for password, want := range map[string]int{
				"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, webPassword: http.StatusOK,
			} {
				if got := status(t, path, password); got != want {
					t.Errorf("with the password %q: got status %d, want %d", password, got, want)
				}
			}
		})
	}

	t.Run("Prometheus", func(t *testing.T) {
		config := example(t, "prometheus-tls.yaml",
			"exporter.example.com:10047", strings.TrimPrefix(exporterURL, "http://"),
			"scrape_interval: 30s", "scrape_interval: 1s")
		p := startPrometheus(t, write(t, dir, "prometheus.yaml", config), t.TempDir())
		p.awaitPoll(t)
	})
}

// newCertificate returns a certificate for loopback and its key, in PEM.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	encoded, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
