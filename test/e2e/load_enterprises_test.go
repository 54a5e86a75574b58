package e2e_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"syscall"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const (
	// loadEnterprises is how many enterprises one process polls, each with so
	// many meetings a day.
	loadEnterprises     = 200
	loadMeetingsPerDay  = 20
	loadMaxRequests     = 600 // a minute, for all together
	loadPollInterval    = time.Minute
	loadScrapesInterval = 5 * time.Second
)

// TestLoadEnterprises scrapes for the time LOAD an exporter that polls many
// small enterprises of one App ID with the default intervals. It reports memory,
// requests, scrapes, and how late polls begin.
func TestLoadEnterprises(t *testing.T) {
	length := loadLength(t)
	var services []*simulator.Service
	file := "enterprises:\n"
	dir := t.TempDir()
	key := write(t, dir, "key", testAppKey)
	for i := range loadEnterprises {
		corp := fmt.Sprintf("corp%03d", i)
		services = append(services, simulator.New(simulator.Config{
			AppID: testAppID, AppKey: testAppKey, CorpID: corp, Seed: uint64(i), MeetingsPerDay: loadMeetingsPerDay, Worldwide: true,
		}))
		file += fmt.Sprintf("- {name: %[1]s, app_id: %[2]s, app_key_file: %[3]q, corp_id: %[1]s, storage_path: %[4]q}\n", corp, testAppID, key, dir+"/"+corp)
	}
	p, exporterURL := serve(t, "--config.file="+write(t, dir, "enterprises.yaml", file), "--huaweicloud.endpoint="+listen(t, simulator.NewProvider(services...)),
		fmt.Sprint("--huaweicloud.max-requests-per-minute=", loadMaxRequests))
	await(t, 2*loadPollInterval, func() string {
		if got := get(t, exporterURL+"/-/ready"); got.status != 200 {
			return "not ready"
		}
		return ""
	})

	s, polls := newScraper(t, exporterURL), newPollTimes()
	var readings []reading
	for began := time.Now(); time.Since(began) < length; {
		due := began.Add(time.Duration(len(readings)) * loadScrapesInterval)
		time.Sleep(time.Until(due))
		r := s.scrape(t.Context(), due)
		if r.err != nil {
			t.Fatalf("a scrape failed: %v", r.err)
		}
		readings = append(readings, r)
		polls.read(t, get(t, exporterURL+"/metrics").body)
	}
	first, last := readings[0], readings[len(readings)-1]
	minutes := (time.Duration(len(readings)-1) * loadScrapesInterval).Minutes()
	requests := 0
	for _, service := range services {
		requests += service.Requests(simulator.PathHistory)
	}
	t.Logf("%d enterprises, %d meetings remembered, %.1f MB a scrape", loadEnterprises, int(sumOf(t, get(t, exporterURL+"/metrics").body, "huaweicloud_meeting_ledger_meetings")), float64(len(get(t, exporterURL+"/metrics").body))/1e6)
	t.Logf("%d scrapes: p50 %.0f ms, p99 %.0f ms", len(readings), percentile(readings, took, 50), percentile(readings, took, 99))
	t.Logf("memory: live heap %.0f MB, resident %.0f MB at most; %.0f goroutines, %.0f descriptors; CPU %.2f",
		percentile(readings, live, 100)/1e6, percentile(readings, rss, 100)/1e6, percentile(readings, goroutines, 100), percentile(readings, descriptors, 100),
		(last.cpu-first.cpu)/(minutes*60))
	t.Logf("%.0f polls a minute, %d requests for the history in all; polls began at most %.2f s late, %d were seen", (last.polls-first.polls)/minutes, requests, polls.latest.Seconds(), polls.seen)
	if last.failures != 0 {
		t.Errorf("%v polls failed", last.failures)
	}
	if polls.seen < loadEnterprises {
		t.Errorf("only %d polls were seen", polls.seen)
	}
	if polls.latest > loadPollInterval/4 {
		t.Errorf("a poll began %v late", polls.latest)
	}
	p.stop(t, syscall.SIGTERM)
}

// pollTimes notes when polls began.
type pollTimes struct {
	first, previous map[string]float64 // seconds since 1970, by label set
	seen            int
	latest          time.Duration
}

func newPollTimes() *pollTimes {
	return &pollTimes{first: map[string]float64{}, previous: map[string]float64{}}
}

// read notes the polls that ended last. A poll is late by how much longer after
// the first one it began than a multiple of the interval.
func (p *pollTimes) read(t *testing.T, page string) {
	t.Helper()
	durations := samplesOf(t, page, "huaweicloud_meeting_last_poll_duration_seconds")
	for labels, ended := range samplesOf(t, page, "huaweicloud_meeting_last_poll_timestamp_seconds") {
		began := ended - durations[labels]
		if _, ok := p.first[labels]; !ok {
			p.first[labels], p.previous[labels] = began, ended
		}
		if p.previous[labels] == ended {
			continue
		}
		p.previous[labels] = ended
		p.seen++
		after := (began - p.first[labels]) / loadPollInterval.Seconds()
		late := time.Duration((after - math.Round(after)) * float64(loadPollInterval))
		p.latest = max(p.latest, late)
	}
}

// samplesOf returns the samples of a metric in a page, by label set.
func samplesOf(t *testing.T, page, metric string) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	for _, line := range linesOf([]byte(page), metric) {
		i := bytes.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(string(line[i+1:]), 64)
		if err != nil {
			t.Fatalf("%s: %v", metric, err)
		}
		samples[string(line[:i])] = value
	}
	return samples
}

func sumOf(t *testing.T, page, metric string) (sum float64) {
	t.Helper()
	for _, value := range samplesOf(t, page, metric) {
		sum += value
	}
	return sum
}
