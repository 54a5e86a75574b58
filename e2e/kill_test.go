package e2e_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

const (
	kills = 50
	// Kills come at first while the baseline is taken, then while records are
	// published, and last when they have changed.
	killsAtBaseline = 6
	killsAtFirst    = 24
)

// manyScrapes is an interval that gives Prometheus many chances to see the 0
// of a new series within one --history.interval, and to see what must not be.
const manyScrapes = 400 * time.Millisecond

func TestKillsNeitherLoseNorRepeatAMeeting(t *testing.T) {
	t.Parallel()
	rng := newRandom(t)
	began := time.Now()
	clock := &clock{}
	service := simulator.New(simulator.Config{
		Now: clock.Now, Seed: 7, MeetingsPerDay: 6_000, Worldwide: true,
		History: 2 * time.Hour, PublicationDelay: time.Second,
		MaxLimit: 100, // several pages
		AppID:    testAppID, AppKey: testAppKey,
	})
	service.Add(ended("before", changing, 10, began))
	stopped := clock.stop()
	baseline, known := service.Listed(stopped), uuids(service.Records(stopped))

	v := newVictim(t, rng, service, "--history.max-departments="+strconv.Itoa(departmentsOf(baseline)+1))
	v.live(t)
	for range killsAtBaseline {
		v.dieAndLive(t)
	}
	v.awaitReady(t)
	p := newPrometheusEvery(t, manyScrapes, v.web)
	await(t, slowest, func() string { return differentCounters(t, p, time.Now(), increase(baseline, baseline)) })

	clock.goOn()
	own := publish(service, time.Now())
	existing := labelsOf(baseline)
	for v.deaths < killsAtFirst {
		stream(service, rng, existing)
		v.dieAndLive(t)
	}
	change(t, service, p)
	// What comes later is one department too many.
	service.Add(ended("folded", simulator.Labels{Department: "Folded"}, 7, time.Now()))
	awaitReleased(t, p, newborn, 3)
	service.Edit("falls", func(r *simulator.Record) { r.NormalCount = new(8) }) // up again, but less than it was
	for v.deaths < kills {
		stream(service, rng, existing)
		v.dieAndLive(t)
	}
	awaitInstant(t, own[len(own)-1].RecordingAt)

	stopped = clock.stop()
	truth := fold(increase(baseline, service.Listed(stopped)))
	kept := truth[changing]
	kept.Participants += 9 - 8 // a counter does not follow what falls
	truth[changing] = kept
	counted := without(service.Records(stopped), known)
	if len(counted) <= len(own)+kills {
		t.Fatalf("got %d new meetings, want more than %d", len(counted), len(own)+kills)
	}
	var at time.Time
	await(t, 2*slowest, func() string {
		at = time.Now()
		if different := differentCounters(t, p, at, truth); different != "" {
			return different
		}
		return differentGauges(t, p, at, fold(windowAt(service, at, stopped, window)))
	})

	run := run{p, began, at}
	for _, job := range []string{classicJob, nativeJob} {
		run.checkIncrease(t, job, truth)
		run.checkSamples(t, job)
		run.checkFolded(t, job, 1)
	}
	run.checkHistograms(t, distributionsOf(counted, map[string]int{"rises": 3, "falls": 9}))
	run.checkHistogramSamples(t)
}

// stream publishes a few meetings at random instants soon, some of them long
// after their end, some with a recording that appears later still, and changes
// one that was published before.
func stream(service *simulator.Service, rng *rand.Rand, known []simulator.Labels) {
	now := time.Now()
	for range 2 + rng.IntN(6) {
		labels := oneOf(rng, known...)
		r := ended(fmt.Sprintf("streamed-%016x", rng.Uint64()), labels, rng.IntN(20), now.Add(upTo(rng, time.Second)))
		r.End = r.ListedAt.Add(-oneOf(rng, upTo(rng, time.Minute), upTo(rng, 90*time.Minute)))
		r.Start = r.End.Add(-upTo(rng, 20*time.Minute))
		r.IsHasRecordFile, r.RecordingAt = new(rng.IntN(2) == 0), r.ListedAt.Add(upTo(rng, 5*time.Second))
		r.ConfType, r.Webinar = confTypes[labels.ConferenceType], new(labels.ConferenceType == "webinar")
		service.Add(r)
	}
	service.Edit(oneOf(rng, service.Records(now)...).ConfUUID, func(r *simulator.Record) {
		if r.TerminalCount != nil {
			r.TerminalCount = new(*r.TerminalCount + rng.IntN(5))
		}
	})
}

