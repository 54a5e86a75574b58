package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// TestEnterprises runs an exporter for three enterprises of one App ID. One of
// them fails for a while; a real Prometheus sees the truth of each.
func TestEnterprises(t *testing.T) {
	t.Parallel()
	names := []string{"north", "south", "east"}
	var clock clock
	clock.stop()
	var services []*simulator.Service
	for _, name := range names {
		s := simulator.New(simulator.Config{AppID: testAppID, AppKey: testAppKey, CorpID: name, Now: clock.now})
		s.Add(ended("before", existing, 10, clock.now()))
		services = append(services, s)
	}
	url := listen(t, simulator.NewProvider(services...))
	dir := t.TempDir()
	key := write(t, dir, "key", testAppKey)
	file := "enterprises:\n"
	for _, name := range names {
		file += fmt.Sprintf("- {name: %[1]s, app_id: %[2]s, app_key_file: %[3]q, corp_id: %[1]s, storage_path: %[4]q}\n", name, testAppID, key, dir+"/"+name)
	}
	exporter, exporterURL := serve(t, append([]string{"--config.file=" + write(t, dir, "enterprises.yaml", file), "--huaweicloud.endpoint=" + url}, forScrapes...)...)
	awaitReady(t, exporterURL)

	began := time.Now()
	p := startPrometheus(t, configure(t, time.Second, nil, exporterURL, classicJob), t.TempDir())
	meetings := func() (all []float64) {
		got := p.query(t, time.Now(), `sum by (enterprise) (huaweicloud_meeting_ended_meetings_total)`)
		for _, name := range names {
			value, ok := got[fmt.Sprintf(`{enterprise=%q}`, name)]
			if !ok {
				value = -1 // no sample
			}
			all = append(all, value)
		}
		return all
	}
	awaitMeetings := func(want ...float64) {
		t.Helper()
		await(t, 2*deadline, func() string {
			if got := meetings(); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Sprintf("counted %v, want %v", got, want)
			}
			return ""
		})
	}
	awaitMeetings(0, 0, 0)

	services[1].SetFault(simulator.On(simulator.PathHistory, simulator.Answer(http.StatusInternalServerError, "MMC.111070003", "down")))
	clock.resume()
	for i, s := range services {
		for n := range i + 2 {
			s.Add(ended(fmt.Sprint("after", n), existing, 5, clock.now()))
		}
	}
	clock.stop()
	awaitMeetings(2, 0, 4)
	await(t, 2*deadline, func() string {
		if got := p.query(t, time.Now(), "huaweicloud_meeting_up"); got[`{enterprise="south"}`] != 0 || got[`{enterprise="north"}`] != 1 || got[`{enterprise="east"}`] != 1 {
			return fmt.Sprintf("up is %v", got)
		}
		return ""
	})
	services[1].SetFault(nil)
	awaitMeetings(2, 3, 4)

	ended := time.Now()
	expression := fmt.Sprintf("sum by (enterprise) (increase(huaweicloud_meeting_ended_meetings_total[%dms] anchored))", ended.Sub(began).Milliseconds())
	for i, name := range names {
		if got := p.query(t, ended, expression)[fmt.Sprintf(`{enterprise=%q}`, name)]; got != float64(i+2) {
			t.Errorf("the increase of %s is %v, want %d", name, got, i+2)
		}
	}
	for line := range strings.Lines(get(t, exporterURL+"/metrics").body) {
		own := strings.HasPrefix(line, "huaweicloud_meeting_") && !strings.HasPrefix(line, "huaweicloud_meeting_exporter_build_info")
		if has := strings.Contains(line, `enterprise="`); has != own {
			t.Errorf("label enterprise: %v on %s", has, line)
		}
	}
	exporter.stop(t, os.Interrupt)
	for i, s := range services {
		if n := s.LiveTokens(); n != 0 {
			t.Errorf("%d tokens of %s are left", n, names[i])
		}
	}
}
