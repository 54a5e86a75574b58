package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/test/fakeservice"
)

// FuzzPage decodes any bytes as a page of history. The result must be an error
// or valid rows, agree with encoding/json, and never be a panic.
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
		`{"data":[` + strings.Replace(good, "Destroyed", "CREATED", 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, `"2025-03-14 09:45"`, "1741945500000", 1) + `],"limit":"20","count":1}`,
		`{"data":[` + strings.Replace(good, "2025-03-14 09:45", "2025-03-14T17:45:59.9+08:00", 1) + `],"count":1}`,
		`{"data":[` + strings.Replace(good, "2025-03-14 09:45", "1741945500000", 1) + `],"count":1}`,
		`{"data":null,"count":0}`, `{"count":0}`, `{"data":null,"count":1}`, `{"data":[` + strings.Repeat("0,", 9) + `0],"count":1}`,
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
		request := pageRequest{limit: 4, first: len(body)%2 == 0, now: now, row: (*decoder).historyRow}
		p, err := decodePage(body, request)
		agreeWithEncodingJSON(t, body, request, p, err)
		if err != nil {
			if p != nil {
				t.Fatal("a page and an error")
			}
			return
		}
		if p.count < 0 || p.limit < 0 {
			t.Fatalf("count %d, limit %d", p.count, p.limit)
		}
		for _, r := range p.rows {
			checkRow(t, r, now)
		}
	})
}

func checkRow(t *testing.T, r row, now time.Time) {
	t.Helper()
	m := r.meeting
	if r.key == "" || r.badNumbers < 0 || r.badNumbers > 2 {
		t.Fatalf("row %+v", r)
	}
	for _, at := range []time.Time{m.Start, m.End} {
		if at != at.UTC().Truncate(time.Minute) {
			t.Fatalf("%v is no minute in UTC", at)
		}
	}
	if d := m.Validate(now); r.defect != meeting.NotEnded && d != r.defect {
		t.Fatalf("defect %v, want %v: %+v", r.defect, d, m)
	}
	if r.badNumbers > 0 && !r.usable() {
		t.Fatalf("bad numbers of a record that is left out: %+v", r)
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

// agreeWithEncodingJSON fails unless decodePage found in a body what
// encoding/json, which shares no code with it, finds: the rows, and the last
// value of every field. Other tests say what a value means.
func agreeWithEncodingJSON(t *testing.T, body []byte, request pageRequest, p *page, err error) {
	t.Helper()
	var members map[string]json.RawMessage // a struct would ignore the case of names
	var data []json.RawMessage
	wantErr := json.Unmarshal(body, &members)
	if errors.Is(err, errTooManyRows) {
		return // the rest was not read
	}
	if wantErr == nil && members == nil {
		wantErr = errNotJSON // null
	}
	if wantErr != nil || errors.Is(err, errNotJSON) || errors.Is(err, io.ErrUnexpectedEOF) {
		endsEarly := errors.Is(err, io.ErrUnexpectedEOF) && !json.Valid(body)
		if wantErr == nil || !endsEarly && !errors.Is(err, errNotJSON) {
			t.Fatalf("%v, but %v by encoding/json", err, wantErr)
		}
		return
	}
	if refused := refusesPage(members, request); (err != nil) != refused {
		t.Fatalf("%v, but refused by encoding/json: %v", err, refused)
	}
	if err != nil {
		return
	}
	_ = json.Unmarshal(members["data"], &data) // fails if there is no data
	if len(p.rows) != len(data) {
		t.Fatalf("%d rows, but %d by encoding/json", len(p.rows), len(data))
	}
	for i, raw := range data {
		// The row on a page of its own, with no fields but those that are read.
		var all map[string]json.RawMessage
		_ = json.Unmarshal(raw, &all) // fails if the row is no object
		agreeOnState(t, all, p.rows[i])
		agreeOnTime(t, all["startTime"], p.rows[i].meeting.Start)
		agreeOnTime(t, all["endTime"], p.rows[i].meeting.End)
		known := map[string]any{}
		var rec record
		for name, value := range all {
			if rec.field([]byte(name)) != nil {
				known[name] = value
			}
		}
		alone, marshalErr := json.Marshal(map[string]any{"data": []any{known}, "count": 1})
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		want, err := decodePage(alone, asked(request.now))
		if err != nil {
			t.Fatalf("%v: %s", err, alone)
		}
		got := p.rows[i]
		if got.meeting.UUID == "" {
			got.key, want.rows[0].key = "", "" // hashes of different texts
		}
		if got != want.rows[0] {
			t.Fatalf("got %+v, but %+v by encoding/json", got, want.rows[0])
		}
	}
}

// refusesPage restates which objects are no page.
func refusesPage(members map[string]json.RawMessage, request pageRequest) bool {
	var data, code any
	_ = json.Unmarshal(members["data"], &data)
	_ = json.Unmarshal(members["error_code"], &code)
	_, isCode := members["error_code"]
	count, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(members["count"]), `"`)), 64)
	isCount := err == nil && count == float64(int32(count)) && count >= 0
	rows, isArray := data.([]any)
	return isCode && code != nil && string(members["error_code"]) != `""` || !isCount || len(rows) > 2*request.limit ||
		!isArray && (data != nil || request.first && count > 0)
}

// agreeOnState restates which meetings have not ended.
func agreeOnState(t *testing.T, fields map[string]json.RawMessage, r row) {
	t.Helper()
	var state string
	_ = json.Unmarshal(fields["conferenceState"], &state)
	switch strings.ToLower(strings.TrimSpace(state)) {
	case "schedule", "creating", "created":
		if r.defect != meeting.NotEnded {
			t.Fatalf("state %q: defect %v", state, r.defect)
		}
	default:
		if r.defect == meeting.NotEnded {
			t.Fatalf("state %q: defect %v", state, r.defect)
		}
	}
}

