package simulator_test

import (
	"cmp"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

type sums = map[simulator.Labels]simulator.Totals

// sumRows adds up the rows that the service lists now: all, and those that end
// after an instant.
func sumRows(t *testing.T, a *api, after time.Time) (all, recent sums) {
	t.Helper()
	var got struct {
		Count int
		Data  []struct {
			StartTime, EndTime, DeptName, ConfType string
			NormalCount, TerminlCount              int64
			Webinar, IsHasRecordFile               bool
		}
	}
	all, recent = make(sums), make(sums)
	for offset := 0; offset == 0 || offset < got.Count; offset += len(got.Data) {
		got.Data = nil
		a.list("limit=500&offset="+strconv.Itoa(offset)).decode(t, &got)
		for _, r := range got.Data {
			start, err1 := time.Parse("2006-01-02 15:04", r.StartTime)
			end, err2 := time.Parse("2006-01-02 15:04", r.EndTime)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			l := simulator.Labels{Department: cmp.Or(strings.TrimSpace(r.DeptName), "unknown")}
			l.ConferenceType = map[string]string{"IMMEDIATELY": "immediate", "FUTURE": "scheduled", "CYCLE": "recurring"}[r.ConfType]
			if r.Webinar {
				l.ConferenceType = "webinar"
			}
			sum := simulator.Totals{Meetings: 1, DurationSeconds: int64(end.Sub(start).Seconds()), Participants: r.NormalCount, Terminals: r.TerminlCount}
			if r.IsHasRecordFile {
				sum.Recorded = 1
			}
			all[l] = plus(all[l], sum)
			if end.After(after) {
				recent[l] = plus(recent[l], sum)
			}
		}
	}
	return all, recent
}

func plus(a, b simulator.Totals) simulator.Totals {
	return simulator.Totals{
		Meetings: a.Meetings + b.Meetings, DurationSeconds: a.DurationSeconds + b.DurationSeconds,
		Participants: a.Participants + b.Participants, Terminals: a.Terminals + b.Terminals, Recorded: a.Recorded + b.Recorded,
	}
}

func TestTotalsMatchTheRows(t *testing.T) {
	var c clock
	cfg := generated(100)
	cfg.Now, cfg.History = c.now, 3*24*time.Hour
	s := simulator.New(cfg)
	a := signedIn(t, s)
	for range 2 {
		now := c.now()
		all, recent := sumRows(t, a, now.Add(-24*time.Hour))
		if diff := gocmp.Diff(all, s.Listed(now)); diff != "" {
			t.Errorf("listed at %v: %s", now, diff)
		}
		if diff := gocmp.Diff(recent, s.Window(now, 24*time.Hour)); diff != "" {
			t.Errorf("window at %v: %s", now, diff)
		}
		c.advance(3*time.Hour + 7*time.Second)
	}
}

func TestTotalsLabels(t *testing.T) {
	long := strings.Repeat("部", 129)
	for _, c := range []struct {
		record                     simulator.Record
		department, conferenceType string
	}{
		{simulator.Record{DeptName: "A", ConfType: "IMMEDIATELY", Webinar: new(true)}, "A", "webinar"},
		{simulator.Record{DeptName: " A ", ConfType: "IMMEDIATELY", Webinar: new(false)}, "A", "immediate"},
		{simulator.Record{DeptName: " ", ConfType: "FUTURE"}, "unknown", "scheduled"},
		{simulator.Record{DeptName: long, ConfType: "CYCLE"}, long[:128*3], "recurring"},
		{simulator.Record{DeptName: long[:127*3] + "   B"}, long[:127*3], "other"},
		{simulator.Record{DeptName: " A\xff\xfe\n"}, "A\uFFFD\uFFFD", "other"},
		{simulator.Record{ConferenceType: new(2)}, "unknown", "recurring"},
		{simulator.Record{ConferenceType: new(0)}, "unknown", "other"},
		{simulator.Record{ConfType: "NEW", ConferenceType: new(2)}, "unknown", "other"},
		{simulator.Record{}, "unknown", "other"},
	} {
		want := sums{{Department: c.department, ConferenceType: c.conferenceType}: {Meetings: 1}}
		c.record.Start, c.record.End = noon.Add(-time.Hour), noon.Add(-time.Hour)
		s := withRecords(c.record)
		if diff := gocmp.Diff(want, s.Listed(noon)); diff != "" {
			t.Error(diff)
		}
		// The exporter makes the same label of what the row shows.
		row := signedIn(t, s).rows("").Data[0]
		equal(t, "department", meeting.Department(row["deptName"].(string)), c.department)
	}
}

func TestTotalsUseTheTimesOfTheRow(t *testing.T) {
	end := noon.Add(-time.Hour).Add(59 * time.Second)
	s := withRecords(simulator.Record{Start: end.Add(-50 * time.Second), End: end, TerminalCount: new(2)}) // 11:00 to 11:00
	want := sums{{Department: "unknown", ConferenceType: "other"}: {Meetings: 1, Terminals: 2}}
	if diff := gocmp.Diff(want, s.Window(noon, time.Hour+time.Second)); diff != "" {
		t.Error(diff)
	}
	equal(t, "an end exactly one window ago", len(s.Window(noon, time.Hour)), 0)
	equal(t, "listed at its end", len(s.Listed(end)), 0)
}
