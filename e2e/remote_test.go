package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// The example of deploy/ for a store that Prometheus writes to, as it is but for
// addresses and the time between scrapes. Another Prometheus is the store.
func TestPrometheusWritesToAStoreAsTheExampleSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "store.yaml"), "")
	store := start(t, tool(t, "prometheus"), "--web.enable-remote-write-receiver",
		"--config.file="+filepath.Join(dir, "store.yaml"), "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0")
	p := prometheus{"http://" + store.address(t)}
	awaitReady(t, p.url)

	config := strings.NewReplacer(
		"http://receive.example.com:19291/api/v1/receive", p.url+"/api/v1/write",
		"scrape_interval: 30s", "scrape_interval: 1s",
	).Replace(example(t, "prometheus-remote.yaml"))
	for i, enterprise := range []string{"north", "south"} {
		_, url := newService(t, simulator.Config{Seed: uint64(4 + i), MeetingsPerDay: 50})
		_, exporterURL := serve(t, signIn(t, url, testAppKey)...)
		config = strings.Replace(config, enterprise+".example.com:10047", strings.TrimPrefix(exporterURL, "http://"), 1)
	}
	writeFile(t, filepath.Join(dir, "prometheus.yaml"), config)
	start(t, tool(t, "prometheus"),
		"--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0")

	await(t, slowest, func() string {
		for _, query := range []string{
			`count by (enterprise, cluster, replica) (huaweicloud_meeting_up == 1)`,
			`count by (enterprise, cluster, replica) (histogram_count(huaweicloud_meeting_ended_duration_seconds{conference_type="webinar"}))`,
		} {
			got := p.at(t, time.Now(), query)
			for _, enterprise := range []string{"north", "south"} {
				labels := labelSet(map[string]string{"cluster": "meetings", "enterprise": enterprise, "replica": "a"})
				if got[labels] != 1 {
					return query + ": no " + labels
				}
			}
		}
		return ""
	})
}
