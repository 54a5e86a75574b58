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

func TestPrometheusTotals(t *testing.T) {
	t.Parallel()
	e := newEnterprise(t, simulator.Config{
		Seed: 7, MeetingsPerDay: 40_000, Worldwide: true, History: 2 * time.Hour, PublicationDelay: time.Second,
	})
	_, exporterURL := serve(t, append(signIn(t, e.url, testAppKey), forScrapes...)...)
	awaitReady(t, exporterURL)
	r := record(t, e, exporterURL, time.Second)

	e.resume()
	own := publishOwn(e)
	r.changeOwn(t, e)
	awaitTime(t, own[len(own)-1].RecordingAt)
	e.stop()

	x := e.expected()
	x.histograms = observe(e.newRecords(), map[string]int{"rises": 3, "falls": 9})
	x.raise(existing, 9-4) // a counter does not follow what falls
	byHand := simulator.Totals{Meetings: 3, DurationSeconds: 3 * 7 * 60, Participants: 4 + 5, Terminals: 2 + 2, Recorded: 1}
	if diff := cmp.Diff(byHand, x.counters[founded]); diff != "" {
		t.Fatalf("what is expected is wrong (-want +got):\n%s", diff)
	}
	if got := len(e.newRecords()); got <= len(own) {
		t.Fatalf("got %d new meetings, want more than the test's own %d", got, len(own))
	}
	r.awaitExpected(t, x)
	r.check(t, x)
	for _, metric := range []string{"up", "huaweicloud_meeting_up"} {
		expression := fmt.Sprintf("min by () (min_over_time(%s[%dms]))", metric, r.ended.Sub(r.began).Milliseconds())
		if diff := cmp.Diff(series{"{}": 1}, r.query(t, r.ended, expression)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}

// publishOwn adds meetings that differ from the simulated ones. The last one is
// of a new department, and its recording appears last.
func publishOwn(e *enterprise) []simulator.Record {
	now := time.Now()
	noNumbers := ended("no numbers", founded, 0, now)
	noNumbers.NormalCount, noNumbers.TerminalCount = nil, nil
	last := ended("last", founded, 5, now.Add(4*time.Second))
	last.IsHasRecordFile, last.RecordingAt = new(true), now.Add(6*time.Second)
	records := []simulator.Record{
		ended("rises", existing, 3, now),
		ended("falls", existing, 9, now),
		endedBefore(ended("late", existing, 6, now), 80*time.Minute),
		noNumbers,
		ended("second", founded, 4, now.Add(time.Second)),
		last,
	}
	e.Add(records...)
	return records
}

// raise adds participants that a counter shows beyond those listed now.
func (x expected) raise(labels simulator.Labels, participants int64) {
	t := x.counters[labels]
	t.Participants += participants
	x.counters[labels] = t
}

// recording is what a Prometheus scraped between two times.
type recording struct {
	prometheus
	began, ended time.Time
}

// record starts a Prometheus and waits until it has scraped the baseline.
func record(t *testing.T, e *enterprise, exporterURL string, interval time.Duration) *recording {
	t.Helper()
	r := &recording{began: time.Now()}
	r.prometheus = startPrometheus(t, configure(t, interval, nil, exporterURL, jobs...), t.TempDir())
	want := counters(increase(e.baseline, e.baseline))
	r.await(t, func(read reader) string { return want.different(read) })
	return r
}

// await waits until problem returns "" for the current samples of both jobs.
func (r *recording) await(t *testing.T, problem func(reader) string) {
	t.Helper()
	await(t, 2*deadline, func() string {
		r.ended = time.Now()
		for _, job := range jobs {
			if left := problem(r.reader(t, r.ended, fmt.Sprintf("huaweicloud_meeting_%%s{job=%q}", job))); left != "" {
				return "job " + job + ": " + left
			}
		}
		return ""
	})
}

// awaitExpected waits until both jobs have scraped what is expected.
func (r *recording) awaitExpected(t *testing.T, x expected) {
	t.Helper()
	r.await(t, func(read reader) string {
		if different := counters(x.counters).different(read); different != "" {
			return different
		}
		return gauges(x.gauges(r.ended)).different(read)
	})
}

// awaitMeetings waits until both jobs have scraped how many meetings of a label
// set are counted.
func (r *recording) awaitMeetings(t *testing.T, labels simulator.Labels, n int64) {
	t.Helper()
	r.await(t, func(read reader) string {
		if got := read("ended_meetings_total")[dims(labels)]; got != float64(n) {
			return fmt.Sprintf("got %v ended meetings of %v, want %d", got, labels, n)
		}
		return ""
	})
}

// changeOwn edits meetings once both jobs have scraped them unchanged.
func (r *recording) changeOwn(t *testing.T, e *enterprise) {
	t.Helper()
	r.awaitMeetings(t, existing, 3)
	for uuid, participants := range map[string]int{"before": 12, "rises": 5, "falls": 4} {
		if !e.Edit(uuid, func(r *simulator.Record) { r.NormalCount = new(participants) }) {
			t.Fatalf("no record %s to change", uuid)
		}
	}
}

// check compares increases and histograms with what is expected. It checks also
// that every series was 0 in its first sample, since no increase includes what
// came before that sample, and that no series ever fell.
func (r *recording) check(t *testing.T, x expected) {
	t.Helper()
	for _, job := range jobs {
		anchored := fmt.Sprintf("increase(huaweicloud_meeting_%%s{job=%q}[%dms] anchored)", job, r.ended.Sub(r.began).Milliseconds())
		r.checkMetrics(t, counters(x.counters), anchored)
		for _, sum := range sums {
			r.checkRise(t, job, sum.counter)
		}
	}
	none := metrics{"ended_duration_seconds": {}, "ended_participants": {}}
	for expression, want := range map[string]metrics{
		`huaweicloud_meeting_%s_count{job="classic"}`:            x.histograms.counts(),
		`huaweicloud_meeting_%s_sum{job="classic"}`:              x.histograms.sums(),
		`histogram_count(huaweicloud_meeting_%s{job="native"})`:  x.histograms.counts(),
		`histogram_sum(huaweicloud_meeting_%s{job="native"})`:    x.histograms.sums(),
		`huaweicloud_meeting_%s_bucket{job="native", le="+Inf"}`: none,
		`histogram_count(huaweicloud_meeting_%s{job="classic"})`: none,
	} {
		r.checkMetrics(t, want, expression)
	}
	for metric := range none {
		for _, part := range []string{"count", "sum", "bucket"} {
			r.checkRise(t, classicJob, metric+"_"+part)
		}
		r.checkRise(t, nativeJob, metric)
	}
}

// checkMetrics evaluates an expression for each metric.
func (r *recording) checkMetrics(t *testing.T, want metrics, expression string) {
	t.Helper()
	if different := want.different(r.reader(t, r.ended, expression)); different != "" {
		t.Errorf("%s: %s", strings.ReplaceAll(expression, "%s", "*"), different)
	}
}

// checkRise checks that all series of a metric were scraped at 0 first and
// never fell.
func (r *recording) checkRise(t *testing.T, job, metric string) {
	t.Helper()
	selector := fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", metric, job)
	found := r.samples(t, r.began, r.ended, selector)
	if len(found) == 0 {
		t.Errorf("%s: got no samples", selector)
	}
	for labels, samples := range found {
		if samples[0] != 0 || !slices.IsSorted(samples) {
			t.Errorf("%s with %s: got samples %v, want 0 first and none to fall", selector, labels, samples)
		}
	}
}
