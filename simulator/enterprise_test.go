package simulator_test

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// demo is the enterprise of the demo: worldwide, about 1,500 meetings a day.
func demo() simulator.Config {
	cfg := open()
	cfg.Seed, cfg.MeetingsPerDay, cfg.Worldwide = 1, 1500, true
	return cfg
}

// week is what the demo lists: 8 days of meetings. It is read only.
var week = sync.OnceValue(func() []simulator.Record { return simulator.New(demo()).Records(noon) })

func TestSameSeedGivesTheSameMeetingsWhateverWasAskedBefore(t *testing.T) {
	cfg := demo()
	cfg.MeetingsPerDay, cfg.Start = 300, noon.AddDate(0, 0, -5)
	want := simulator.New(cfg).Records(noon)

	s := simulator.New(cfg)
	a := signedIn(t, s)
	for _, days := range []int{2, 4, 1, 5} {
		a.rows("startDate", ms(noon.AddDate(0, 0, -days)), "endDate", ms(noon.AddDate(0, 0, 1-days)))
	}
	s.Window(noon.AddDate(0, 0, -3), time.Hour)
	if !reflect.DeepEqual(want, s.Records(noon)) {
		t.Error("the meetings depend on what was asked")
	}

	cfg.Seed++
	if reflect.DeepEqual(want, simulator.New(cfg).Records(noon)) {
		t.Error("another seed gave the same meetings")
	}
}

func TestHistoryIsHeldFromTheStart(t *testing.T) {
	cfg := demo()
	cfg.MeetingsPerDay = 300
	early := simulator.New(cfg).Records(noon)
	cfg.Start = noon.AddDate(0, 0, -2)
	late := simulator.New(cfg).Records(noon)
	early = slices.DeleteFunc(early, func(r simulator.Record) bool { return r.Start.Before(cfg.Start) })
	if !reflect.DeepEqual(early, late) {
		t.Errorf("%d meetings, want the %d that started later", len(late), len(early))
	}
}

func TestWorldwideEveryTypeEndsOnEveryDay(t *testing.T) {
	types := map[time.Weekday]map[string]int{}
	for _, r := range week() {
		day := r.End.Weekday()
		if types[day] == nil {
			types[day] = map[string]int{}
		}
		types[day][r.ConfType]++
	}
	for day := range time.Weekday(7) {
		for _, confType := range []string{"IMMEDIATELY", "FUTURE", "CYCLE"} {
			if types[day][confType] < 10 {
				t.Errorf("%d meetings of type %s on %ss", types[day][confType], confType, day)
			}
		}
	}
}

func TestWorldwideAMeetingEndsAboutEveryMinute(t *testing.T) {
	perHour := make(map[time.Time]int)
	var last time.Time
	records := slices.Clone(week())
	slices.SortFunc(records, func(x, y simulator.Record) int { return x.End.Compare(y.End) })
	for _, r := range records {
		perHour[r.End.Truncate(time.Hour)]++
		// The first hours lack what began before the start of the history.
		if gap := r.End.Sub(last); gap > 6*time.Minute && last.After(noon.AddDate(0, 0, -7)) {
			t.Errorf("nothing ends for %v before %v", gap, r.End)
		}
		last = r.End
	}
	for hour := noon.AddDate(0, 0, -7); hour.Before(noon); hour = hour.Add(time.Hour) {
		if n := perHour[hour]; n < 40 || n > 90 {
			t.Errorf("%d meetings end in the hour from %v", n, hour)
		}
	}
}

func TestOneOfficeWorksByItsClock(t *testing.T) {
	cfg := demo()
	cfg.MeetingsPerDay, cfg.Worldwide = 1000, false
	perDay, perHour := make(map[time.Weekday]int), make(map[int]int)
	local := time.FixedZone("", 8*3600)
	from := time.Date(2025, 3, 7, 0, 0, 0, 0, local)
	for _, r := range simulator.New(cfg).Records(noon) {
		if end := r.End.In(local); !end.Before(from) && end.Before(from.AddDate(0, 0, 7)) {
			perDay[end.Weekday()]++
			perHour[end.Hour()]++
		}
	}
	for day := range perDay {
		least, most := 850, 1150
		if day == time.Saturday || day == time.Sunday {
			least, most = 30, 150
		}
		if n := perDay[day]; n < least || n > most {
			t.Errorf("%d meetings end on a %v", n, day)
		}
	}
	if perHour[12]*3 > perHour[10]*2 || perHour[12]*3 > perHour[15]*2 || perHour[3]*20 > perHour[10] {
		t.Errorf("no course of the day: %v", perHour)
	}
	if len(perHour) != 24 {
		t.Errorf("meetings end in %d hours of the day", len(perHour))
	}
}

