package deploy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestVictoriaMetricsBackfill sends history into a real VictoriaMetrics, and
// compares what it then holds with the files of the same backfill.
func TestVictoriaMetricsBackfill(t *testing.T) {
	server := "http://" + run(t, tool(t, "victoria-metrics"), "started server at http://",
		"-httpListenAddr=127.0.0.1:0", "-storageDataPath="+t.TempDir(), "-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s")
	service := start(t, "listens on ", "simulate", "--simulate.listen-address=127.0.0.1:0")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key"), appKey)
	to := time.Now().UTC().Add(-4 * time.Hour).Truncate(time.Hour)
	from := to.Truncate(24 * time.Hour).Add(-2 * 24 * time.Hour)
	backfill := func(output string, more ...string) string {
		args := append([]string{
			"backfill", "--huaweicloud.endpoint=" + service, "--huaweicloud.app-id=demo", "--huaweicloud.app-key-file=" + filepath.Join(dir, "key"),
			"--from=" + from.Format(time.RFC3339), "--to=" + to.Format(time.RFC3339), "--output=" + filepath.Join(dir, output), "--huaweicloud.max-requests-per-minute=60000",
		}, more...)
		out, err := exec.CommandContext(t.Context(), exporter(t), args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	backfill("files")
	toStore := "--remote-write.url=" + server + "api/v1/write"
	if out := backfill("asked", toStore, "--dry-run"); !strings.Contains(out, "accepts a sample of "+from.Format(time.RFC3339)) {
		t.Errorf("got\n%s", out)
	}
	backfill("state", toStore)
	backfill("twice", toStore) // as a run that goes on sends a day
	get(t, server+"internal/force_flush")

	query := func(at time.Time, expr string) float64 {
		text := get(t, server+"api/v1/query?"+url.Values{"query": {expr}, "time": {strconv.FormatInt(at.Unix(), 10)}}.Encode())
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Data.Result) != 1 {
			t.Fatalf("%s: error %v\n%s", expr, err, text)
		}
		value, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	counts, before := map[string]float64{}, 0.
	for day := from; day.Before(to); day = day.Add(24 * time.Hour) {
		meetings, last := 0., 0. // at the last sample
		for line := range strings.Lines(read(t, filepath.Join(dir, "files", "meetings-"+day.Format(time.DateOnly)+".om"))) {
			name, _, found := strings.Cut(line, "{")
			if !found {
				continue
			}
			counts[name]++
			if name != "huaweicloud_meeting_ended_meetings_total" {
				continue
			}
			var value, at float64
			if _, err := fmt.Sscan(line[strings.LastIndex(line, "}")+1:], &value, &at); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if at > last {
				meetings, last = 0, at
			}
			if at == last {
				meetings += value
			}
		}
		got := query(day.Add(24*time.Hour-time.Second), "sum(increase(huaweicloud_meeting_ended_meetings_total[1d]))")
		if want := meetings - before; got != want || want == 0 {
			t.Errorf("meetings of %s: got %v, want %v", day.Format(time.DateOnly), got, want)
		}
		before = meetings
	}
	for name, want := range counts {
		if got := query(to, fmt.Sprintf("sum(count_over_time(%s[4d]))", name)); got != want {
			t.Errorf("samples of %s: got %v, want %v", name, got, want)
		}
	}
}
