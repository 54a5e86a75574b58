package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

// The window of the gauges, and flags for polls so fast that every rule of
// counting shows within seconds. The tail is too short for what is published
// late, which only sweeps find; the interval is longer than that of scrapes.
const window = time.Hour

var fast = []string{
	"--history.window=" + window.String(),
	"--history.max-meeting-duration=2h",
	"--history.interval=3s",
	"--history.sweep-interval=6s",
	"--history.tail=30m",
	"--history.stale-after=1h",
	"--huaweicloud.max-requests-per-minute=60000",
}

// The label sets of the test's own meetings.
var (
	changing = simulator.Labels{Department: "Changing", ConferenceType: "scheduled"}
	newborn  = simulator.Labels{Department: "Newly Founded", ConferenceType: "scheduled"}
)

// ended returns a record that is listed at an instant, of a meeting of seven
// minutes that had ended ten minutes before.
func ended(uuid string, labels simulator.Labels, participants int, listed time.Time) simulator.Record {
	return simulator.Record{
		ConfUUID:        uuid,
		Start:           listed.Add(-17 * time.Minute),
		End:             listed.Add(-10 * time.Minute),
		ListedAt:        listed,
		ConferenceID:    "900000001", // of one booking, held again and again
		DeptName:        labels.Department,
		ConfType:        "FUTURE",
		NormalCount:     new(participants),
		TerminalCount:   new(2),
		IsHasRecordFile: new(false),
	}
}

func TestPrometheusHoldsTrueTotals(t *testing.T) {
	t.Parallel()
	began := time.Now()
	clock := &clock{}
	service, url := newService(t, simulator.Config{
		Now: clock.Now, Seed: 7, MeetingsPerDay: 40_000, Worldwide: true,
		History: 2 * time.Hour, PublicationDelay: time.Second,
	})
	service.Add(ended("before", changing, 10, began))

	// The clock of the service stands still until Prometheus has scraped the
	// baseline, so that the test knows what it holds.
	stopped := clock.stop()
	baseline, known := service.Listed(stopped), uuids(service.Records(stopped))
	_, exporterURL := serve(t, append(signIn(t, url, testAppKey), fast...)...)
	awaitReady(t, exporterURL)
	p := newPrometheus(t, strings.TrimPrefix(exporterURL, "http://"))
	await(t, slowest, func() string { return differentCounters(t, p, time.Now(), increase(baseline, baseline)) })

	clock.goOn()
	own := publish(service, time.Now())
	change(t, service, p)
	awaitInstant(t, own[len(own)-1].RecordingAt)

	// Now that it stands still again, the exporter can catch up with it.
	stopped = clock.stop()
	truth := increase(baseline, service.Listed(stopped))
	kept := truth[changing]
	kept.Participants += 9 - 4 // a counter does not follow what falls
	truth[changing] = kept
	byHand := simulator.Totals{Meetings: 3, DurationSeconds: 3 * 7 * 60, Participants: 4 + 5, Terminals: 2 + 2, Recorded: 1}
	if diff := cmp.Diff(byHand, truth[newborn]); diff != "" {
		t.Fatalf("the truth itself is wrong (-want +got):\n%s", diff)
	}
	counted := without(service.Records(stopped), known)
	if len(counted) <= len(own) {
		t.Fatalf("got %d new meetings, want more than the test's own %d", len(counted), len(own))
	}
	var at time.Time
	await(t, slowest, func() string {
		at = time.Now()
		if different := differentCounters(t, p, at, truth); different != "" {
			return different
		}
		return differentGauges(t, p, at, windowAt(service, at, stopped, window))
	})

	run := run{p, began, at}
	for _, job := range []string{classicJob, nativeJob} {
		run.checkIncrease(t, job, truth)
		run.checkSamples(t, job)
		run.checkUp(t, job)
	}
	run.checkHistograms(t, distributionsOf(counted, map[string]int{"rises": 3, "falls": 9}))
}

// publish adds meetings that differ from the generated ones, and returns them.
// The last one is of a department that is new, and its recording appears last.
func publish(service *simulator.Service, now time.Time) []simulator.Record {
	rises := ended("rises", changing, 3, now)
	falls := ended("falls", changing, 9, now)
	late := ended("late", changing, 6, now)
	late.Start, late.End = now.Add(-110*time.Minute), now.Add(-90*time.Minute)
	countless := ended("countless", newborn, 0, now)
	countless.NormalCount, countless.TerminalCount = nil, nil
	first := ended("first", newborn, 4, now.Add(time.Second))
	second := ended("second", newborn, 5, now.Add(4*time.Second))
	second.IsHasRecordFile, second.RecordingAt = new(true), now.Add(6*time.Second)

	records := []simulator.Record{rises, falls, late, countless, first, second}
	service.Add(records...)
	return records
}

