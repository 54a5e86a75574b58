package simulator_test

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// week is the history of the demo: 8 days of meetings. It is read only.
var week = sync.OnceValue(func() []simulator.Record { return simulator.New(generated(1500)).Records(noon) })

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestMeetingsDependOnSeedAndTime(t *testing.T) {
	cfg := generated(300)
	cfg.Start = noon.AddDate(0, 0, -5)
	want := simulator.New(cfg).Records(noon)

	s := simulator.New(cfg)
	a := signedIn(t, s)
	for _, days := range []int{2, 4, 1, 5} {
		a.rows("startDate=" + millis(noon.AddDate(0, 0, -days)) + "&endDate=" + millis(noon.AddDate(0, 0, 1-days)))
	}
	s.Window(noon.AddDate(0, 0, -3), time.Hour)
	if !reflect.DeepEqual(want, s.Records(noon)) {
		t.Error("the meetings depend on earlier requests")
	}

	cfg.Start = noon.AddDate(0, 0, -2)
	later := slices.DeleteFunc(slices.Clone(want), func(r simulator.Record) bool { return r.Start.Before(cfg.Start) })
	if got := simulator.New(cfg).Records(noon); !reflect.DeepEqual(later, got) {
		t.Errorf("a later start gave %d meetings, want %d", len(got), len(later))
	}

	cfg.Seed++
	if reflect.DeepEqual(later, simulator.New(cfg).Records(noon)) {
		t.Error("another seed gave the same meetings")
	}
}

func TestWorldwideEnds(t *testing.T) {
	records := slices.Clone(week())
	slices.SortFunc(records, func(x, y simulator.Record) int { return x.End.Compare(y.End) })
	// The first hours lack the meetings that began before the history.
	complete := noon.AddDate(0, 0, -7)
	perHour, perDay := make(map[time.Time]int), make(map[string]int)
	var last time.Time
	for _, r := range records {
		perHour[r.End.Truncate(time.Hour)]++
		perDay[r.ConfType+" on "+r.End.Weekday().String()]++
		if last.After(complete) {
			between(t, "gap before "+r.End.String(), r.End.Sub(last), 0, 6*time.Minute)
		}
		last = r.End
	}
	for hour := complete; hour.Before(noon); hour = hour.Add(time.Hour) {
		between(t, "ends in the hour from "+hour.String(), perHour[hour], 40, 90)
	}
	equal(t, "pairs of type and day", len(perDay), 3*7)
	for what, n := range perDay {
		between(t, what, n, 10, len(records))
	}
}

func TestOneOfficeFollowsItsClock(t *testing.T) {
	cfg := generated(1000)
	cfg.Worldwide = false
	perDay, perHour := make(map[time.Weekday]int), make(map[int]int)
	local := time.FixedZone("", 8*3600)
	from := time.Date(2025, 3, 7, 0, 0, 0, 0, local)
	for _, r := range simulator.New(cfg).Records(noon) {
		if end := r.End.In(local); !end.Before(from) && end.Before(from.AddDate(0, 0, 7)) {
			perDay[end.Weekday()]++
			perHour[end.Hour()]++
		}
	}
	for day, n := range perDay {
		if day == time.Saturday || day == time.Sunday {
			between(t, day.String(), n, 30, 150)
		} else {
			between(t, day.String(), n, 850, 1150)
		}
	}
	if perHour[12]*3 > perHour[10]*2 || perHour[12]*3 > perHour[15]*2 || perHour[3]*20 > perHour[10] {
		t.Errorf("lunch or night is too busy: %v", perHour)
	}
	equal(t, "hours in which meetings end", len(perHour), 24)
}

