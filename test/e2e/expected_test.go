package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"huaweicloud_meeting_exporter/simulator"
)

// totals are sums over meetings, by label set.
type totals = map[simulator.Labels]simulator.Totals

// sums are the metrics that sum meetings by label set.
var sums = []struct {
	gauge, counter string
	of             func(simulator.Totals) int64
}{
	{"recent_meetings", "ended_meetings_total", func(t simulator.Totals) int64 { return t.Meetings }},
	{"recent_duration_seconds", "duration_seconds_total", func(t simulator.Totals) int64 { return t.DurationSeconds }},
	{"recent_participants", "participants_total", func(t simulator.Totals) int64 { return t.Participants }},
	{"recent_terminals", "terminals_total", func(t simulator.Totals) int64 { return t.Terminals }},
	{"recent_recorded_meetings", "recorded_meetings_total", func(t simulator.Totals) int64 { return t.Recorded }},
}

// metrics are the series of several metrics, by name without the prefix.
type metrics map[string]series

// different returns how the series that were read differ from these, or "".
func (m metrics) different(read reader) string {
	for metric, want := range m {
		if diff := cmp.Diff(want, read(metric)); diff != "" {
			return fmt.Sprintf("%s (-want +got):\n%s", metric, diff)
		}
	}
	return ""
}

// counters and gauges return the metrics that show the totals.
func counters(t totals) metrics {
	m := metrics{}
	for _, sum := range sums {
		m[sum.counter] = seriesOf(t, sum.of)
	}
	return m
}

func gauges(t totals) metrics {
	m := metrics{}
	for _, sum := range sums {
		m[sum.gauge] = seriesOf(t, sum.of)
	}
	return m
}

func seriesOf(all totals, of func(simulator.Totals) int64) series {
	values := series{}
	for l, t := range all {
		values[dims(l)] = float64(of(t))
	}
	return values
}

// dims formats a label set of the simulator.
func dims(l simulator.Labels) string {
	return labelSet(model.LabelSet{"department": model.LabelValue(l.Department), "conference_type": model.LabelValue(l.ConferenceType)})
}

// increase returns what was added between two states of a service. It has every
// label set of the later state, if only with zeros.
func increase(before, after totals) totals {
	added := totals{}
	for labels, a := range after {
		b := before[labels]
		added[labels] = simulator.Totals{
			Meetings:        a.Meetings - b.Meetings,
			DurationSeconds: a.DurationSeconds - b.DurationSeconds,
			Participants:    a.Participants - b.Participants,
			Terminals:       a.Terminals - b.Terminals,
			Recorded:        a.Recorded - b.Recorded,
		}
	}
	return added
}

// observations are the values that the histograms observe, by metric and
// conference type.
type observations map[string]map[string][]float64

// observe returns what the histograms observe of records. firstSeen holds, by
// confUUID, the participants of records that changed after they were counted.
func observe(records []simulator.Record, firstSeen map[string]int) observations {
	durations, participants := map[string][]float64{}, map[string][]float64{}
	for _, t := range []string{"immediate", "scheduled", "recurring", "webinar", "other"} {
		durations[t], participants[t] = nil, nil
	}
	for _, r := range records {
		t := map[string]string{"IMMEDIATELY": "immediate", "FUTURE": "scheduled", "CYCLE": "recurring"}[r.ConfType]
		if r.Webinar != nil && *r.Webinar {
			t = "webinar"
		}
		durations[t] = append(durations[t], r.End.Truncate(time.Minute).Sub(r.Start.Truncate(time.Minute)).Seconds())
		if first, ok := firstSeen[r.ConfUUID]; ok {
			participants[t] = append(participants[t], float64(first))
		} else if r.NormalCount != nil {
			participants[t] = append(participants[t], float64(*r.NormalCount))
		}
	}
	return observations{"ended_duration_seconds": durations, "ended_participants": participants}
}

// counts and sums return the counts and the sums of the histograms.
func (o observations) counts() metrics {
	return o.each(func(values []float64) float64 { return float64(len(values)) })
}

func (o observations) sums() metrics {
	return o.each(func(values []float64) (sum float64) {
		for _, v := range values {
			sum += v
		}
		return sum
	})
}

func (o observations) each(of func([]float64) float64) metrics {
	m := metrics{}
	for metric, byType := range o {
		m[metric] = series{}
		for t, values := range byType {
			m[metric][fmt.Sprintf("{conference_type=%q}", t)] = of(values)
		}
	}
	return m
}

// expected is what an exporter should show of an enterprise.
type expected struct {
	counters   totals
	gauges     func(at time.Time) totals
	histograms observations
}

// expected returns what is expected of the records listed now. Records that the
// test adds later do not change it.
func (e *enterprise) expected() expected {
	now := e.now()
	listed := e.Listed(now)
	return expected{
		counters: increase(e.baseline, listed),
		gauges: func(at time.Time) totals {
			// This window begins where the one of the exporter begins, which is
			// later than e.now by now.
			shown := e.Window(now, window-at.Sub(now))
			for labels := range listed {
				if _, ok := shown[labels]; !ok {
					shown[labels] = simulator.Totals{}
				}
			}
			return shown
		},
		histograms: observe(e.newRecords(), nil),
	}
}

// different returns how a scrape differs from what is expected, or "".
func (x expected) different(s scrape) string {
	for _, m := range []metrics{counters(x.counters), gauges(x.gauges(s.at))} {
		if different := m.different(s.series); different != "" {
			return different
		}
	}
	return x.histograms.counts().different(func(metric string) series { return s.series(metric + "_count") })
}

// check compares the exporter's page with what is expected.
func (x expected) check(t *testing.T, when string, s scrape) {
	t.Helper()
	if different := x.different(s); different != "" {
		t.Errorf("%s: %s", when, different)
	}
}

// await waits until the exporter's page shows what is expected.
func (x expected) await(t *testing.T, exporterURL string) scrape {
	t.Helper()
	return awaitScrape(t, 2*deadline, exporterURL, x.different)
}
