package main

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/simulator"
)

var update = flag.Bool("update", false, "write the tables of the README anew")

func TestTheTablesOfFlagsAreTrue(t *testing.T) {
	app := newApplication(&options{})
	wantSection(t, "flags", tableOf(app.Model().Flags))
	wantSection(t, "flags of backfill", tableOf(app.GetCommand(commandBackfill).Model().Flags))
}

func tableOf(flags []*kingpin.FlagModel) string {
	var table strings.Builder
	table.WriteString("| Flag | Default | Meaning |\n|---|---|---|\n")
	for _, f := range flags {
		if strings.HasPrefix(f.Name, "help") || f.Name == "version" || f.Hidden {
			continue
		}
		value := ""
		if d := strings.Join(f.Default, ", "); d != "" {
			value = "`" + d + "`"
		}
		fmt.Fprintf(&table, "| `--%s` | %s | %s |\n", f.Name, value, f.Help)
	}
	return table.String()
}

func TestTheTableOfMetricsIsTrue(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n")
	for _, f := range everyFamily(t) {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		slices.Sort(labels)
		help, _, _ := strings.Cut(f.GetHelp(), " Polled in the background")
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), help)
	}
	wantSection(t, "metrics", table.String())
}

// everyFamily polls a simulated service once and returns what is there then,
// which is every metric of the exporter's own.
func everyFamily(t *testing.T) []*dto.MetricFamily {
	server := httptest.NewServer(simulator.New(demoEnterprise()))
	defer server.Close()
	opts := &options{}
	if _, err := newApplication(opts).Parse([]string{commandDemo}); err != nil {
		t.Fatal(err)
	}
	opts.useSimulator(server.URL)
	cfg, err := opts.clientConfig()
	if err != nil {
		t.Fatal(err)
	}
	health := collector.NewHealth(time.Now)
	cfg.Observe = health.Observe
	service, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	meetings := ledger.New(opts.ledgerConfig(), time.Now())
	poller := collector.NewPoller(opts.pollerConfig(log.NewNopLogger()), service, meetings, health)
	registry := prometheus.NewRegistry()
	registry.MustRegister(health, collector.New(meetings, opts.window, time.Now))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stopped := make(chan struct{})
	go func() { defer close(stopped); poller.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(families, func(f *dto.MetricFamily) bool {
			return f.GetName() == "huaweicloud_meeting_token_expiry_timestamp_seconds"
		}) {
			cancel()
			<-stopped
			return families
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no poll was complete within a minute")
		}
	}
}

// wantSection compares the part of the README between two marks.
func wantSection(t *testing.T, name, want string) {
	t.Helper()
	const file = "README.md"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n)(.*)(<!-- end of ` + name + ` -->)`)
	got := section.FindSubmatch(content)
	if got == nil {
		t.Fatalf("%s has no section %s", file, name)
	}
	if *update {
		content = section.ReplaceAll(content, []byte("${1}"+strings.ReplaceAll(want, "$", "$$")+"${3}"))
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(got[2])); diff != "" {
		t.Errorf("go test . -update writes it anew (-want +got):\n%s", diff)
	}
}