func TestEnterpriseIsPlausible(t *testing.T) {
	records := week()
	between(t, "meetings in 8 days", len(records), 8*1300, 8*1700)
	var (
		uuids       = make(map[string]bool)
		lastHeld    = make(map[string]time.Time)
		heldAgain   = make(map[string]int)
		departments = make(map[string]int)
		perKind     = make(map[string]map[string]bool) // departments
		shares      = make(map[string]int)
		invited     []int
	)
	count := func(what string, is bool) {
		if is {
			shares[what]++
		}
	}
	for _, r := range records {
		if uuids[r.ConfUUID] || len(r.ConfUUID) != 32 || r.ConfUUID[12] != '1' {
			t.Fatalf("confUUID %q", r.ConfUUID)
		}
		uuids[r.ConfUUID] = true
		equal(t, "time of "+r.ConfUUID, timeOf(t, r.ConfUUID), r.Start)

		kind := r.ConfType
		if r.Webinar != nil && *r.Webinar {
			kind = "webinar"
			between(t, "people in a webinar", *r.NormalCount, 40, 1000)
		}
		if kind == "CYCLE" {
			between(t, "time between occurrences", r.Start.Sub(lastHeld[r.ConferenceID]), 23*time.Hour, math.MaxInt64)
			lastHeld[r.ConferenceID] = r.Start
			heldAgain[r.ConferenceID]++
		}
		if perKind[kind] == nil {
			perKind[kind] = make(map[string]bool)
		}
		perKind[kind][r.DeptName] = true
		departments[r.DeptName]++
		invited = append(invited, *r.NormalCount)

		length, delay := r.End.Sub(r.Start), r.ListedAt.Sub(r.End)
		between(t, "length", length, 1, 9*time.Hour)
		between(t, "delay of the listing", delay, 30*time.Second, 45*time.Second)
		equal(t, "fraction of a second", delay%time.Second, 0)
		if *r.IsHasRecordFile {
			between(t, "delay of the recording", r.RecordingAt.Sub(r.ListedAt), 2*time.Minute, 12*time.Minute)
		}
		count("short", length <= 2*time.Minute)
		count("long", length >= 3*time.Hour)
		count("with terminals", *r.TerminalCount > 0)
		count("recorded", *r.IsHasRecordFile)
		count("ending next day", r.Start.Day() != r.End.Day())
		count("late in the half hour", r.End.Minute()%30 >= 15)
	}
	between(t, "departments", len(departments), 10, 14)
	if departments["研发部"] < 10*departments["法务部"] || departments[""] == 0 {
		t.Errorf("departments %v", departments)
	}
	if got := sortedKeys(perKind); !slices.Equal(got, []string{"CYCLE", "FUTURE", "IMMEDIATELY", "webinar"}) {
		t.Errorf("kinds %v", got)
	}
	for kind, in := range perKind {
		between(t, "departments with "+kind, len(in), 10, 14)
	}
	between(t, "occurrences of a series", slices.Max(slices.Collect(maps.Values(heldAgain))), 5, 8)
	slices.Sort(invited)
	between(t, "median of the invited", invited[len(invited)/2], 4, 6)
	between(t, "most invited", invited[len(invited)-1], 200, 1000)
	for what, percent := range map[string][2]int{
		"short":                 {3, 15},
		"long":                  {1, 4},
		"with terminals":        {10, 40},
		"recorded":              {4, 20},
		"ending next day":       {1, 10},
		"late in the half hour": {55, 70},
	} {
		between(t, "per cent "+what, 100*shares[what]/len(records), percent[0], percent[1])
	}
}

// timeOf returns the second of a version 1 UUID.
func timeOf(t *testing.T, uuid string) time.Time {
	t.Helper()
	ticks, err := strconv.ParseInt(uuid[13:16]+uuid[8:12]+uuid[:8], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(ticks/864e9)).
		Add(time.Duration(ticks%864e9) * 100).Truncate(time.Second)
}

func TestPagesOfManyRecordsAreFast(t *testing.T) {
	cfg := generated(1500)
	cfg.History = 14 * 24 * time.Hour
	a := signedIn(t, simulator.New(cfg))
	between(t, "records", a.rows("").Count, 20000, 30000)
	begin := time.Now()
	a.rows("offset=15000&limit=500")
	// A generous bound, for busy machines and the race detector.
	between(t, "time for a page of 500", time.Since(begin), 0, 3*time.Second)
}
