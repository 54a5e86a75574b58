package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The paths of the exporter's pages.
var paths = []string{"/", "/metrics", "/-/healthy", "/-/ready"}

// page is an answer of the exporter.
type page struct {
	status            int
	contentType, body string
}

// get asks for a page in the simplest way.
func get(t *testing.T, url string) page {
	t.Helper()
	return ask(t, http.DefaultClient, url, func(*http.Request) {})
}

// ask asks for a page after the request was prepared.
func ask(t *testing.T, client *http.Client, url string, prepare func(*http.Request)) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare(req)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header.Get("Content-Type"), string(body)}
}

func TestReadyOnlyAfterTheFirstSweep(t *testing.T) {
	t.Parallel()
	service, url := newService(t, simulator.Config{})
	open := make(chan struct{})
	service.SetFault(simulator.On(simulator.PathHistory, hold(open)))
	_, exporterURL := serve(t, append(signIn(t, url, testAppKey), quick...)...)

	// The sweep is under way, and its answer is held back.
	await(t, slowest, func() string {
		if service.Requests(simulator.PathHistory) == 0 {
			return "no request for the history"
		}
		return ""
	})
	if got := get(t, exporterURL+"/-/ready"); got.status != http.StatusServiceUnavailable {
		t.Errorf("/-/ready before the first sweep: got status %d, want 503", got.status)
	}
	if got := get(t, exporterURL+"/-/healthy"); got.status != http.StatusOK {
		t.Errorf("/-/healthy before the first sweep: got status %d, want 200", got.status)
	}
	if got := get(t, exporterURL+"/metrics"); got.status != http.StatusOK || sample(got.body, "huaweicloud_meeting_up") != "0" {
		t.Errorf("/metrics before the first sweep: got status %d and up %q, want 200 and 0", got.status, sample(got.body, "huaweicloud_meeting_up"))
	}
	close(open)
	awaitReady(t, exporterURL)
	if got := sample(get(t, exporterURL+"/metrics").body, "huaweicloud_meeting_up"); got != "1" {
		t.Errorf("up after the first sweep: got %q, want 1", got)
	}
}

func TestLandingPageLinksToWhatThereIs(t *testing.T) {
	t.Parallel()
	_, url := newService(t, simulator.Config{})
	_, exporterURL := serve(t, signIn(t, url, testAppKey)...)
	landing := get(t, exporterURL+"/")
	if landing.status != http.StatusOK || !strings.HasPrefix(landing.contentType, "text/html") {
		t.Fatalf("got status %d and content type %q, want a page", landing.status, landing.contentType)
	}
	for _, path := range paths[1:] {
		if !strings.Contains(landing.body, `href="`+path+`"`) {
			t.Errorf("no link to %s in\n%s", path, landing.body)
		}
	}
	if strings.Contains(landing.body, "/debug/pprof") {
		t.Errorf("a link to profiling in\n%s", landing.body)
	}
	for _, path := range []string{"/debug/pprof/", "/nothing"} {
		if got := get(t, exporterURL+path); got.status != http.StatusNotFound {
			t.Errorf("%s: got status %d, want 404", path, got.status)
		}
	}
}

func TestMetricsComeInTheFormatAskedFor(t *testing.T) {
	t.Parallel()
	_, url := newService(t, simulator.Config{MeetingsPerDay: 500, Worldwide: true})
	_, exporterURL := serve(t, signIn(t, url, testAppKey)...)
	awaitReady(t, exporterURL)

	plain := get(t, exporterURL+"/metrics")
	if !strings.HasPrefix(plain.contentType, "text/plain;") {
		t.Errorf("without Accept: got content type %q, want text/plain", plain.contentType)
	}
	open := ask(t, http.DefaultClient, exporterURL+"/metrics", func(r *http.Request) {
		r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	})
	if want := "application/openmetrics-text; version=1.0.0;"; !strings.HasPrefix(open.contentType, want) {
		t.Errorf("got content type %q, want %s", open.contentType, want)
	}
	if !strings.HasSuffix(open.body, "\n# EOF\n") {
		t.Errorf("no end mark in OpenMetrics; the last 100 bytes are %q", open.body[max(0, len(open.body)-100):])
	}
	for _, body := range []string{plain.body, open.body} {
		if !strings.Contains(body, "huaweicloud_meeting_ended_meetings_total{") {
			t.Error("no counter of meetings")
		}
		if strings.Contains(body, "_created") {
			t.Error("a sample of the time of creation")
		}
	}
}

// The web configuration, with the bcrypt hash of the password.
const (
	webUser     = "scraper"
	webPassword = "e2e-web-password"
	webConfig   = `
basic_auth_users:
  scraper: $2a$04$HzDWO/g6JjOxMbez5OZe7.bnJ0r00wVcrVhPw/TkHJYMDoI8bE1nO
tls_server_config:
  cert_file: %s
  key_file: %s
`
)

func TestWebConfigurationProtectsEveryPage(t *testing.T) {
	t.Parallel()
	certificate, key := newCertificate(t)
	config := fmt.Sprintf(webConfig, write(t, "cert.pem", certificate), write(t, "key.pem", key))
	_, url := newService(t, simulator.Config{})
	_, exporterURL := serve(t, append(signIn(t, url, testAppKey), "--web.config.file="+write(t, "web.yml", config))...)

	for _, path := range paths {
		if got := get(t, exporterURL+path); got.status != http.StatusBadRequest {
			t.Errorf("%s without TLS: got status %d, want 400", path, got.status)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	secureURL := strings.Replace(exporterURL, "http://", "https://", 1)
	as := func(password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(webUser, password) }
	}

	await(t, slowest, func() string {
		if got := ask(t, client, secureURL+"/-/ready", as(webPassword)); got.status != http.StatusOK {
			return fmt.Sprintf("/-/ready with the password: got status %d, want 200", got.status)
		}
		return ""
	})
	for _, path := range paths {
		for who, c := range map[string]struct {
			prepare func(*http.Request)
			want    int
		}{
			"without a password":      {func(*http.Request) {}, http.StatusUnauthorized},
			"with a wrong password":   {as("wrong"), http.StatusUnauthorized},
			"with the right password": {as(webPassword), http.StatusOK},
		} {
			if got := ask(t, client, secureURL+path, c.prepare); got.status != c.want {
				t.Errorf("%s %s: got status %d, want %d", path, who, got.status, c.want)
			}
		}
	}
}

// newCertificate returns a certificate for loopback and its key, in PEM.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
