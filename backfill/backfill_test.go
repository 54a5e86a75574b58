package backfill_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// truth returns the sums of the records that ended in the given time, by series.
func truth(service *simulator.Service, prefix, suffix string, in func(end time.Time) bool) map[string]float64 {
	other := simulator.New(simulator.Config{AppID: "none"})
	for _, r := range service.Records(time.Now()) {
		if in(r.End.Truncate(time.Minute)) {
			other.Add(r)
		}
	}
	values := map[string]float64{}
	for l, sums := range other.Listed(time.Now()) {
		for name, value := range map[string]int64{
			"meetings": sums.Meetings, "duration_seconds": sums.DurationSeconds, "participants": sums.Participants,
			"terminals": sums.Terminals, "recorded_meetings": sums.Recorded,
		} {
			if name == "meetings" && suffix == "_total" {
				name = "ended_meetings"
			}
			values[fmt.Sprintf("huaweicloud_meeting_%s%s%s{instance=%q,job=%q,conference_type=%q,department=%q}",
				prefix, name, suffix, "an instance", "a job", l.ConferenceType, l.Department)] = float64(value)
		}
	}
	return values
}

// shown returns the values at an instant that are not 0, of the series whose
// names have the prefix and the suffix.
func shown(all map[string]samples, at time.Time, prefix, suffix string) map[string]float64 {
	values := map[string]float64{}
	for name, s := range all {
		metric, labels, _ := strings.Cut(name, "{")
		value, present := s[at.UnixMilli()]
		if present && value != 0 && strings.HasPrefix(metric, "huaweicloud_meeting_"+prefix) && strings.HasSuffix(metric, suffix) && strings.Contains(labels, "department=") {
			values[name] = value
		}
	}
	return values
}

func withoutZeros(values map[string]float64) map[string]float64 {
	for name, value := range values {
		if value == 0 {
			delete(values, name)
		}
	}
	return values
}

func TestFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		run(t, service, cfg)
		all := readFiles(t, cfg.Output)
		testInstants(t, service, all)
		testFirstZeros(t, all)
		for _, at := range instants(from, to) {
			testHistograms(t, service, all, at)
		}
	})
}

// testInstants compares the sums at each instant with the truth.
func testInstants(t *testing.T, service *simulator.Service, all map[string]samples) {
	for _, at := range instants(from, to) {
		counted := truth(service, "", "_total", func(end time.Time) bool { return !end.Before(from) && end.Before(at) })
		if diff := cmp.Diff(withoutZeros(counted), shown(all, at, "", "_total")); diff != "" {
			t.Fatalf("counters at %v (-want +got):\n%s", at, diff)
		}
		recent := truth(service, "recent_", "", func(end time.Time) bool { return end.After(at.Add(-window)) && end.Before(at) })
		if diff := cmp.Diff(withoutZeros(recent), shown(all, at, "recent_", "")); diff != "" {
			t.Fatalf("gauges at %v (-want +got):\n%s", at, diff)
		}
	}
}

// testFirstZeros checks that each series of a counter begins at 0, has no gap
// and never falls.
func testFirstZeros(t *testing.T, all map[string]samples) {
	late := 0
	for name, s := range all {
		if strings.HasPrefix(name, "huaweicloud_meeting_recent_") || strings.HasPrefix(name, "huaweicloud_meeting_history_window") {
			continue
		}
		all := instants(from, to)
		first := slices.IndexFunc(all, func(at time.Time) bool { _, present := s[at.UnixMilli()]; return present })
		if value := s[all[first].UnixMilli()]; value != 0 {
			t.Errorf("%s begins at %v with %v", name, all[first], value)
		}
		if first > 0 {
			late++
		}
		previous := 0.0
		for _, at := range all[first:] {
			value, present := s[at.UnixMilli()]
			if !present || value < previous {
				t.Errorf("%s at %v: got %v (present: %v) after %v", name, at, value, present, previous)
			}
			previous = value
		}
	}
	if late == 0 {
		t.Error("no series begins within the range")
	}
}

