package e2e_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBackfillIntoStores does with other stores what TestBackfillGoesOnLive does
// with Prometheus. A Prometheus scrapes, and writes to the store.
func TestBackfillIntoStores(t *testing.T) {
	t.Parallel()
	if os.Getenv("STORES") == "" {
		t.Skip("run it with make check-stores, which builds the stores")
	}
	for name, run := range map[string]func(*testing.T) store{"VictoriaMetrics": runVictoriaMetrics, "Thanos": runThanos, "Mimir": runMimir} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			past, s := newPast(t), run(t)
			scraping := configure(t, time.Second, nil, past.address, pastJob)
			text, err := os.ReadFile(scraping)
			if err != nil {
				t.Fatal(err)
			}
			startPrometheus(t, write(t, t.TempDir(), "prometheus.yaml", fmt.Sprintf("%sremote_write: [{url: '%s'}]\n", text, s.writeURL)), t.TempDir())
			s.awaitOwn(t)
			testBackfilled(t, past, backfilled{s.prometheus, s.increase, past.send(t, s.writeURL)})
		})
	}
}

// store is a running store other than Prometheus.
type store struct {
	prometheus        // its API
	writeURL   string // where it takes samples
	increase   string // see backfilled
}

// runVictoriaMetrics runs VictoriaMetrics as the documentation says. Without its
// optimization of instant queries, which goes wrong within half an hour of a gap
// in the samples, such as the one until the exporter is live.
func runVictoriaMetrics(t *testing.T) store {
	p := start(t, tool(t, "victoria-metrics"), "-httpListenAddr=127.0.0.1:0", "-storageDataPath="+t.TempDir(),
		"-retentionPeriod=1y", "-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s",
		"-search.minWindowForInstantRollupOptimization=8760h")
	url := p.find(t, &p.stderr, "started server at (http://.*)/")
	return store{
		prometheus: prometheus{url: url}, writeURL: url + "/api/v1/write",
		increase: "increase(%s)",
	}
}

// runThanos runs Thanos Receive as the documentation says, and Thanos Query.
// Query shows samples that came out of order once Receive has made blocks of
// them. Here it does so every thirty seconds instead of every two hours. Without
// a retention, it does not look for idle tenants, which then crashes its start.
func runThanos(t *testing.T) store {
	serve := func(component string, args ...string) (grpc, http string) {
		grpc, http = freeAddress(t), freeAddress(t)
		p := start(t, tool(t, "thanos"), append([]string{component, "--grpc-address=" + grpc, "--http-address=" + http}, args...)...)
		awaitReady(t, p.url(t))
		return grpc, http
	}
	write := freeAddress(t)
	receive, _ := serve("receive", "--tsdb.path="+t.TempDir(), `--label=receive="a"`, "--remote-write.address="+write,
		"--tsdb.retention=0d", "--tsdb.out-of-order.time-window=200d", "--tsdb.max-block-duration=30s")
	_, query := serve("query", "--endpoint="+receive, "--query.enable-x-functions",
		"--query.replica-label=receive", "--query.replica-label=tenant_id")
	return store{
		prometheus: prometheus{url: "http://" + query, engine: "thanos"}, writeURL: "http://" + write + "/api/v1/receive",
		increase: "xincrease(%s)",
	}
}

// runMimir runs Mimir as the documentation says.
func runMimir(t *testing.T) store {
	dir := t.TempDir()
	freePort := func() string { return strings.TrimPrefix(freeAddress(t), "127.0.0.1:") }
	config := write(t, dir, "mimir.yaml", fmt.Sprintf(`
multitenancy_enabled: false
usage_stats: {enabled: false}
activity_tracker: {filepath: ''} # by default a file in the working directory
server: {http_listen_address: 127.0.0.1, http_listen_port: 0, grpc_listen_address: 127.0.0.1, grpc_listen_port: %[2]s}
memberlist: {bind_addr: [127.0.0.1], bind_port: %[3]s}
common: {storage: {backend: filesystem, filesystem: {dir: '%[1]s/common'}}}
blocks_storage: {storage_prefix: blocks, tsdb: {dir: '%[1]s/tsdb'}, bucket_store: {sync_dir: '%[1]s/sync'}}
compactor: {data_dir: '%[1]s/compactor', sharding_ring: {instance_addr: 127.0.0.1}}
distributor: {ring: {instance_addr: 127.0.0.1}}
ingester: {ring: {instance_addr: 127.0.0.1, replication_factor: 1}}
store_gateway: {sharding_ring: {instance_addr: 127.0.0.1, replication_factor: 1}}
frontend: {address: 127.0.0.1}
query_scheduler: {ring: {instance_addr: 127.0.0.1}}
ruler: {rule_path: '%[1]s/rules', ring: {instance_addr: 127.0.0.1}}
limits:
  out_of_order_time_window: 200d
  past_grace_period: 0
  query_ingesters_within: 0
  ingestion_rate: 1e6
  enabled_promql_extended_range_selectors: all # for anchored
`, dir, freePort(), freePort()))
	p := start(t, tool(t, "mimir"), "-config.file="+config)
	url := "http://" + p.find(t, &p.stderr, `msg="server listening on addresses" http=(\S+)`)
	await(t, deadline, func() string {
		if got := get(t, url+"/ready"); got.status != http.StatusOK {
			return got.body
		}
		return ""
	})
	return store{prometheus: prometheus{url: url + "/prometheus"}, writeURL: url + "/api/v1/push", increase: anchored}
}

// testUsage evaluates the queries of the usage dashboard at the end of a
// backfill. Only those of the attendance have no data.
func testUsage(t *testing.T, past *past, p backfilled) {
	t.Helper()
	text, err := os.ReadFile("../../dashboards/meeting-usage.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$job", pastJob, "$instance", ".*", "$enterprise", ".*", "$utc_offset", "8",
		"$__interval", "1d", "$__range", fmt.Sprintf("%ds", int(past.end.Sub(past.begin).Seconds())))
	p.engine = "" // as Grafana asks
	queries := 0
	for _, panel := range dashboard.Panels {
		for _, q := range panel.Targets {
			at := past.end
			if strings.Contains(q.Expr, "offset -$__interval") { // a day before its end
				at = at.Add(-24 * time.Hour)
			}
			numbers := 0
			for _, value := range p.query(t, at, variables.Replace(q.Expr)) {
				if !math.IsNaN(value) {
					numbers++
				}
			}
			attendance := strings.Contains(q.Expr, "_attend")
			earlier := strings.Contains(q.Expr, "offset 7d") // before the backfill
			if (numbers == 0) != (attendance || earlier) {
				t.Errorf("query %s of %q has %d numbers", q.RefID, panel.Title, numbers)
			}
			queries++
		}
	}
	if queries < 60 {
		t.Errorf("only %d queries", queries)
	}
}