// change edits records once Prometheus holds them as they were at first.
func change(t *testing.T, service *simulator.Service, p prometheus) {
	t.Helper()
	await(t, slowest, func() string {
		for _, job := range []string{classicJob, nativeJob} {
			got := p.at(t, time.Now(), fmt.Sprintf("huaweicloud_meeting_ended_meetings_total{job=%q, department=%q}", job, changing.Department))
			if diff := cmp.Diff(seriesOf(totals{changing: {Meetings: 3}}, sums[0].of), got); diff != "" {
				return "meetings that change later (-want +got):\n" + diff
			}
		}
		return ""
	})
	for uuid, participants := range map[string]int{"before": 12, "rises": 5, "falls": 4} {
		if !service.Edit(uuid, func(r *simulator.Record) { r.NormalCount = new(participants) }) {
			t.Fatalf("no record %s to change", uuid)
		}
	}
}

// awaitInstant waits until an instant is past.
func awaitInstant(t *testing.T, at time.Time) {
	t.Helper()
	await(t, slowest, func() string {
		if time.Now().Before(at) {
			return "it is not yet " + at.String()
		}
		return ""
	})
}

// differentCounters says how the counters of either job differ from the truth.
func differentCounters(t *testing.T, p prometheus, at time.Time, truth totals) string {
	t.Helper()
	for _, metric := range sums {
		if different := differs(t, p, at, metric.total, seriesOf(truth, metric.of)); different != "" {
			return different
		}
	}
	return ""
}

// differentGauges says how the gauges of either job differ from the truth.
func differentGauges(t *testing.T, p prometheus, at time.Time, truth totals) string {
	t.Helper()
	for _, metric := range sums {
		if different := differs(t, p, at, metric.recent, seriesOf(truth, metric.of)); different != "" {
			return different
		}
	}
	return ""
}

// differs says how a metric of either job differs from what it should be.
func differs(t *testing.T, p prometheus, at time.Time, metric string, want series) string {
	t.Helper()
	for _, job := range []string{classicJob, nativeJob} {
		got := p.at(t, at, fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", metric, job))
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Sprintf("%s of job %s (-want +got):\n%s", metric, job, diff)
		}
	}
	return ""
}

// run is what Prometheus recorded between two instants.
type run struct {
	prometheus
	began, ended time.Time
}

// checkIncrease compares what a user asks for with the truth.
func (r run) checkIncrease(t *testing.T, job string, truth totals) {
	t.Helper()
	for _, metric := range sums {
		expression := fmt.Sprintf("increase(huaweicloud_meeting_%s{job=%q}[%dms] anchored)", metric.total, job, r.ended.Sub(r.began).Milliseconds())
		if diff := cmp.Diff(seriesOf(truth, metric.of), r.at(t, r.ended, expression)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}

// checkSamples makes sure that every counter was seen at 0 first, since what
// it stood at before the first sample is in no increase, and that none fell.
func (r run) checkSamples(t *testing.T, job string) {
	t.Helper()
	for _, metric := range sums {
		for labels, samples := range r.samples(t, r.began, r.ended, fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", metric.total, job)) {
			if samples[0] != 0 {
				t.Errorf("%s%s of job %s: got samples %v, want 0 first", metric.total, labels, job, samples)
			}
			if !slices.IsSorted(samples) {
				t.Errorf("%s%s of job %s: got samples %v, want none to fall", metric.total, labels, job, samples)
			}
		}
	}
}

// checkUp makes sure that no scrape and no poll failed.
func (r run) checkUp(t *testing.T, job string) {
	t.Helper()
	for _, metric := range []string{"up", "huaweicloud_meeting_up"} {
		expression := fmt.Sprintf("min_over_time(%s{job=%q}[%dms])", metric, job, r.ended.Sub(r.began).Milliseconds())
		if diff := cmp.Diff(series{"{}": 1}, r.at(t, r.ended, expression)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}

// checkHistograms compares the histograms with the truth in both forms.
func (r run) checkHistograms(t *testing.T, truth distributions) {
	t.Helper()
	for metric, values := range map[string]map[string][]float64{
		"huaweicloud_meeting_ended_duration_seconds": truth.durations,
		"huaweicloud_meeting_ended_participants":     truth.participants,
	} {
		for expression, want := range map[string]series{
			fmt.Sprintf("%s_count{job=%q}", metric, classicJob):            counts(values),
			fmt.Sprintf("%s_sum{job=%q}", metric, classicJob):              added(values),
			fmt.Sprintf("histogram_count(%s{job=%q})", metric, nativeJob):  counts(values),
			fmt.Sprintf("histogram_sum(%s{job=%q})", metric, nativeJob):    added(values),
			fmt.Sprintf("%s_bucket{job=%q, le='+Inf'}", metric, nativeJob): {},
			fmt.Sprintf("histogram_count(%s{job=%q})", metric, classicJob): {},
		} {
			if diff := cmp.Diff(want, r.at(t, r.ended, expression)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", expression, diff)
			}
		}
	}
}