// testHistograms compares count and sum of the durations at an instant with the
// truth.
func testHistograms(t *testing.T, service *simulator.Service, all map[string]samples, at time.Time) {
	want, got := map[string]float64{}, map[string]float64{}
	for name, value := range truth(service, "", "_total", func(end time.Time) bool { return !end.Before(from) && end.Before(at) }) {
		conferenceType := strings.Split(name, `"`)[5]
		if strings.HasPrefix(name, "huaweicloud_meeting_ended_meetings_total") {
			want[conferenceType+" count"] += value
		}
		if strings.HasPrefix(name, "huaweicloud_meeting_duration_seconds_total") {
			want[conferenceType+" sum"] += value
		}
	}
	for _, conferenceType := range []string{"immediate", "scheduled", "recurring", "webinar"} {
		for _, part := range []string{"count", "sum"} {
			got[conferenceType+" "+part] = all[fmt.Sprintf(`huaweicloud_meeting_ended_duration_seconds_%s{instance="an instance",job="a job",conference_type=%q}`, part, conferenceType)][at.UnixMilli()]
		}
	}
	if diff := cmp.Diff(withoutZeros(want), withoutZeros(got)); diff != "" {
		t.Errorf("histograms at %v (-want +got):\n%s", at, diff)
	}
}

// contents returns the finished files of a directory, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.om"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(content)
	}
	return all
}

func TestInterruptedRunContinues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		whole, cfg := config(t, service), config(t, service)
		var last backfill.Progress
		whole.Done = func(p backfill.Progress) { last = p }
		run(t, service, whole)
		for _, days := range []int{1, 2} {
			ctx, cancel := context.WithCancel(t.Context())
			cfg.Done = func(p backfill.Progress) {
				if p.Days == days {
					cancel()
				}
			}
			if _, err := backfill.Run(ctx, newClient(t, service), cfg); err == nil {
				t.Fatal("got no error from an interrupted run")
			}
		}
		first := filepath.Join(cfg.Output, "meetings-1999-12-28.om")
		before, err := os.Stat(first)
		if err != nil {
			t.Fatal(err)
		}
		var told []backfill.Progress
		cfg.Done = func(p backfill.Progress) { told = append(told, p) }
		requests := service.Requests(simulator.PathHistory)
		run(t, service, cfg)
		if diff := cmp.Diff(contents(t, whole.Output), contents(t, cfg.Output)); diff != "" {
			t.Errorf("not as in one run (-want +got):\n%.2000s", diff)
		}
		if after, err := os.Stat(first); err != nil || !os.SameFile(before, after) {
			t.Errorf("a finished day was written again: %v", err)
		}
		found := backfill.Progress{Days: 2, Of: 3}
		if diff := cmp.Diff([]backfill.Progress{found, last}, told); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		// 18 hours and the 24 before, of 150 meetings a day and 50 a page.
		if n := service.Requests(simulator.PathHistory) - requests; n > 8 {
			t.Errorf("got %d requests for the last day", n)
		}
		requests = service.Requests(simulator.PathHistory)
		run(t, service, cfg)
		if n := service.Requests(simulator.PathHistory) - requests; n != 0 {
			t.Errorf("got %d requests of a run with nothing to do", n)
		}
	})
}

func TestFilesDoNotDependOnTheRange(t *testing.T) {
	t.Parallel()
	var want map[string]string
	for _, means := range []simulator.Range{simulator.RangeStart, simulator.RangeEnd, simulator.RangeOverlap} {
		t.Run(strconv.Itoa(int(means)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := newService(means, 50)
				cfg := config(t, service)
				run(t, service, cfg)
				got := contents(t, cfg.Output)
				if want == nil {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%.2000s", diff)
				}
			})
		})
	}
}

