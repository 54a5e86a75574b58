package client

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"huaweicloud_meeting_exporter/meeting"
)

// FuzzPage feeds any bytes to what reads a page of history. It must return an
// error or rows that hold what package meeting promises, agree with
// encoding/json, and never panic.
func FuzzPage(f *testing.F) {
	const good = `{"conferenceID":"900000001","subject":"s","size":3,"conferenceState":"Destroyed","timeZoneID":"56",` +
		`"startTime":"2025-03-14 09:00","endTime":"2025-03-14 09:45","passwordEntry":[{"conferenceRole":"general","password":"1"}],` +
		`"conferenceType":0,"confType":"FUTURE","isHasRecordFile":true,"webinar":false,"terminlCount":2,"normalCount":17,` +
		`"deptName":"研发部","confUUID":"0123456789ab11ef8123456789abcdef"}`
	for _, seed := range []string{
		"", "null", "[]", `{"data":[],"offset":0,"limit":500,"count":0}`,
		`{"data":[` + good + `],"offset":0,"limit":500,"count":1}`,
		`{"data":[` + good + `,` + good + `,null,0,"",[],{}],"offset":0,"limit":500,"count":"7.0"}`,
		`{"data":[` + strings.Replace(good, "17", `"-1"`, 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, "17", `1000001`, 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, "09:45", "08:45", 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, "2025-03-14 09:45", "2025-04-30 09:45", 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, "Destroyed", "Created", 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, "研发部", "\xff\\ud800 "+strings.Repeat("x", 200), 1) + `],"count":1}`,
		`{"data":[` + strings.ReplaceAll(good, "confUUID", "ConfUuid") + `],"COUNT":1}`,
		`{"error_code":"MMC.111070003","error_msg":"m","request_id":"r"}`,
		`{"data":[],"count":0,"error_code":"MMC.111070003"}`,
		`{"data":[` + good, `<!DOCTYPE html>`,
	} {
		f.Add([]byte(seed))
	}
	now := time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodePage(body, now)
		agreeWithEncodingJSON(t, body, now, p, err)
		if err != nil {
			if p != nil {
				t.Fatal("a page and an error")
			}
			return
		}
		if p.count < 0 {
			t.Fatalf("count %d", p.count)
		}
		for _, r := range p.rows {
			checkRow(t, r, now)
		}
	})
}

func checkRow(t *testing.T, r row, now time.Time) {
	t.Helper()
	m := r.meeting
	if r.key == (rowKey{}) || r.badNumbers < 0 || r.badNumbers > 2 || r.running && r.defect != meeting.Valid {
		t.Fatalf("row %+v", r)
	}
	if d := m.Validate(now); !r.running && d != r.defect {
		t.Fatalf("told as %v, but is %v: %+v", r.defect, d, m)
	}
	if r.badNumbers > 0 && (r.running || r.defect != meeting.Valid) {
		t.Fatalf("the numbers of what is left out are told: %+v", r)
	}
	absent := 0
	for _, c := range []meeting.Count{m.Participants, m.Terminals} {
		if c < meeting.Absent || c > meeting.MaxCount {
			t.Fatalf("count %d", c)
		}
		if c == meeting.Absent {
			absent++
		}
	}
	if absent < r.badNumbers {
		t.Fatalf("%d bad numbers, but %d absent", r.badNumbers, absent)
	}
	if d := m.Department; d == "" || !utf8.ValidString(d) || utf8.RuneCountInString(d) > 128 || d != strings.TrimSpace(d) {
		t.Fatalf("department %q", d)
	}
	if m.Type >= meeting.TypeCount {
		t.Fatalf("type %d", m.Type)
	}
}