// awaitReleased waits until both jobs have seen how many meetings are counted
// under a label set that was new.
func awaitReleased(t *testing.T, p prometheus, labels simulator.Labels, meetings int64) {
	t.Helper()
	await(t, slowest, func() string {
		for _, job := range []string{classicJob, nativeJob} {
			expression := fmt.Sprintf("huaweicloud_meeting_ended_meetings_total{job=%q, department=%q}", job, labels.Department)
			want := seriesOf(totals{labels: {Meetings: meetings}}, sums[0].of)
			if diff := cmp.Diff(want, p.at(t, time.Now(), expression)); diff != "" {
				return fmt.Sprintf("%s (-want +got):\n%s", expression, diff)
			}
		}
		return ""
	})
}

// confTypes is how rows say what the conference type is. Webinars say it in
// another field as well.
var confTypes = map[string]string{"immediate": "IMMEDIATELY", "scheduled": "FUTURE", "recurring": "CYCLE", "webinar": "FUTURE"}

// labelsOf returns the label sets of the baseline, in order, save the one of
// which change counts the meetings.
func labelsOf(baseline totals) []simulator.Labels {
	labels := slices.DeleteFunc(slices.Collect(maps.Keys(baseline)), func(l simulator.Labels) bool { return l == changing })
	slices.SortFunc(labels, func(a, b simulator.Labels) int {
		return strings.Compare(a.Department+"\n"+a.ConferenceType, b.Department+"\n"+b.ConferenceType)
	})
	return labels
}

// departmentsOf is how many departments take a place under the cap.
func departmentsOf(baseline totals) int {
	names := map[string]bool{}
	for l := range baseline {
		names[l.Department] = true
	}
	delete(names, "unknown")
	return len(names)
}

// fold moves what is of the department Folded to other.
func fold(truth totals) totals {
	moved := totals{}
	for l, sums := range truth {
		if l.Department == "Folded" {
			l.Department = "other"
		}
		moved[l] = sums
	}
	return moved
}

// checkFolded makes sure that meetings were counted under other as such.
func (r run) checkFolded(t *testing.T, job string, want float64) {
	t.Helper()
	r.checkRise(t, fmt.Sprintf("huaweicloud_meeting_folded_meetings_total{job=%q}", job))
	expression := fmt.Sprintf("huaweicloud_meeting_folded_meetings_total{job=%q}", job)
	if diff := cmp.Diff(series{"{}": want}, r.at(t, r.ended, expression)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", expression, diff)
	}
}

// checkHistogramSamples makes sure that no part of a histogram ever fell, in
// either form, and that it was seen at 0 first.
func (r run) checkHistogramSamples(t *testing.T) {
	t.Helper()
	for _, metric := range []string{"ended_duration_seconds", "ended_participants"} {
		for _, part := range []string{"count", "sum", "bucket"} {
			r.checkRise(t, fmt.Sprintf("huaweicloud_meeting_%s_%s{job=%q}", metric, part, classicJob))
		}
		r.checkRise(t, fmt.Sprintf("huaweicloud_meeting_%s{job=%q}", metric, nativeJob))
	}
}

// checkRise makes sure that all series were seen at 0 first and never fell.
func (r run) checkRise(t *testing.T, selector string) {
	t.Helper()
	found := r.samples(t, r.began, r.ended, selector)
	if len(found) == 0 {
		t.Errorf("%s: got no samples", selector)
	}
	for labels, samples := range found {
		if samples[0] != 0 || !slices.IsSorted(samples) {
			t.Errorf("%s, of which %s: got samples %v, want 0 first and none to fall", selector, labels, samples)
		}
	}
}
