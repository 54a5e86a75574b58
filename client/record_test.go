package client_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// now is the time in tests of records.
var now = time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)

// fields are JSON values of a row that differ from a good row's. An empty value
// leaves the field out.
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

// reader reads rows as the service would send them.
type reader struct{ *setup }

func newReader(t *testing.T) reader {
	t.Helper()
	return reader{newSetup(t, clock(func() time.Time { return now }))}
}

// read returns the meetings of rows by UUID. It checks that the defects are as
// wanted, and that the rows are requested once.
func (r reader) read(t *testing.T, want map[meeting.Defect]int, rows ...string) map[string]meeting.Meeting {
	t.Helper()
	before := r.Requests(simulator.PathHistory)
	r.fault(onHistory(jsonBody(pageBody(len(rows), rows...))))
	listing := r.mustList(t)
	if !maps.Equal(listing.Defects, want) {
		t.Errorf("defects %v, want %v", listing.Defects, want)
	}
	if n := r.Requests(simulator.PathHistory) - before; n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	byUUID := map[string]meeting.Meeting{}
	for _, m := range listing.Meetings {
		byUUID[m.UUID] = m
	}
	return byUUID
}

func TestRecordOfAPIPage(t *testing.T) {
	const recorded = `{"conferenceID":"900000001","subject":"s","mediaTypes":"Voice,Video,Data","size":3,"conferenceState":"Destroyed",
		"timeZoneID":"56","startTime":"2025-03-14 09:00","endTime":"2025-03-14 09:45","language":"zh-CN","accessNumber":"+991117",
		"passwordEntry":[{"conferenceRole":"general","password":"1"}],"userUUID":"f","scheduserName":"n","conferenceType":0,
		"confType":"FUTURE","isAutoMute":1,"isAutoRecord":0,"vmrFlag":0,"multiStreamFlag":1,"recordType":0,"recordAuxStream":0,
		"recordAuthType":0,"isHasRecordFile":true,"partAttendeeInfo":[{"name":"n","phone":"p","type":"normal"}],"webinar":false,
		"confConfigInfo":{"prolongLength":0,"isSendNotify":true},"scheduleVmr":false,"terminlCount":2,"normalCount":17,
		"deptName":" 研发部 ","confUUID":"0123456789ab11ef8123456789abcdef"}`
	got := newReader(t).read(t, nil, recorded)
	want := meeting.Meeting{
		UUID:       "0123456789ab11ef8123456789abcdef",
		Start:      time.Date(2025, 3, 14, 9, 0, 0, 0, time.UTC), // whatever timeZoneID says
		End:        time.Date(2025, 3, 14, 9, 45, 0, 0, time.UTC),
		Department: "研发部", Type: meeting.Scheduled, Participants: 17, Terminals: 2, Recorded: true,
	}
	if len(got) != 1 || got[want.UUID] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDefectLeavesOutOneRecord(t *testing.T) {
	at := func(d time.Duration) string { return now.Add(d).Format(`"2006-01-02 15:04"`) }
	type test struct {
		changes fields
		want    meeting.Defect
	}
	tests := []test{
		{fields{"confUUID": "", "startTime": ""}, meeting.BadUUID},
		{fields{"startTime": ""}, meeting.BadTime},
		{fields{"startTime": `"2025-02-30 09:45"`}, meeting.BadTime},
		{fields{"startTime": at(0), "endTime": at(24*time.Hour + time.Minute)}, meeting.BadTime},     // over a day ahead
		{fields{"startTime": at(-31*24*time.Hour - time.Minute), "endTime": at(0)}, meeting.BadTime}, // over 31 days long
		{fields{"startTime": at(50 * time.Hour), "endTime": at(40 * time.Hour)}, meeting.BadTime},    // ahead, and reversed
		{fields{"startTime": `"2025-03-14 09:46"`}, meeting.BadOrder},
		{fields{"endTime": `"0002-03-14 09:45"`}, meeting.BadOrder},
		{fields{"startTime": `"2025-03-14 09:46"`, "normalCount": "-1"}, meeting.BadOrder},
		{fields{"startTime": at(0), "endTime": at(24 * time.Hour)}, meeting.Valid},
		{fields{"startTime": at(-31 * 24 * time.Hour), "endTime": at(0)}, meeting.Valid},
		{fields{"startTime": `"2025-03-14 09:45"`}, meeting.Valid}, // no duration
		{fields{"startTime": `" 2025-03-14 09:00\t"`, "confUUID": `" bad "`}, meeting.Valid},
		{fields{"startTime": `"2025\u002d03-14 09:00"`}, meeting.Valid},
		{fields{"new": `{"a":[{"b":null}]}`, "newer": `[[[]]]`}, meeting.Valid},
		{fields{"conferenceState": `"Created"`, "confUUID": "", "endTime": "", "normalCount": "-1"}, meeting.NotEnded},
	}
	for _, uuid := range []string{"", `""`, `" "`, `null`, `7`, `["u"]`} {
		tests = append(tests, test{fields{"confUUID": uuid}, meeting.BadUUID})
	}
	for _, end := range []string{
		"", `null`, `""`, `{}`, `"2025-03-14"`, `"2025-03-14T09:45Z"`, `"2025-03-14 09:45 +0800"`, `"2025-03-14T09:45:00+0800"`,
		`"2025-03-14 09:60"`, `"2025-03-14 24:00"`, `"2025-02-30 09:45"`, `"soon"`, `true`, `0`, `-1741945500000`,
		`1741945500`, `"1741945500"`, `1741945500000.5`, `1e300`, `"1.7419455e12"`, `"0x1959395e8e0"`, `"99999999999999999999"`,
	} {
		tests = append(tests, test{fields{"endTime": end}, meeting.BadTime})
	}
	r := newReader(t)
	for _, c := range tests {
		t.Run(fmt.Sprint(c.changes), func(t *testing.T) {
			want, defects := []string{"bad", "first", "last"}, map[meeting.Defect]int{}
			if c.want != meeting.Valid {
				want, defects = want[1:], map[meeting.Defect]int{c.want: 1}
			}
			got := r.read(t, defects, row("first", nil), row("bad", c.changes), row("last", nil))
			if uuids := slices.Sorted(maps.Keys(got)); !slices.Equal(uuids, want) {
				t.Errorf("got %v, want %v", uuids, want)
			}
		})
	}
}

func TestRowsThatAreNoRecords(t *testing.T) {
	rows := []string{
		"null", "0", "-1.5e300", "true", "false", `""`, `"row"`, "[]", "[{}]", "{}", `{"":null}`,
		`{"confUUID":{"confUUID":"u"}}`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		strings.Repeat(`{"confUUID":`, 1000) + `"u"` + strings.Repeat("}", 1000),
		row("", fields{"subject": `"a"`}), row("", fields{"subject": `"b"`}), // known by all of their text
	}
	defects := map[meeting.Defect]int{meeting.BadUUID: len(rows)}
	got := newReader(t).read(t, defects, append(rows, row("good", nil))...)
	if len(got) != 1 || got["good"].UUID != "good" {
		t.Errorf("got %v", got)
	}
}

func TestIdenticalMalformedRows(t *testing.T) {
	s := newSetup(t)
	s.fault(onHistory(jsonBody(pageBody(6, "null", "null", row("", nil), row("", nil), row("", nil), row("good", nil)))))
	wantUUIDs(t, s.mustList(t), []string{"good"})
	s.wantReadings(t, 1)
}

func TestNumbers(t *testing.T) {
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
		t.Run(text, func(t *testing.T) {
			defects := map[meeting.Defect]int{}
			if want == bad {
				want, defects[meeting.BadNumber] = meeting.Absent, 4 // each number of each record counts
			}
			got := r.read(t, defects, row("p", fields{"normalCount": text}), row("t", fields{"terminlCount": text}),
				row("both", fields{"normalCount": text, "terminlCount": text}), row("good", nil))
			if len(got) != 4 || got["p"].Participants != want || got["t"].Terminals != want ||
				got["both"].Participants != want || got["both"].Terminals != want ||
				got["p"].Terminals != 1 || got["t"].Participants != 3 {
				t.Errorf("%s is not %d in %+v", text, want, got)
			}
		})
	}
}

