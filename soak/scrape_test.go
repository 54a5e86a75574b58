package soak_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// series names one sample.
type series struct {
	name string
	labels
}

func (s series) String() string { return fmt.Sprintf("%s{%s, %s}", s.name, s.department, s.kind) }

// samples are what a scrape shows; of a histogram, its count and sum.
type samples map[series]float64

const prefix = "huaweicloud_meeting_"

// readSamples reads gathered families, and when each counter was created.
func readSamples(families []*dto.MetricFamily) (samples, map[series]time.Time) {
	read, created := samples{}, map[series]time.Time{}
	for _, family := range families {
		name := strings.TrimPrefix(family.GetName(), prefix)
		for _, m := range family.GetMetric() {
			s := series{name: name}
			for _, l := range m.GetLabel() {
				if l.GetName() == "department" {
					s.department = l.GetValue()
				} else {
					s.kind = l.GetValue()
				}
			}
			if h := m.GetHistogram(); h != nil {
				read[series{name + "_count", s.labels}] = float64(h.GetSampleCount())
				read[series{name + "_sum", s.labels}] = h.GetSampleSum()
				continue
			}
			if c := m.GetCounter(); c != nil {
				created[s] = c.GetCreatedTimestamp().AsTime()
			}
			read[s] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return read, created
}

// textOf is a scrape as text, for the trace.
func textOf(families []*dto.MetricFamily) string {
	text := time.Now().UTC().AppendFormat(nil, "Jan 02 15:04:05.000000000")
	for _, family := range families {
		text = append(text, family.GetName()...)
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				text = append(append(text, ' '), l.GetValue()...)
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
			text = strconv.AppendFloat(append(text, ' '), value, 'g', -1, 64)
		}
	}
	return string(text)
}

// cumulative tells that a sample may never fall.
func (s series) cumulative() bool {
	return strings.HasSuffix(s.name, "_total") || strings.HasSuffix(s.name, "_count") || strings.HasSuffix(s.name, "_sum")
}

// differences tells, in order, where samples are not as expected.
func differences(got, want samples) (lines []string) {
	all := maps.Clone(want)
	maps.Copy(all, got)
	for s := range all {
		g, shown := got[s]
		if w, expected := want[s]; g != w || shown != expected {
			lines = append(lines, fmt.Sprintf("%v is %v (shown: %v), the rules say %v (shown: %v)", s, g, shown, w, expected))
		}
	}
	slices.Sort(lines)
	if most := 10; len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return lines
}

// audience is who scrapes one life of the storage: it knows only what it saw.
type audience struct {
	seen    samples
	created map[series]time.Time
	zero    map[series]time.Time // when a series was first seen, at 0
}

func newAudience() *audience {
	return &audience{seen: samples{}, created: map[series]time.Time{}, zero: map[series]time.Time{}}
}

// look takes in a scrape and tells what must never be: a counter that falls, a
// series that does not begin at 0 or leaves it too soon, or one that was
// created anew. The sets of the baseline are not held: born tells the sets of
// which that is so.
func (a *audience) look(got samples, created map[series]time.Time, hold time.Duration, born func(labels) bool) (wrong []string) {
	now := time.Now()
	for s, value := range got {
		before, known := a.seen[s]
		switch first := a.zero[s]; {
		case !s.cumulative():
			continue
		case value < before:
			wrong = append(wrong, fmt.Sprintf("%v fell from %v to %v", s, before, value))
		case s.department == "" || born(s.labels): // histograms and the baseline's sets
		case !known && value != 0:
			wrong = append(wrong, fmt.Sprintf("%v is new and not 0 but %v", s, value))
		case !known:
			a.zero[s] = now
		case before == 0 && value > 0 && now.Sub(first) < hold:
			wrong = append(wrong, fmt.Sprintf("%v left its 0 only %v after that was served", s, now.Sub(first)))
		}
		a.seen[s] = value
	}
	for s := range a.seen {
		if _, still := got[s]; s.cumulative() && !still {
			wrong = append(wrong, fmt.Sprintf("%v is gone", s))
		}
	}
	if _, begun := got[series{name: "last_success_timestamp_seconds"}]; !begun {
		created = nil // a ledger into which nothing came yet may begin anew
	}
	for s, at := range created {
		if before, known := a.created[s]; known && !at.Equal(before) {
			wrong = append(wrong, fmt.Sprintf("%v was created anew", s))
		}
		a.created[s] = at
	}
	slices.Sort(wrong)
	return wrong
}

// sums returns the counters by label set, and over all.
func (a *audience) sums() (byLabels map[labels]amounts, all amounts) {
	byLabels = map[labels]amounts{}
	for s, value := range a.seen {
		if i := slices.Index(totalNames[:], s.name); i >= 0 {
			sums := byLabels[s.labels]
			sums[i] = int64(value)
			byLabels[s.labels] = sums
			all[i] += int64(value)
		}
	}
	return byLabels, all
}
