package simulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestHistoryRefusesBadParameters(t *testing.T) {
	a := signedIn(t, simulator.New(open()))
	for _, p := range [][]string{
		{"startDate", ""},
		{"endDate", ""},
		{"startDate", "2025-03-14"},
		{"endDate", "-5"},
		{"startDate", "2", "endDate", "1"},
		{"offset", "-1"},
		{"offset", "x"},
		{"offset", "99999999999999999999"},
		{"limit", "0"},
		{"limit", "1.5"},
		{"queryAll", "yes"},
		{"sortType", "ASC_StartTime"},
	} {
		t.Run(strings.Join(p, "="), func(t *testing.T) {
			a.list(p...).want(t, 400, "MMC.111070001")
		})
	}
}

// numbered are n meetings of a minute, half an hour apart, the last of which
// ended at noon.
func numbered(n int) []simulator.Record {
	records := make([]simulator.Record, n)
	for i := range records {
		records[i] = meeting(fmt.Sprint(i), time.Minute, time.Duration(n-i)*30*time.Minute)
	}
	return records
}

func TestPagesAreCutAtRecords(t *testing.T) {
	s := simulator.New(open())
	s.Add(numbered(7)...)
	a := signedIn(t, s)
	for offset, want := range map[string]string{
		"0": "0 1 2", "1": "1 2 3", "3": "3 4 5", "5": "5 6", "6": "6",
		"7": "6", "9": "6", "1000000": "6", // past the end: the last page again
	} {
		if got := a.rows("limit", "3", "offset", offset); got.ids() != want || got.Count != 7 || got.Limit != 3 {
			t.Errorf("offset %s: %q of %d, limit %d; want %q", offset, got.ids(), got.Count, got.Limit, want)
		}
	}
}

func TestEmptyHistoryHasDataAndCount(t *testing.T) {
	a := signedIn(t, simulator.New(open()))
	if got := string(a.list("offset", "5").body); got != `{"data":[],"offset":5,"limit":20,"count":0}` {
		t.Error(got)
	}
}

func TestLimitIsTwentyAndClampedInSilence(t *testing.T) {
	cfg := open()
	s := simulator.New(cfg)
	s.Add(numbered(501)...)
	a := signedIn(t, s)
	cfg.MaxLimit = 30
	lower := simulator.New(cfg)
	lower.Add(numbered(501)...)
	b := signedIn(t, lower)
	for _, c := range []struct {
		a     *api
		limit string
		want  int
	}{{a, "", 20}, {a, "500", 500}, {a, "501", 500}, {a, "99999999999", 500}, {b, "500", 30}, {b, "", 20}} {
		if got := c.a.rows("limit", c.limit); len(got.Data) != c.want || got.Limit != c.want || got.Count != 501 {
			t.Errorf("limit %q: %d rows of %d, limit %d", c.limit, len(got.Data), got.Count, got.Limit)
		}
	}
}

func TestRangeIncludesBothEnds(t *testing.T) {
	for _, c := range []struct {
		means simulator.Range
		want  string
	}{
		{simulator.RangeStart, "first last"},
		{simulator.RangeEnd, "before first"},
		{simulator.RangeOverlap, "around before first last"},
	} {
		cfg := open()
		cfg.RangeMeans = c.means
		s := simulator.New(cfg)
		s.Add(
			meeting("long before", time.Hour, 9*time.Hour),
			meeting("before", time.Hour, 6*time.Hour), // 05:00 to 06:00
			meeting("around", 8*time.Hour, time.Hour), // 03:00 to 11:00
			meeting("first", time.Hour, 5*time.Hour),  // 06:00 to 07:00
			meeting("last", time.Hour, 2*time.Hour),   // 09:00 to 10:00
			meeting("after", time.Hour, 90*time.Minute),
		)
		a := signedIn(t, s)
		got := a.rows("startDate", ms(noon.Add(-6*time.Hour)), "endDate", ms(noon.Add(-3*time.Hour)))
		ids := strings.Fields(got.ids())
		slices.Sort(ids)
		if strings.Join(ids, " ") != c.want {
			t.Errorf("range %d: %q, want %q", c.means, ids, c.want)
		}
	}
}