func TestConferenceTypes(t *testing.T) {
	r := newReader(t)
	for want, rows := range map[meeting.Type][]fields{
		meeting.Immediate: {{"confType": `"IMMEDIATELY"`}},
		meeting.Scheduled: {{"confType": `"FUTURE"`, "conferenceType": "2"}},
		meeting.Webinar:   {{"confType": `"CYCLE"`, "webinar": "true"}},
		meeting.Recurring: {
			{"confType": `"CYCLE"`},
			{"confType": `"CYCLE"`, "webinar": "false"},
			{"confType": `"CYCLE"`, "webinar": "null"},
			{"confType": `"CYCLE"`, "webinar": "[true]"},
			{"confType": "", "conferenceType": "2"},
			{"confType": "null", "conferenceType": `"2"`},
		},
		meeting.Other: { // -5 is no defect, because it is no number of people
			{"confType": ""},
			{"confType": "", "conferenceType": "0"},
			{"confType": `"NEW"`, "conferenceType": "2"},
			{"confType": "", "conferenceType": "77"},
			{"confType": "", "conferenceType": "-5"},
			{"confType": "3", "conferenceType": `{}`},
		},
	} {
		for _, changes := range rows {
			if got := r.read(t, nil, row("u", changes)); got["u"].Type != want {
				t.Errorf("%v is %v, want %v", changes, got["u"].Type, want)
			}
		}
	}
}

