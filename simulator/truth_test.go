package simulator_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/simulator"
)

type sums = map[simulator.Labels]simulator.Totals

// recount adds up the rows that the service lists now, all and those whose end
// is after an instant, as a reader of the API would.
func recount(t *testing.T, a *api, after time.Time) (all, recent sums) {
	t.Helper()
	all, recent = make(sums), make(sums)
	for offset := 0; ; {
		got := a.rows("limit", "500", "offset", strconv.Itoa(offset))
		for _, r := range got.Data {
			start, err1 := time.Parse("2006-01-02 15:04", r["startTime"].(string))
			end, err2 := time.Parse("2006-01-02 15:04", r["endTime"].(string))
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			l := simulator.Labels{Department: strings.TrimSpace(r["deptName"].(string))}
			if l.Department == "" {
				l.Department = "unknown"
			}
			l.ConferenceType = map[any]string{
				"IMMEDIATELY": "immediate", "FUTURE": "scheduled", "CYCLE": "recurring",
			}[r["confType"]]
			if r["webinar"] == true {
				l.ConferenceType = "webinar"
			}
			all[l] = plus(all[l], r, end.Sub(start))
			if end.After(after) {
				recent[l] = plus(recent[l], r, end.Sub(start))
			}
		}
		if offset += len(got.Data); offset >= got.Count {
			return all, recent
		}
	}
}

func plus(sum simulator.Totals, r row, length time.Duration) simulator.Totals {
	sum.Meetings++
	sum.DurationSeconds += int64(length.Seconds())
	sum.Participants += int64(r["normalCount"].(float64))
	sum.Terminals += int64(r["terminlCount"].(float64))
	if r["isHasRecordFile"] == true {
		sum.Recorded++
	}
	return sum
}

func TestTruthAgreesWithWhatTheServiceLists(t *testing.T) {
	var c clock
	cfg := demo()
	cfg.Now, cfg.MeetingsPerDay, cfg.History = c.now, 100, 3*24*time.Hour
	s := simulator.New(cfg)
	a := signedIn(t, s)
	for range 2 {
		now := c.now()
		all, recent := recount(t, a, now.Add(-24*time.Hour))
		if diff := cmp.Diff(all, s.Listed(now)); diff != "" {
			t.Errorf("listed at %v: %s", now, diff)
		}
		if diff := cmp.Diff(recent, s.Window(now, 24*time.Hour)); diff != "" {
			t.Errorf("window at %v: %s", now, diff)
		}
		c.advance(3*time.Hour + 7*time.Second)
	}
}

func TestTruthNamesTypesAndDepartments(t *testing.T) {
	long := strings.Repeat("部", 129)
	for _, c := range []struct {
		record simulator.Record
		want   simulator.Labels
	}{
		{simulator.Record{DeptName: "A", ConfType: "IMMEDIATELY", Webinar: new(true)}, simulator.Labels{Department: "A", ConferenceType: "webinar"}},
		{simulator.Record{DeptName: " A ", ConfType: "IMMEDIATELY", Webinar: new(false)}, simulator.Labels{Department: "A", ConferenceType: "immediate"}},
		{simulator.Record{DeptName: " ", ConfType: "FUTURE"}, simulator.Labels{Department: "unknown", ConferenceType: "scheduled"}},
		{simulator.Record{DeptName: long, ConfType: "CYCLE"}, simulator.Labels{Department: long[:128*3], ConferenceType: "recurring"}},
		{simulator.Record{ConferenceType: new(2)}, simulator.Labels{Department: "unknown", ConferenceType: "recurring"}},
		{simulator.Record{ConferenceType: new(0)}, simulator.Labels{Department: "unknown", ConferenceType: "other"}},
		{simulator.Record{ConfType: "NEW", ConferenceType: new(2)}, simulator.Labels{Department: "unknown", ConferenceType: "other"}},
		{simulator.Record{}, simulator.Labels{Department: "unknown", ConferenceType: "other"}},
	} {
		s := simulator.New(open())
		s.Add(c.record)
		if diff := cmp.Diff(sums{c.want: {Meetings: 1}}, s.Listed(noon)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTruthUsesTheTimesOfTheRow(t *testing.T) {
	s := simulator.New(open())
	end := noon.Add(-time.Hour).Add(59 * time.Second)
	s.Add(simulator.Record{Start: end.Add(-50 * time.Second), End: end, TerminalCount: new(2)}) // 11:00 to 11:00
	key := simulator.Labels{Department: "unknown", ConferenceType: "other"}
	want := sums{key: {Meetings: 1, Terminals: 2}}
	if diff := cmp.Diff(want, s.Window(noon, time.Hour+time.Second)); diff != "" {
		t.Error(diff)
	}
	if got := s.Window(noon, time.Hour); len(got) != 0 {
		t.Errorf("an end exactly a window ago is inside: %v", got)
	}
	if got := s.Listed(end); len(got) != 0 {
		t.Errorf("listed at its end: %v", got)
	}
}