func TestSortTypes(t *testing.T) {
	s := simulator.New(open())
	for i, recorded := range []bool{false, true, false, true} {
		r := numbered(4)[i]
		r.IsHasRecordFile = new(recorded)
		s.Add(r)
	}
	a := signedIn(t, s)
	for order, want := range map[string]string{
		"ASC_StartTIME": "0 1 2 3", "DSC_StartTIME": "3 2 1 0", "": "3 2 1 0",
		"ASC_RecordTYPE": "0 2 1 3", "DSC_RecordTYPE": "3 1 2 0",
	} {
		if got := a.rows("sortType", order).ids(); got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
	}
}

func TestMeetingAppearsAfterTheDelayAndItsRecordingLater(t *testing.T) {
	var c clock
	cfg := open()
	cfg.Now, cfg.PublicationDelay = c.now, 2*time.Minute
	s := simulator.New(cfg)
	own := meeting("a", time.Hour, 0)
	own.IsHasRecordFile, own.RecordingAt = new(true), noon.Add(10*time.Minute)
	s.Add(own)
	late := meeting("b", time.Hour, 0)
	late.ListedAt = noon.Add(5 * time.Minute)
	s.Add(late)
	a := signedIn(t, s)
	for _, step := range []struct {
		at       time.Duration
		ids      string
		recorded any
	}{
		{0, "", nil},
		{2*time.Minute - time.Second, "", nil},
		{2 * time.Minute, "a", false},
		{5 * time.Minute, "a b", false},
		{10*time.Minute - time.Second, "a b", false},
		{10 * time.Minute, "a b", true},
	} {
		c.advance(noon.Add(step.at).Sub(c.now()))
		got := a.rows()
		if got.ids() != step.ids {
			t.Errorf("after %v: %q, want %q", step.at, got.ids(), step.ids)
		}
		if len(got.Data) > 0 && got.Data[0]["isHasRecordFile"] != step.recorded {
			t.Errorf("after %v: isHasRecordFile %v", step.at, got.Data[0]["isHasRecordFile"])
		}
	}
}

func TestOnlyAnAdministratorWhoAsksSeesAll(t *testing.T) {
	cfg := open()
	cfg.MeetingsPerDay = 600
	s := simulator.New(cfg)
	a := signedIn(t, s)
	all := a.rows().Count
	own := a.rows("queryAll", "").Count
	if own == 0 || own*20 > all {
		t.Errorf("%d own meetings of %d", own, all)
	}
	if n := a.rows("queryAll", "false").Count; n != own {
		t.Errorf("queryAll=false: %d, want %d", n, own)
	}
	s.SetRole(simulator.User)
	if n := a.rows().Count; n != own {
		t.Errorf("a user who asks for all: %d, want %d", n, own)
	}
}

