package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// One Prometheus scrapes, and another one is the store to which it writes. The
// file of the example in deploy/ is used as it is, apart from addresses and the
// time between two scrapes.
func TestExampleOfRemoteWrite(t *testing.T) {
	t.Parallel()
	store := startPrometheus(t, write(t, t.TempDir(), "store.yaml", ""), t.TempDir(), "--web.enable-remote-write-receiver")
	replace := []string{
		"http://receive.example.com:19291/api/v1/receive", store.url + "/api/v1/write",
		"scrape_interval: 30s", "scrape_interval: 1s",
	}
	enterprises := []string{"north", "south"}
	for i, enterprise := range enterprises {
		_, url := newService(t, simulator.Config{Seed: uint64(4 + i), MeetingsPerDay: 50})
		_, exporterURL := serve(t, signIn(t, url, testAppKey)...)
		replace = append(replace, enterprise+".example.com:10047", strings.TrimPrefix(exporterURL, "http://"))
	}
	config := write(t, t.TempDir(), "prometheus.yaml", example(t, "prometheus-remote.yaml", replace...))
	startPrometheus(t, config, t.TempDir())

	await(t, deadline, func() string {
		for _, query := range []string{
			`count by (enterprise, cluster, replica) (huaweicloud_meeting_up == 1)`,
			`count by (enterprise, cluster, replica) (histogram_count(huaweicloud_meeting_ended_duration_seconds{conference_type="webinar"}))`,
		} {
			got := store.query(t, time.Now(), query)
			for _, enterprise := range enterprises {
				labels := fmt.Sprintf(`{cluster="meetings", enterprise=%q, replica="a"}`, enterprise)
				if got[labels] != 1 {
					return query + ": no " + labels
				}
			}
		}
		return ""
	})
}