func TestAdjacentRangesShareNoSample(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		first, second := config(t, service), config(t, service)
		seam := from.Add(42 * time.Hour) // a midnight
		first.To, second.From, second.Output = seam, seam, first.Output+"2"
		run(t, service, first)
		run(t, service, second)
		all := readFiles(t, first.Output)
		for name, later := range readFiles(t, second.Output) {
			for at, value := range later {
				if earlier, twice := all[name][at]; twice {
					t.Fatalf("%s: both runs have a sample at %d: %v and %v", name, at, earlier, value)
				}
			}
		}
		counted := truth(service, "", "_total", func(end time.Time) bool { return !end.Before(from) && end.Before(seam) })
		if diff := cmp.Diff(withoutZeros(counted), shown(all, seam.Add(-time.Millisecond), "", "_total")); diff != "" {
			t.Errorf("end of the first range (-want +got):\n%s", diff)
		}
		if begin := shown(readFiles(t, second.Output), seam, "", "_total"); len(begin) != 0 {
			t.Errorf("the second range does not begin with zeros: %v", begin)
		}
	})
}

func TestTroublesAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		noon := time.Date(1999, 12, 29, 12, 0, 0, 0, time.UTC)
		service.Add(
			simulator.Record{Start: noon, End: noon, ListedAt: noon},
			simulator.Record{ConfUUID: "order", Start: noon, End: noon.Add(-time.Hour), ListedAt: noon},
			simulator.Record{ConfUUID: "number", Start: noon, End: noon, ListedAt: noon, NormalCount: new(-1)},
		)
		whole, cfg := config(t, service), config(t, service)
		run(t, service, whole)
		failures, causes := 0, map[string]bool{}
		cfg.Failed = func(err error, _ time.Duration) { causes[err.Error()] = true }
		cfg.Done = func(p backfill.Progress) {
			want := map[meeting.Defect]int{}
			if p.Day.Equal(noon.Truncate(24 * time.Hour)) {
				want = map[meeting.Defect]int{meeting.BadUUID: 1, meeting.BadOrder: 1, meeting.BadNumber: 1}
			}
			if diff := cmp.Diff(want, p.LeftOut, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%v left out (-want +got):\n%s", p.Day, diff)
			}
			if p.Retries != failures || p.Days > 1 && failures < 5 {
				t.Errorf("%v: got %d retries, want %d and at least 5", p.Day, p.Retries, failures)
			}
			failures = 0
			failsUntil := time.Now().Add(10 * time.Minute)
			service.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if time.Now().Before(failsUntil) {
					if r.URL.Path == simulator.PathHistory {
						failures++
					}
					simulator.Answer(http.StatusInternalServerError, "MMC.111070001", "internal error")(w, r, next)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
		run(t, service, cfg)
		service.SetFault(nil)
		if diff := cmp.Diff(contents(t, whole.Output), contents(t, cfg.Output)); diff != "" {
			t.Errorf("(-want +got):\n%.2000s", diff)
		}
		if len(causes) == 0 {
			t.Error("no failure was told")
		}
	})
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 500)
		cfg := config(t, service)
		estimate, err := backfill.EstimateOf(t.Context(), newClient(t, service), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(cfg.Output); err == nil {
			t.Error("an estimate made the directory")
		}
		run(t, service, cfg)
		n, size := 0, 0
		for _, s := range readFiles(t, cfg.Output) {
			n += len(s)
		}
		for _, text := range contents(t, cfg.Output) {
			size += len(text)
		}
		for name, pair := range map[string][2]float64{"samples": {float64(estimate.Samples), float64(n)}, "bytes": {float64(estimate.Bytes), float64(size)}} {
			if ratio := pair[0] / pair[1]; ratio < 0.6 || ratio > 1.6 {
				t.Errorf("%s: estimated %v, came %v", name, pair[0], pair[1])
			}
		}
	})
}

func TestDashboardNeedsOnlyBackfill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		run(t, service, cfg)
		written := map[string]bool{}
		for name := range readFiles(t, cfg.Output) {
			metric, _, _ := strings.Cut(name, "{")
			written[metric] = true
			written[strings.TrimSuffix(metric, "_bucket")] = true // its native form
		}
		dashboard, err := os.ReadFile("../dashboards/meeting-usage.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range regexp.MustCompile(`huaweicloud_meeting_\w+`).FindAllString(string(dashboard), -1) {
			ofAttendance := strings.Contains(metric, "attend") // it begins with the exporter
			if !written[metric] && !ofAttendance {
				t.Errorf("the dashboard needs %s, which no file holds", metric)
			}
		}
	})
}