func TestRecordedAndDepartment(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"true": true, "false": false, "null": false, "": false, "0": false, `"no"`: false, "[]": false, "{}": false,
	} {
		if got := r.read(t, nil, row("u", fields{"isHasRecordFile": text})); got["u"].Recorded != want {
			t.Errorf("%s is %v, want %v", text, got["u"].Recorded, want)
		}
	}
	for text, want := range map[string]string{
		`"R&D"`: "R&D", `" R&D "`: "R&D", `"R\u0026D"`: "R&D", `"研发部"`: "研发部",
		"": "unknown", "null": "unknown", `""`: "unknown", `" \t"`: "unknown", "7": "unknown", `["a"]`: "unknown",
		"\"R\xff&D\"": "R\uFFFD&D", `"\ud800"`: "\uFFFD", // half of a pair
		`"` + strings.Repeat("部", 129) + `"`: strings.Repeat("部", 128),
	} {
		if got := r.read(t, nil, row("u", fields{"deptName": text})); got["u"].Department != want {
			t.Errorf("%q is %q, want %q", text, got["u"].Department, want)
		}
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2025, 3, 14, 9, 45, 0, 0, time.UTC)
	r := newReader(t)
	for _, text := range []string{
		`"2025-03-14 09:45"`, `"2025-03-14 09:45:00"`, `"2025-03-14 09:45:59"`, `"2025-03-14 09:45:00.0"`,
		`"2025-03-14T09:45:00"`, `"2025-03-14T09:45:59.999"`, `"2025-03-14T09:45:00Z"`, `"2025-03-14T09:45:59.9Z"`,
		`"2025-03-14T17:45:00+08:00"`, `"2025-03-13T21:45:30.5-12:00"`,
		`1741945500000`, `"1741945500000"`, `1741945559999`, `" 1741945559999 "`, `1.7419455e12`,
	} {
		if got := r.read(t, nil, row("u", fields{"endTime": text}))["u"].End; got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

func TestStates(t *testing.T) {
	r := newReader(t)
	for state, ended := range map[string]bool{
		`"Destroyed"`: true, `"DESTROYED"`: true, `"Ended"`: true, `"destroyed?"`: true, `"Not created"`: true, `"Creat"`: true,
		"": true, "null": true, `""`: true, "7": true, `["Created"]`: true,
		`"Created"`: false, `"created"`: false, `" CREATED "`: false, `"Creating"`: false, `"creating"`: false,
		`"Schedule"`: false, `"SCHEDULE"`: false,
	} {
		defects := map[meeting.Defect]int{}
		if !ended {
			defects[meeting.NotEnded] = 1
		}
		got := r.read(t, defects, row("u", fields{"conferenceState": state}), row("good", nil))
		if _, ok := got["u"]; ok != ended || got["good"].UUID == "" {
			t.Errorf("%s: got %v", state, got)
		}
	}
	if got := r.read(t, map[meeting.Defect]int{meeting.NotEnded: 1}, row("u", fields{"conferenceState": `"Created"`})); len(got) != 0 {
		t.Errorf("a meeting that runs is %v", got)
	}
}

// A listing of records that the client cannot read must not pass for an empty
// one.
func TestListingWithoutUsableRecord(t *testing.T) {
	for name, c := range map[string]struct {
		rows []string
		want string // of the error
	}{
		"bad times":         {[]string{row("u", fields{"endTime": `"14/03/2025"`}), row("v", fields{"startTime": "7"})}, "no record is usable (time 2)"},
		"several defects":   {[]string{"null", row("u", fields{"endTime": ""})}, "no record is usable (uuid 1, time 1)"},
		"one has not ended": {[]string{row("u", fields{"endTime": ""}), row("v", fields{"conferenceState": `"Created"`})}, "no record is usable (time 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t)
			r.fault(onHistory(jsonBody(pageBody(len(c.rows), c.rows...))))
			if err := r.wantFailure(t, client.Response); !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			_, err := r.client.FirstPage(t.Context(), r.began, r.began)
			wantReason(t, err, client.Response)
		})
	}
}

func TestWrongTypeNeverFailsPage(t *testing.T) {
	s := newReader(t)
	for _, name := range []string{
		"confUUID", "startTime", "endTime", "conferenceState", "deptName", "confType", "conferenceType", "webinar",
		"normalCount", "terminlCount", "isHasRecordFile", "subject", "timeZoneID", "passwordEntry", "confConfigInfo",
	} {
		rows := []string{row("good", nil)}
		for i, text := range []string{"null", "true", "0", "1e999", `"x"`, `"` + "\x80" + `"`, "[]", "{}", `[{"confUUID":"no"}]`} {
			rows = append(rows, row(fmt.Sprint("u", i), fields{name: text}))
		}
		s.fault(onHistory(jsonBody(pageBody(len(rows), rows...))))
		meetings := s.mustList(t).Meetings
		if uuids := uuidsOf(t, meetings); !slices.Contains(uuids, "good") || slices.Contains(uuids, "no") {
			t.Errorf("%s: got %v", name, uuids)
		}
		for _, m := range meetings {
			if d := m.Validate(now); d != meeting.Valid {
				t.Errorf("%s: %+v has defect %v", name, m, d)
			}
		}
	}
}
