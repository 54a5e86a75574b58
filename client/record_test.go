package client_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// now is the time in tests of records.
var now = time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)

// fields are the JSON texts of a row's fields that differ from a good row's;
// an empty text leaves the field out.
type fields map[string]string

func row(uuid string, changes fields) string {
	all := fields{
		"confUUID": `"` + uuid + `"`, "startTime": `"2025-03-14 09:00"`, "endTime": `"2025-03-14 09:45"`,
		"conferenceState": `"Destroyed"`, "confType": `"FUTURE"`, "deptName": `"R&D"`,
		"normalCount": "3", "terminlCount": "1", "isHasRecordFile": "true",
	}
	maps.Copy(all, changes)
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			texts = append(texts, `"`+name+`":`+all[name])
		}
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// reader reads rows as a service would send them.
type reader struct{ *site }

func newReader(t *testing.T) reader {
	t.Helper()
	return reader{newLoopbackSite(t, func(service *simulator.Config, cfg *client.Config) {
		service.Now = func() time.Time { return now }
		cfg.Now = service.Now
	})}
}

// read returns the meetings and the defects among rows, by UUID.
func (r reader) read(t *testing.T, rows ...string) (map[string]meeting.Meeting, map[meeting.Defect]int) {
	t.Helper()
	r.fault(onHistory(jsonBody(pageBody(len(rows), rows...))))
	meetings, defects, err := r.pollListing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byUUID := map[string]meeting.Meeting{}
	for _, m := range meetings {
		byUUID[m.UUID] = m
	}
	return byUUID, defects
}

// wantDefects compares counts; 0 is as good as absent.
func wantDefects(t *testing.T, got, want map[meeting.Defect]int) {
	t.Helper()
	for _, d := range append(meeting.Defects(), meeting.Valid) {
		if got[d] != want[d] {
			t.Errorf("%d defects %v, want %d", got[d], d, want[d])
		}
	}
}

func TestARecordOfTheAPIBecomesAMeeting(t *testing.T) {
	const recorded = `{"conferenceID":"900000001","subject":"s","mediaTypes":"Voice,Video,Data","size":3,"conferenceState":"Destroyed",
		"timeZoneID":"56","startTime":"2025-03-14 09:00","endTime":"2025-03-14 09:45","language":"zh-CN","accessNumber":"+991117",
		"passwordEntry":[{"conferenceRole":"general","password":"1"}],"userUUID":"f","scheduserName":"n","conferenceType":0,
		"confType":"FUTURE","isAutoMute":1,"isAutoRecord":0,"vmrFlag":0,"multiStreamFlag":1,"recordType":0,"recordAuxStream":0,
		"recordAuthType":0,"isHasRecordFile":true,"partAttendeeInfo":[{"name":"n","phone":"p","type":"normal"}],"webinar":false,
		"confConfigInfo":{"prolongLength":0,"isSendNotify":true},"scheduleVmr":false,"terminlCount":2,"normalCount":17,
		"deptName":" 研发部 ","confUUID":"0123456789ab11ef8123456789abcdef"}`
	got, defects := newReader(t).read(t, recorded)
	want := meeting.Meeting{
		UUID:       "0123456789ab11ef8123456789abcdef",
		Start:      time.Date(2025, 3, 14, 9, 0, 0, 0, time.UTC), // whatever timeZoneID says
		End:        time.Date(2025, 3, 14, 9, 45, 0, 0, time.UTC),
		Department: "研发部", Type: meeting.Scheduled, Participants: 17, Terminals: 2, Recorded: true,
	}
	if len(got) != 1 || got[want.UUID] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wantDefects(t, defects, nil)
}