func TestSearchKeyLooksAtSubjectSchedulerAndID(t *testing.T) {
	s := simulator.New(open())
	r := numbered(3)
	r[0].Subject, r[1].SchedulerName, r[2].ConferenceID = "budget 42", "user42", "914242"
	s.Add(r...)
	a := signedIn(t, s)
	for key, want := range map[string]string{"42": "0 1 2", "budget": "0", "user": "1", "9142": "2", "none": ""} {
		if got := a.rows("searchKey", key).ids(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestRowHasTheFieldsOfTheVendorsSample(t *testing.T) {
	sample := strings.Fields(`conferenceID mediaTypes subject size timeZoneID startTime endTime conferenceState
		accessNumber language passwordEntry userUUID scheduserName multiStreamFlag conferenceType confType isAutoMute
		isAutoRecord guestJoinUri recordType recordAuxStream recordAuthType confConfigInfo vmrFlag scheduleVmr
		isHasRecordFile partAttendeeInfo terminlCount normalCount deptName confUUID`)
	cfg := open()
	cfg.MeetingsPerDay = 100
	a := signedIn(t, simulator.New(cfg))
	for _, r := range a.rows("limit", "500").Data {
		for _, field := range sample {
			if _, ok := r[field]; !ok {
				t.Errorf("%s is missing in %v", field, r)
			}
		}
		if w, ok := r["webinar"]; len(r) != len(sample) && (len(r) != len(sample)+1 || !ok) {
			t.Errorf("%d fields, webinar %v", len(r), w)
		}
		if t.Failed() {
			break
		}
	}
}

func TestAddedRowIsWrittenAsTheTestWantsIt(t *testing.T) {
	s := simulator.New(open())
	zone := time.FixedZone("", 8*3600)
	s.Add(simulator.Record{
		ConfUUID: "a",
		Start:    time.Date(2025, 3, 14, 7, 30, 59, 0, zone),
		End:      time.Date(2025, 3, 14, 8, 0, 1, 0, zone),
		Extra: map[string]json.RawMessage{
			"normalCount": json.RawMessage(`"12"`), "size": json.RawMessage(`null`),
			"deptName": nil, "brandNew": json.RawMessage(`{"a":[1]}`),
		},
	})
	r := signedIn(t, s).rows().Data[0]
	if r["startTime"] != "2025-03-13 23:30" || r["endTime"] != "2025-03-14 00:00" {
		t.Errorf("times %v to %v are not UTC cut to the minute", r["startTime"], r["endTime"])
	}
	size, hasSize := r["size"]
	_, hasDept := r["deptName"]
	_, hasTerminals := r["terminlCount"]
	if r["normalCount"] != "12" || size != nil || !hasSize || hasDept || hasTerminals || r["brandNew"] == nil {
		t.Errorf("row %v", r)
	}
}

func TestRecordsCanBeEditedAndRemoved(t *testing.T) {
	cfg := open()
	cfg.MeetingsPerDay = 50
	s := simulator.New(cfg)
	a := signedIn(t, s)
	before := a.rows()
	first, second := before.Data[0]["confUUID"].(string), before.Data[1]["confUUID"].(string)
	if !s.Remove(first) || s.Remove(first) || s.Edit(first, func(*simulator.Record) {}) {
		t.Error("the first was not removed once")
	}
	if !s.Edit(second, func(r *simulator.Record) { *r.NormalCount = 4711; r.DeptName = "moved" }) {
		t.Error("the second was not found")
	}
	after := a.rows()
	if after.Count != before.Count-1 || after.Data[0]["confUUID"] != second {
		t.Errorf("%d of %d are left", after.Count, before.Count)
	}
	if got := after.Data[0]; got["normalCount"] != 4711. || got["deptName"] != "moved" {
		t.Errorf("edited row %v", got)
	}
}

func TestCopiesOfRecordsAreTheCallers(t *testing.T) {
	s := simulator.New(open())
	r := meeting("a", time.Hour, time.Hour)
	r.NormalCount = new(3)
	s.Add(r)
	*r.NormalCount = 4
	*s.Records(noon)[0].NormalCount = 5
	if got := *s.Records(noon)[0].NormalCount; got != 3 {
		t.Errorf("normalCount %d, want 3", got)
	}
}

func TestServiceMayBeUsedFromManyGoroutines(t *testing.T) {
	cfg := demo()
	cfg.MeetingsPerDay = 20
	s := simulator.New(cfg)
	a := signedIn(t, s)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			id := fmt.Sprint(i)
			s.Add(meeting(id, time.Minute, time.Hour))
			s.Edit(id, func(r *simulator.Record) { r.Subject = "edited" })
			s.SetFault(simulator.Times(1, simulator.Throttled()))
			a.list()
			s.Listed(noon)
			s.Remove(id)
		})
	}
	all.Wait()
}

func TestThrottleCountsRejectedRequests(t *testing.T) {
	cfg := open()
	cfg.RateLimit = 3
	a := signedIn(t, simulator.New(cfg))
	if got := a.list().header.Get("X-APIG-Ratelimit-Api"); got != "remain:1,limit:3,time:1 minute" {
		t.Errorf("header %q", got)
	}
	a.rows()
	got := a.list()
	got.want(t, 429, "APIGW.0308")
	if !strings.Contains(string(got.body), "over ratelimit,limit:3,time:1 minute") {
		t.Errorf("body %s", got.body)
	}
}
