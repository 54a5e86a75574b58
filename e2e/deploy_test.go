package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The examples of deploy/ for TLS and basic authentication, as they are but for
// the address and the time between scrapes.
func TestPrometheusScrapesOverTLSAsTheExamplesSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate, key := newCertificate(t)
	for name, text := range map[string]string{
		"cert.pem": certificate, "ca.pem": certificate, "key.pem": key, "password": webPassword,
		"web-tls.yaml": example(t, "web-tls.yaml"),
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	_, url := newService(t, simulator.Config{Seed: 3, MeetingsPerDay: 50})
	_, exporterURL := serve(t, append(signIn(t, url, testAppKey), "--web.config.file="+filepath.Join(dir, "web-tls.yaml"))...)

	config := example(t, "prometheus-tls.yaml")
	config = strings.Replace(config, "exporter.example.com:10047", strings.TrimPrefix(exporterURL, "http://"), 1)
	config = strings.Replace(config, "scrape_interval: 30s", "scrape_interval: 1s", 1)
	writeFile(t, filepath.Join(dir, "prometheus.yaml"), config)
	server := start(t, tool(t, "prometheus"),
		"--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0")
	p := prometheus{"http://" + server.address(t)}
	awaitReady(t, p.url)
	await(t, slowest, func() string {
		if got := p.at(t, time.Now(), "huaweicloud_meeting_up"); got["{}"] != 1 {
			return "no sample of a poll that succeeded was scraped"
		}
		return ""
	})
}

func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