func TestADefectLeavesOutItsRecordAndNoOther(t *testing.T) {
	at := func(d time.Duration) string { return now.Add(d).Format(`"2006-01-02 15:04"`) }
	r := newReader(t)
	for name, c := range map[string]struct {
		changes fields
		want    meeting.Defect
	}{
		"no UUID":                    {fields{"confUUID": ""}, meeting.BadUUID},
		"empty UUID":                 {fields{"confUUID": `""`}, meeting.BadUUID},
		"blank UUID":                 {fields{"confUUID": `" "`}, meeting.BadUUID},
		"null UUID":                  {fields{"confUUID": `null`}, meeting.BadUUID},
		"number for UUID":            {fields{"confUUID": `7`}, meeting.BadUUID},
		"array for UUID":             {fields{"confUUID": `["u"]`}, meeting.BadUUID},
		"no UUID goes before times":  {fields{"confUUID": "", "startTime": ""}, meeting.BadUUID},
		"no start":                   {fields{"startTime": ""}, meeting.BadTime},
		"no end":                     {fields{"endTime": ""}, meeting.BadTime},
		"null end":                   {fields{"endTime": `null`}, meeting.BadTime},
		"empty end":                  {fields{"endTime": `""`}, meeting.BadTime},
		"end in ms":                  {fields{"endTime": `1741945500000`}, meeting.BadTime},
		"end as object":              {fields{"endTime": `{}`}, meeting.BadTime},
		"end without time":           {fields{"endTime": `"2025-03-14"`}, meeting.BadTime},
		"end with seconds":           {fields{"endTime": `"2025-03-14 09:45:00"`}, meeting.BadTime},
		"end in another form":        {fields{"endTime": `"2025-03-14T09:45Z"`}, meeting.BadTime},
		"end with a zone":            {fields{"endTime": `"2025-03-14 09:45 +0800"`}, meeting.BadTime},
		"end at minute 60":           {fields{"endTime": `"2025-03-14 09:60"`}, meeting.BadTime},
		"end at hour 24":             {fields{"endTime": `"2025-03-14 24:00"`}, meeting.BadTime},
		"end on no day":              {fields{"endTime": `"2025-02-30 09:45"`}, meeting.BadTime},
		"start on no day":            {fields{"startTime": `"2025-02-30 09:45"`}, meeting.BadTime},
		"end in words":               {fields{"endTime": `"soon"`}, meeting.BadTime},
		"end a day and more ahead":   {fields{"startTime": at(0), "endTime": at(24*time.Hour + time.Minute)}, meeting.BadTime},
		"longer than 31 days":        {fields{"startTime": at(-31*24*time.Hour - time.Minute), "endTime": at(0)}, meeting.BadTime},
		"time goes before order":     {fields{"startTime": at(50 * time.Hour), "endTime": at(40 * time.Hour)}, meeting.BadTime},
		"end before start":           {fields{"startTime": `"2025-03-14 09:46"`}, meeting.BadOrder},
		"end ages before start":      {fields{"endTime": `"0002-03-14 09:45"`}, meeting.BadOrder},
		"a bad number is not told":   {fields{"startTime": `"2025-03-14 09:46"`, "normalCount": "-1"}, meeting.BadOrder},
		"end a day ahead":            {fields{"startTime": at(0), "endTime": at(24 * time.Hour)}, meeting.Valid},
		"31 days":                    {fields{"startTime": at(-31 * 24 * time.Hour), "endTime": at(0)}, meeting.Valid},
		"no duration":                {fields{"startTime": `"2025-03-14 09:45"`}, meeting.Valid},
		"blanks around":              {fields{"startTime": `" 2025-03-14 09:00\t"`, "confUUID": `" bad "`}, meeting.Valid},
		"escapes":                    {fields{"startTime": `"2025\u002d03-14 09:00"`}, meeting.Valid},
		"unknown fields of any kind": {fields{"new": `{"a":[{"b":null}]}`, "newer": `[[[]]]`}, meeting.Valid},
	} {
		t.Run(name, func(t *testing.T) {
			got, defects := r.read(t, row("first", nil), row("bad", c.changes), row("last", nil))
			want, wanted := []string{"bad", "first", "last"}, map[meeting.Defect]int{}
			if c.want != meeting.Valid {
				want, wanted = want[1:], map[meeting.Defect]int{c.want: 1}
			}
			if uuids := slices.Sorted(maps.Keys(got)); !slices.Equal(uuids, want) {
				t.Errorf("got %v, want %v", uuids, want)
			}
			wantDefects(t, defects, wanted)
		})
	}
}

func TestRowsThatAreNoRecordsAreLeftOutAndCounted(t *testing.T) {
	rows := []string{
		"null", "0", "-1.5e300", "true", "false", `""`, `"row"`, "[]", "[{}]", "{}", `{"":null}`,
		`{"confUUID":{"confUUID":"u"}}`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		strings.Repeat(`{"confUUID":`, 1000) + `"u"` + strings.Repeat("}", 1000),
	}
	bad := len(rows)
	got, defects := newReader(t).read(t, append(rows, row("good", nil))...)
	if len(got) != 1 || got["good"].UUID != "good" {
		t.Errorf("got %v", got)
	}
	wantDefects(t, defects, map[meeting.Defect]int{meeting.BadUUID: bad})
}