func TestEnterpriseIsPlausible(t *testing.T) {
	records := week()
	if n := len(records); n < 8*1300 || n > 8*1700 {
		t.Errorf("%d meetings in 8 days", n)
	}
	var (
		uuids       = make(map[string]bool)
		departments = make(map[string]int)
		perType     = make(map[string]map[string]bool)
		heldAgain   = make(map[string]int)
		lastHeld    = make(map[string]time.Time)
		invited     []int
		short, long int
		terminals   int
		recorded    int
		nextDay     int
		late        int
	)
	for _, r := range records {
		if uuids[r.ConfUUID] || len(r.ConfUUID) != 32 || r.ConfUUID[12] != '1' {
			t.Fatalf("confUUID %q", r.ConfUUID)
		}
		uuids[r.ConfUUID] = true
		if at := timeOf(t, r.ConfUUID); !at.Equal(r.Start) {
			t.Errorf("confUUID %s of %v for a start at %v", r.ConfUUID, at, r.Start)
		}
		departments[r.DeptName]++
		kind := r.ConfType
		if r.Webinar != nil && *r.Webinar {
			kind = "webinar"
			if *r.NormalCount < 40 {
				t.Errorf("a webinar for %d", *r.NormalCount)
			}
		}
		if perType[kind] == nil {
			perType[kind] = make(map[string]bool)
		}
		perType[kind][r.DeptName] = true
		if kind == "CYCLE" {
			heldAgain[r.ConferenceID]++
			if gap := r.Start.Sub(lastHeld[r.ConferenceID]); gap < 23*time.Hour {
				t.Errorf("%s is held again after %v", r.ConferenceID, gap)
			}
			lastHeld[r.ConferenceID] = r.Start
		}
		invited = append(invited, *r.NormalCount)
		switch length := r.End.Sub(r.Start); {
		case length <= 0 || length > 9*time.Hour:
			t.Errorf("a meeting of %v", length)
		case length <= 2*time.Minute:
			short++
		case length >= 3*time.Hour:
			long++
		}
		if *r.TerminalCount > 0 {
			terminals++
		}
		if *r.IsHasRecordFile {
			recorded++
			if wait := r.RecordingAt.Sub(r.ListedAt); wait < 2*time.Minute || wait > 12*time.Minute {
				t.Errorf("recording %v after the listing", wait)
			}
		}
		if delay := r.ListedAt.Sub(r.End); delay < 30*time.Second || delay > 45*time.Second || delay%time.Second != 0 {
			t.Errorf("listed %v after the end", delay)
		}
		if r.Start.Day() != r.End.Day() {
			nextDay++
		}
		if r.End.Minute()%30 >= 15 {
			late++
		}
	}
	if n := len(departments); n < 10 || n > 14 || departments["研发部"] < 10*departments["法务部"] || departments[""] == 0 {
		t.Errorf("departments %v", departments)
	}
	for _, kind := range []string{"webinar", "IMMEDIATELY", "FUTURE", "CYCLE"} {
		if n := len(perType[kind]); n < 10 {
			t.Errorf("%s in %d departments", kind, n)
		}
	}
	if len(perType) != 4 {
		t.Errorf("types %v", slices.Sorted(maps.Keys(perType)))
	}
	if slices.Max(slices.Collect(maps.Values(heldAgain))) < 5 {
		t.Error("no series is held daily")
	}
	slices.Sort(invited)
	if median, most := invited[len(invited)/2], invited[len(invited)-1]; median < 4 || median > 6 || most < 200 {
		t.Errorf("invited: median %d, most %d", median, most)
	}
	for what, share := range map[string]struct{ n, least, most int }{
		"short":            {short, 3, 15},
		"long":             {long, 1, 4},
		"with terminals":   {terminals, 10, 40},
		"recorded":         {recorded, 4, 20},
		"ending next day":  {nextDay, 1, 10},
		"late in the half": {late, 55, 70},
	} {
		if percent := 100 * share.n / len(records); percent < share.least || percent > share.most {
			t.Errorf("%s: %d of %d meetings", what, share.n, len(records))
		}
	}
}

// timeOf is the second of a version 1 UUID.
func timeOf(t *testing.T, uuid string) time.Time {
	t.Helper()
	ticks, err := strconv.ParseInt(uuid[13:16]+uuid[8:12]+uuid[:8], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(ticks/864e9)).
		Add(time.Duration(ticks%864e9) * 100).Truncate(time.Second)
}

func TestManyRecordsAreListedQuickly(t *testing.T) {
	cfg := demo()
	cfg.History = 14 * 24 * time.Hour
	s := simulator.New(cfg)
	a := signedIn(t, s)
	n := a.rows().Count
	if n < 20000 {
		t.Fatalf("only %d records", n)
	}
	begin := time.Now()
	a.rows("offset", "15000", "limit", "500")
	// A bound to notice a blunder by, not a measure: it holds on a busy
	// machine under the race detector.
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("a page of 500 of %d records took %v", n, d)
	}
}
