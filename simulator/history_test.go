package simulator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestInvalidParameters(t *testing.T) {
	a := signedIn(t, simulator.New(empty()))
	for _, parameters := range []string{
		"startDate=", "endDate=", "startDate=2025-03-14", "endDate=-5", "startDate=2&endDate=1",
		"offset=-1", "offset=x", "offset=99999999999999999999", "limit=0", "limit=1.5",
		"queryAll=yes", "sortType=ASC_StartTime",
	} {
		t.Run(parameters, func(t *testing.T) { a.list(parameters).want(t, 400, "MMC.111070001") })
	}
}

func TestOffsetSortTypeAndSearchKey(t *testing.T) {
	r := numbered(7)
	for i := range r {
		r[i].IsHasRecordFile = new(i%2 == 1)
	}
	r[0].Subject, r[1].SchedulerName, r[2].ConferenceID = "budget 42", "user42", "914242"
	a := signedIn(t, withRecords(r...))
	for parameters, want := range map[string]string{
		"limit=3&offset=0":        "0 1 2",
		"limit=3&offset=1":        "1 2 3",
		"limit=3&offset=3":        "3 4 5",
		"limit=3&offset=5":        "5 6",
		"limit=3&offset=6":        "6",
		"limit=3&offset=7":        "6", // past the end: the last page again
		"limit=3&offset=9":        "6",
		"limit=3&offset=1000000":  "6",
		"sortType=ASC_StartTIME":  "0 1 2 3 4 5 6",
		"sortType=DSC_StartTIME":  "6 5 4 3 2 1 0",
		"sortType=":               "6 5 4 3 2 1 0",
		"sortType=ASC_RecordTYPE": "0 2 4 6 1 3 5",
		"sortType=DSC_RecordTYPE": "5 3 1 6 4 2 0",
		"searchKey=42":            "0 1 2",
		"searchKey=budget":        "0",
		"searchKey=user":          "1",
		"searchKey=9142":          "2",
		"searchKey=none":          "",
	} {
		got := a.rows(parameters)
		equal(t, parameters, got.ids(), want)
		if strings.HasPrefix(parameters, "limit") && (got.Count != 7 || got.Limit != 3) {
			t.Errorf("%s: count %d, limit %d", parameters, got.Count, got.Limit)
		}
	}
}

func TestEmptyHistory(t *testing.T) {
	a := signedIn(t, simulator.New(empty()))
	equal(t, "body", string(a.list("offset=5").body), `{"data":[],"offset":5,"limit":20,"count":0}`)
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		maxLimit int
		limit    string
		want     int
	}{{0, "", 20}, {0, "500", 500}, {0, "501", 500}, {0, "99999999999", 500}, {30, "500", 30}, {30, "", 20}} {
		cfg := empty()
		cfg.MaxLimit = c.maxLimit
		s := simulator.New(cfg)
		s.Add(numbered(501)...)
		got := signedIn(t, s).rows("limit=" + c.limit)
		equal(t, fmt.Sprint(c), [3]int{len(got.Data), got.Limit, got.Count}, [3]int{c.want, c.want, 501})
	}
}

func TestRangeIncludesBothEnds(t *testing.T) {
	for means, want := range map[simulator.Range]string{
		simulator.RangeStart:   "first last",
		simulator.RangeEnd:     "before first",
		simulator.RangeOverlap: "around before first last",
	} {
		cfg := empty()
		cfg.Range = means
		s := simulator.New(cfg)
		s.Add(
			record("long before", time.Hour, 9*time.Hour),
			record("before", time.Hour, 6*time.Hour), // 05:00 to 06:00
			record("around", 8*time.Hour, time.Hour), // 03:00 to 11:00
			record("first", time.Hour, 5*time.Hour),  // 06:00 to 07:00
			record("last", time.Hour, 2*time.Hour),   // 09:00 to 10:00
			record("after", time.Hour, 90*time.Minute),
		)
		got := signedIn(t, s).rows("startDate=" + millis(noon.Add(-6*time.Hour)) + "&endDate=" + millis(noon.Add(-3*time.Hour)))
		equal(t, fmt.Sprint("range ", means), got.ids(), want)
	}
}

func TestListingAndRecordingAreDelayed(t *testing.T) {
	var c clock
	cfg := empty()
	cfg.Now, cfg.PublicationDelay = c.now, 2*time.Minute
	s := simulator.New(cfg)
	early, late := record("a", time.Hour, 0), record("b", time.Hour, 0)
	early.IsHasRecordFile, early.RecordingAt = new(true), noon.Add(10*time.Minute)
	late.ListedAt = noon.Add(5 * time.Minute)
	s.Add(early, late)
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
		got := a.rows("")
		equal(t, fmt.Sprint("after ", step.at), got.ids(), step.ids)
		if len(got.Data) > 0 {
			equal(t, fmt.Sprint("recording after ", step.at), got.Data[0]["isHasRecordFile"], step.recorded)
		}
	}
}

func TestAddedRecord(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	s := withRecords(simulator.Record{
		ConfUUID: "a",
		Start:    time.Date(2025, 3, 14, 7, 30, 59, 0, zone),
		End:      time.Date(2025, 3, 14, 8, 0, 1, 0, zone),
		Extra: map[string]json.RawMessage{
			"normalCount": json.RawMessage(`"12"`), "size": json.RawMessage(`null`),
			"deptName": nil, "brandNew": json.RawMessage(`{"a":[1]}`),
		},
	})
	r := signedIn(t, s).rows("").Data[0]
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

func TestEditAndRemove(t *testing.T) {
	s := simulator.New(generated(50))
	a := signedIn(t, s)
	before := a.rows("")
	first, second := before.Data[0]["confUUID"].(string), before.Data[1]["confUUID"].(string)
	if !s.Remove(first) || s.Remove(first) || s.Edit(first, func(*simulator.Record) {}) {
		t.Error("the first was not removed once")
	}
	if !s.Edit(second, func(r *simulator.Record) { *r.NormalCount = 4711; r.DeptName = "moved" }) {
		t.Error("the second was not found")
	}
	after := a.rows("")
	equal(t, "count", after.Count, before.Count-1)
	equal(t, "first row", after.Data[0]["confUUID"], any(second))
	equal(t, "normalCount", after.Data[0]["normalCount"], any(4711.))
	equal(t, "deptName", after.Data[0]["deptName"], any("moved"))
}

func TestRecordsAreCopied(t *testing.T) {
	r := record("a", time.Hour, time.Hour)
	r.NormalCount = new(3)
	s := withRecords(r)
	*r.NormalCount = 4
	*s.Records(noon)[0].NormalCount = 5
	equal(t, "normalCount", *s.Records(noon)[0].NormalCount, 3)
}