// agreeOnTime restates how milliseconds are read, and that other values than
// strings and numbers are no times.
func agreeOnTime(t *testing.T, raw json.RawMessage, got time.Time) {
	t.Helper()
	var value any
	_ = json.Unmarshal(raw, &value)
	switch value := value.(type) {
	case string:
	case float64:
		want := time.Time{}
		if ms := int64(value); value == math.Trunc(value) && value >= 1e11 && value < 253402300800000 {
			want = time.UnixMilli(ms - ms%60_000).UTC()
		}
		if got != want {
			t.Fatalf("%v is %v, want %v", value, got, want)
		}
	default:
		if !got.IsZero() {
			t.Fatalf("%s is %v", raw, got)
		}
	}
}

func TestPageAgreesWithEncodingJSON(t *testing.T) {
	for _, body := range []string{
		`{"data":[{"con\u0066UUID":"a"},{"confUUID":"a","confUUID":7},{"confUUID":"a","ConfUUID":"b"}],"count":1}`,
		`{"data":[{"confUUID":"\ud800x","deptName":"` + "\xff" + `"}],"data":[1.5e+3,-0],"count":-1}`,
		`{"data":[tru],"count":1}`, `{"data":[01],"count":1}`, `{"data":[1,],"count":1}`, `{"data":[1 2],"count":1}`,
		`{"data":[],"count":1}}`, `{"data":[],"count":1} x`, ` {"data":[] , "count":1} `, `{"data":{},"count":1}`,
		`{"data":[{"confUUID":"a"}],"data":[7],"count":1}`,
		`{"data":[{"normalCount":3,"normalCount":null},{"webinar":true,"webinar":0},{"deptName":"d","deptName":[]}],"count":3}`,
		`{"data":7,"data":[],"count":1}`, `{"data":[],"data":null,"count":1}`, `{"data":["` + "\n" + `"],"count":1}`,
	} {
		p, err := decodePage([]byte(body), asked(time.Time{}))
		agreeWithEncodingJSON(t, []byte(body), asked(time.Time{}), p, err)
	}
}

func TestNestingAgreesWithEncodingJSON(t *testing.T) {
	decoded, refused := 0, 0
	for depth := 9990; depth <= 10010; depth++ {
		body := []byte(`{"data":[` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `],"count":1}`)
		p, err := decodePage(body, asked(time.Time{}))
		agreeWithEncodingJSON(t, body, asked(time.Time{}), p, err)
		if err == nil {
			decoded++
		} else {
			refused++
		}
	}
	if decoded == 0 || refused == 0 {
		t.Errorf("%d decoded, %d refused", decoded, refused)
	}
}

func TestPageThatEndsEarly(t *testing.T) {
	whole := []byte(`{"data":[{"confUUID":"\u0061é","normalCount":-1.5e+1,"webinar":true,"x":[null,{}]}],"count":1}`)
	for end := range whole[:len(whole)-1] {
		_, err := decodePage(whole[:end], asked(time.Time{}))
		if endsEarly := errors.Is(err, io.ErrUnexpectedEOF); endsEarly != (end > 0) {
			t.Errorf("%q: %v", whole[:end], err)
		}
	}
}

func TestKeyOfRowWithoutUUID(t *testing.T) {
	p, err := decodePage([]byte(`{"data":[{"a":1}, {"a":1},`+"\n"+`{"a":1},{"a":2}],"count":4}`), asked(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if r := p.rows; r[0].key != r[1].key || r[0].key != r[2].key || r[0].key == r[3].key {
		t.Errorf("keys %x, %x, %x and %x", r[0].key, r[1].key, r[2].key, r[3].key)
	}
}

// A few bytes of gzip may unpack to a page of millions of rows.
func TestTooManyRowsTakeLittleMemory(t *testing.T) {
	const most = 1 << 20
	for _, row := range []string{"0", "{}", "[[]]", `{"confUUID":"u"}`} {
		body := []byte(`{"data":[` + strings.Repeat(row+",", (4<<20)/(len(row)+1)) + row + `],"count":1}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := decodePage(body, asked(time.Time{}))
		runtime.ReadMemStats(&after)
		if p != nil || !errors.Is(err, errTooManyRows) {
			t.Errorf("%s: %v", row, err)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > most {
			t.Errorf("%s: %d MiB for a page", row, allocated>>20)
		}
	}
}

// BenchmarkPage decodes a page of 500 rows into meetings. Its baselines are to
// decode all fields with encoding/json, to check the syntax only, and to copy
// the bytes.
func BenchmarkPage(b *testing.B) {
	body := fakeservice.Page(fakeservice.Rows(500), 500)
	run := func(name string, read func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
		})
	}
	run("meetings", func() {
		p, err := decodePage(body, asked(fakeservice.Now()))
		if err != nil || len(p.rows) != 500 || p.rows[7].meeting.UUID == "" {
			b.Fatal(err)
		}
	})
	run("all-fields", func() {
		var p fakeservice.FullPage
		if err := json.Unmarshal(body, &p); err != nil || len(p.Data) != 500 || p.Data[7].ConfUUID == "" {
			b.Fatal(err)
		}
	})
	run("syntax", func() {
		if !jsontext.Value(body).IsValid(jsonOptions()) {
			b.Fatal("not valid")
		}
	})
	run("bytes", func() {
		if all, err := io.ReadAll(bytes.NewReader(body)); err != nil || len(all) != len(body) {
			b.Fatal(err)
		}
	})
}

// asked is a request for a first page of 500 records.
func asked(now time.Time) pageRequest {
	return pageRequest{limit: 500, first: true, now: now, row: (*decoder).historyRow}
}
