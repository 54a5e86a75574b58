package meeting_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func valid() meeting.Meeting {
	return meeting.Meeting{UUID: "u", Start: now.Add(-time.Hour), End: now.Add(-time.Minute)}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*meeting.Meeting)
		want  meeting.Defect
	}{
		"valid":                         {func(*meeting.Meeting) {}, meeting.Valid},
		"no duration is legal":          {func(m *meeting.Meeting) { m.End = m.Start }, meeting.Valid},
		"no UUID":                       {func(m *meeting.Meeting) { m.UUID = "" }, meeting.BadUUID},
		"no UUID comes before no times": {func(m *meeting.Meeting) { *m = meeting.Meeting{} }, meeting.BadUUID},
		"no start":                      {func(m *meeting.Meeting) { m.Start = time.Time{} }, meeting.BadTime},
		"no end":                        {func(m *meeting.Meeting) { m.End = time.Time{} }, meeting.BadTime},
		"end a day ahead":               {func(m *meeting.Meeting) { m.Start = now; m.End = now.Add(24 * time.Hour) }, meeting.Valid},
		"end more than a day ahead":     {func(m *meeting.Meeting) { m.Start = now; m.End = now.Add(24*time.Hour + time.Minute) }, meeting.BadTime},
		"31 days":                       {func(m *meeting.Meeting) { m.Start = m.End.Add(-31 * 24 * time.Hour) }, meeting.Valid},
		"more than 31 days":             {func(m *meeting.Meeting) { m.Start = m.End.Add(-31*24*time.Hour - time.Minute) }, meeting.BadTime},
		"end before start":              {func(m *meeting.Meeting) { m.End = m.Start.Add(-time.Minute) }, meeting.BadOrder},
	} {
		t.Run(name, func(t *testing.T) {
			m := valid()
			c.spoil(&m)
			if got := m.Validate(now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestDefectsAreLabelValues(t *testing.T) {
	var got []string
	for _, d := range meeting.Defects() {
		got = append(got, d.String())
	}
	if want := []string{"uuid", "time", "order", "number", "state"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNewCount(t *testing.T) {
	for _, n := range []float64{0, 1, meeting.MaxCount} {
		if got, ok := meeting.NewCount(n); !ok || float64(got) != n {
			t.Errorf("NewCount(%v) = %v, %v", n, got, ok)
		}
	}
	for _, n := range []float64{-1, 0.5, meeting.MaxCount + 1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got, ok := meeting.NewCount(n); ok || got != meeting.Absent {
			t.Errorf("NewCount(%v) = %v, %v; want absent", n, got, ok)
		}
	}
}

func TestDepartment(t *testing.T) {
	for name, want := range map[string]string{
		"":                              "unknown",
		" \t\n":                         "unknown",
		"  研发部 ":                        "研发部",
		"R\xff&D":                       "R\uFFFD&D",
		strings.Repeat("部", 200):        strings.Repeat("部", 128),
		strings.Repeat("a", 127) + " b": strings.Repeat("a", 127),
	} {
		if got := meeting.Department(name); got != want {
			t.Errorf("Department(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		webinar        bool
		confType       string
		conferenceType meeting.Count
		want           meeting.Type
	}{
		{true, "FUTURE", 0, meeting.Webinar},
		{false, "IMMEDIATELY", 0, meeting.Immediate},
		{false, "FUTURE", 2, meeting.Scheduled},
		{false, "CYCLE", 0, meeting.Recurring},
		{false, "", 2, meeting.Recurring},
		{false, "", 0, meeting.Other},
		{false, "", meeting.Absent, meeting.Other},
		{false, "NEW_ONE", 2, meeting.Other},
	} {
		if got := meeting.Classify(c.webinar, c.confType, c.conferenceType); got != c.want {
			t.Errorf("Classify(%v, %q, %v) = %v, want %v", c.webinar, c.confType, c.conferenceType, got, c.want)
		}
	}
}