// A service may list the same nonsense several times.
func TestIdenticalMalformedRowsAreComplete(t *testing.T) {
	r := newReader(t)
	got, _ := r.read(t, "null", "null", row("", nil), row("", nil), row("", nil), row("good", nil))
	if len(got) != 1 || got["good"].UUID != "good" {
		t.Errorf("got %v", got)
	}
	if n := r.Requests(simulator.PathHistory); n > 2 {
		t.Errorf("read %d times", n)
	}
}

// Rows without a UUID are told apart by all of their text, personal data that
// nothing else reads included.
func TestMalformedRowsAreToldApartByTheirText(t *testing.T) {
	r := newReader(t)
	_, defects := r.read(t, row("", fields{"subject": `"a"`}), row("", fields{"subject": `"b"`}))
	wantDefects(t, defects, map[meeting.Defect]int{meeting.BadUUID: 2})
	if n := r.Requests(simulator.PathHistory); n != 1 {
		t.Errorf("read %d times", n)
	}
}

func TestNumbersComeInSeveralForms(t *testing.T) {
	const bad = meeting.Absent - 1
	r := newReader(t)
	for text, want := range map[string]meeting.Count{
		"0": 0, "1": 1, "1.0": 1, `"1"`: 1, `"1.0"`: 1, `" 1 "`: 1, "1e3": 1000, "-0": 0,
		"1000000": 1000000, `"1000000"`: 1000000,
		"": meeting.Absent, "null": meeting.Absent, `""`: meeting.Absent,
		"-1": bad, `"-1"`: bad, "1.5": bad, `"1.5"`: bad, "1000001": bad, "1e300": bad, "1e999": bad, "-1e999": bad,
		"4294967297": bad, "true": bad, "false": bad, "[]": bad, "[1]": bad, "{}": bad, `"many"`: bad,
		`"NaN"`: bad, `"Inf"`: bad, `"-Infinity"`: bad, `"1,000"`: bad, `"1 2"`: bad,
	} {
		for name, count := range map[string]func(meeting.Meeting) meeting.Count{
			"normalCount":  func(m meeting.Meeting) meeting.Count { return m.Participants },
			"terminlCount": func(m meeting.Meeting) meeting.Count { return m.Terminals },
		} {
			t.Run(name+" "+text, func(t *testing.T) {
				got, defects := r.read(t, row("u", fields{name: text}), row("good", nil))
				wantCount, wanted := want, map[meeting.Defect]int{}
				if want == bad {
					wantCount, wanted = meeting.Absent, map[meeting.Defect]int{meeting.BadNumber: 1}
				}
				if len(got) != 2 || count(got["u"]) != wantCount {
					t.Errorf("%s is %d, want %d", text, count(got["u"]), wantCount)
				}
				wantDefects(t, defects, wanted)
			})
		}
	}
}

func TestEachBadNumberCountsOne(t *testing.T) {
	got, defects := newReader(t).read(t,
		row("a", fields{"normalCount": "-1", "terminlCount": "2.5"}), row("b", fields{"normalCount": `"x"`}))
	if len(got) != 2 || got["a"].Participants != meeting.Absent || got["a"].Terminals != meeting.Absent || got["b"].Terminals != 1 {
		t.Errorf("got %+v", got)
	}
	wantDefects(t, defects, map[meeting.Defect]int{meeting.BadNumber: 3})
}

func TestTheTypeFollowsTheFieldsOfTheAPI(t *testing.T) {
	r := newReader(t)
	for _, c := range []struct {
		changes fields
		want    meeting.Type
	}{
		{fields{"confType": `"IMMEDIATELY"`}, meeting.Immediate},
		{fields{"confType": `"FUTURE"`, "conferenceType": "2"}, meeting.Scheduled},
		{fields{"confType": `"CYCLE"`}, meeting.Recurring},
		{fields{"confType": `"CYCLE"`, "webinar": "true"}, meeting.Webinar},
		{fields{"confType": `"CYCLE"`, "webinar": "false"}, meeting.Recurring},
		{fields{"confType": `"CYCLE"`, "webinar": "null"}, meeting.Recurring},
		{fields{"confType": `"CYCLE"`, "webinar": "[true]"}, meeting.Recurring},
		{fields{"confType": "", "conferenceType": "2"}, meeting.Recurring},
		{fields{"confType": "null", "conferenceType": `"2"`}, meeting.Recurring},
		{fields{"confType": "", "conferenceType": "0"}, meeting.Other},
		{fields{"confType": ""}, meeting.Other},
		{fields{"confType": `"NEW"`, "conferenceType": "2"}, meeting.Other},
		{fields{"confType": "", "conferenceType": "77"}, meeting.Other},
		{fields{"confType": "", "conferenceType": "-5"}, meeting.Other},
		{fields{"confType": "3", "conferenceType": `{}`}, meeting.Other},
	} {
		got, defects := r.read(t, row("u", c.changes))
		if got["u"].Type != c.want {
			t.Errorf("%v is %v, want %v", c.changes, got["u"].Type, c.want)
		}
		wantDefects(t, defects, nil) // a type is no number of people
	}
}

func TestARecordingIsOneOnlyIfTheServiceSaysSo(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"true": true, "false": false, "null": false, "": false, "0": false, `"no"`: false, "[]": false, "{}": false,
	} {
		if got, _ := r.read(t, row("u", fields{"isHasRecordFile": text})); got["u"].Recorded != want {
			t.Errorf("%s is %v, want %v", text, got["u"].Recorded, want)
		}
	}
}

func TestWhatHasNotEndedIsPassedOver(t *testing.T) {
	r := newReader(t)
	for state, ended := range map[string]bool{
		`"Destroyed"`: true, "": true, "null": true, `""`: true,
		`"Created"`: false, `"Creating"`: false, `"Schedule"`: false, `"destroyed?"`: false,
	} {
		t.Run(state, func(t *testing.T) {
			before := r.Requests(simulator.PathHistory)
			got, defects := r.read(t, row("u", fields{"conferenceState": state}), row("good", nil))
			if _, ok := got["u"]; ok != ended || got["good"].UUID == "" {
				t.Errorf("got %v", got)
			}
			wantDefects(t, defects, nil)
			if n := r.Requests(simulator.PathHistory) - before; n != 1 {
				t.Errorf("read %d times: it did arrive", n)
			}
		})
	}
	// Such a meeting has no end yet, which is no defect.
	got, defects := r.read(t, row("u", fields{"conferenceState": `"Created"`, "endTime": "", "normalCount": "-1"}))
	if len(got) != 0 {
		t.Errorf("got %v", got)
	}
	wantDefects(t, defects, nil)
}

func TestADepartmentIsAlwaysAUsableLabel(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]string{
		`"R&D"`: "R&D", `" R&D "`: "R&D", `"R\u0026D"`: "R&D", `"研发部"`: "研发部",
		"": "unknown", "null": "unknown", `""`: "unknown", `" \t"`: "unknown", "7": "unknown", `["a"]`: "unknown",
		"\"R\xff&D\"":                        "R\uFFFD&D",
		`"\ud800"`:                           "\uFFFD", // half of a pair
		`"` + strings.Repeat("部", 129) + `"`: strings.Repeat("部", 128),
	} {
		got, _ := r.read(t, row("u", fields{"deptName": text}))
		if d := got["u"].Department; d != want || !utf8.ValidString(d) {
			t.Errorf("%q is %q, want %q", text, d, want)
		}
	}
}

func TestAWrongTypeInAnyFieldNeverFailsThePage(t *testing.T) {
	r := newReader(t)
	for _, name := range []string{
		"confUUID", "startTime", "endTime", "conferenceState", "deptName", "confType", "conferenceType", "webinar",
		"normalCount", "terminlCount", "isHasRecordFile", "subject", "timeZoneID", "passwordEntry", "confConfigInfo",
	} {
		var rows []string
		for i, text := range []string{"null", "true", "0", "1e999", `"x"`, `"` + "\x80" + `"`, "[]", "{}", `[{"confUUID":"no"}]`} {
			rows = append(rows, row(fmt.Sprint("u", i), fields{name: text}))
		}
		got, _ := r.read(t, append(rows, row("good", nil))...)
		if got["good"].UUID == "" || got["no"].UUID != "" {
			t.Errorf("%s: got %v", name, got)
		}
		for _, m := range got {
			if d := m.Validate(now); d != meeting.Valid {
				t.Errorf("%s: %+v is yielded with defect %v", name, m, d)
			}
		}
	}
}

func TestDefectsAreThoseOfTheLastReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, pageLimit(4))
		s.addRecords(10)
		s.Edit("r03", func(r *simulator.Record) { r.NormalCount = new(-1) }) // in the overlap
		s.Edit("r05", func(r *simulator.Record) { r.End = r.Start.Add(-time.Hour) })
		s.fault(before(2, func() { s.Remove("r00") })) // has all read again
		_, defects, err := s.pollListing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.wantReadings(t, 2)
		wantDefects(t, defects, map[meeting.Defect]int{meeting.BadNumber: 1, meeting.BadOrder: 1})
	})
}
