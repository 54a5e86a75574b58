package simulator_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// attendeeRecord has the types of the API page.
type attendeeRecord struct {
	DisplayName, CallNumber, DeviceType, MediaType, DeptName string
	JoinTime, LeftTime                                       int64
}

type attendancePage struct {
	Data                 []attendeeRecord
	Offset, Limit, Count int32
}

func (a *api) attendance(uuid, parameters string) response {
	a.t.Helper()
	return a.do("GET", simulator.PathAttendance+"?confUUID="+uuid+"&"+parameters, map[string]string{"X-Access-Token": a.token}, nil)
}

func TestAttendanceFitsTheHistory(t *testing.T) {
	s := simulator.New(generated(1500))
	a := signedIn(t, s)
	var seen struct{ late, early, again, rooms, strangers, nameless, absent, empty, pages int }
	for _, r := range s.Records(noon)[:3000] {
		rows := s.Attendance(r.ConfUUID)
		if len(rows) == 0 {
			seen.empty++
			continue
		}
		numbers := map[string]int{}
		for _, row := range rows {
			joined, left := time.UnixMilli(row.JoinTime), time.UnixMilli(row.LeftTime)
			if joined.Before(r.Start) || left.After(r.End) || left.Before(joined) {
				t.Fatalf("%s ran from %v to %v: a join from %v to %v", r.ConfUUID, r.Start, r.End, joined, left)
			}
			length := r.End.Sub(r.Start)
			seen.late += oneIf(joined.Sub(r.Start) > length/10)
			seen.early += oneIf(r.End.Sub(left) > length/10)
			if numbers[row.CallNumber]++; row.CallNumber != "" && numbers[row.CallNumber] == 2 {
				seen.again++
			}
			seen.rooms += oneIf(row.DeviceType == "硬终端")
			seen.strangers += oneIf(row.CallNumber != "" && row.DisplayName == row.CallNumber && row.DeptName == "")
			seen.nameless += oneIf(row.CallNumber == "" && row.DisplayName == "")
		}
		seen.absent += oneIf(len(numbers) < *r.NormalCount+*r.TerminalCount)
		if seen.pages += oneIf(len(rows) > 500); len(rows) > 500 && seen.pages > 3 {
			continue
		}
		if len(rows) < 480 && hashOf(r.ConfUUID)%50 != 0 {
			continue
		}
		var got []attendeeRecord
		for offset := 0; offset < len(rows); offset += 500 {
			var page attendancePage
			a.attendance(r.ConfUUID, fmt.Sprint("limit=500&offset=", offset)).strictly(t, &page)
			if page.Count == 0 {
				break // not listed yet
			}
			equal(t, "count", int(page.Count), len(rows))
			got = append(got, page.Data...)
		}
		for i, row := range got {
			equal(t, "row", simulator.AttendeeRecord{
				DisplayName: row.DisplayName, CallNumber: row.CallNumber, DeviceType: row.DeviceType,
				JoinTime: row.JoinTime, LeftTime: row.LeftTime, MediaType: row.MediaType, DeptName: row.DeptName,
			}, rows[i])
		}
	}
	t.Logf("%+v", seen)
	for what, n := range map[string]int{
		"late": seen.late, "early": seen.early, "again": seen.again, "rooms": seen.rooms, "strangers": seen.strangers,
		"nameless": seen.nameless, "absent": seen.absent, "empty": seen.empty, "pages": seen.pages,
	} {
		if n == 0 {
			t.Errorf("no join or meeting is of the kind %q", what)
		}
	}
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

func hashOf(text string) (n uint32) {
	for _, c := range text {
		n = n*31 + uint32(c)
	}
	return n
}

func TestAttendanceIsListedLater(t *testing.T) {
	c := &clock{}
	cfg := generated(1500)
	cfg.Now = c.now
	s := simulator.New(cfg)
	a := signedIn(t, s)
	soon, later := 0, 0
	for _, r := range s.Records(noon) {
		if r.ListedAt.Before(noon.Add(-20 * time.Second)) {
			continue
		}
		var page attendancePage
		if a.attendance(r.ConfUUID, "").strictly(t, &page); page.Count > 0 {
			soon++
			continue
		}
		c.advance(time.Hour)
		if a.attendance(r.ConfUUID, "").strictly(t, &page); page.Count > 0 {
			later++
		}
		c.advance(-time.Hour)
	}
	for _, r := range s.Records(noon.Add(10 * time.Minute)) {
		if r.ListedAt.After(noon) {
			a.attendance(r.ConfUUID, "").want(t, 400, "MMC.111070005")
		}
	}
	if later == 0 {
		t.Errorf("%d at once, %d later", soon, later)
	}
}

func TestAttendanceOfAddedRecords(t *testing.T) {
	r := record("a", time.Hour, time.Hour)
	r.Joins = []simulator.AttendeeRecord{{CallNumber: "1", JoinTime: 1, LeftTime: 2}}
	s := withRecords(r)
	s.Add(record("b", time.Hour, 10*time.Minute), record("running", 0, -time.Hour))
	a := signedIn(t, s)
	equal(t, "rows of a", string(a.attendance("a", "").body),
		`{"data":[{"displayName":"","callNumber":"1","deviceType":"","joinTime":1,"leftTime":2,"mediaType":"","deptName":""}],"offset":0,"limit":20,"count":1}`)
	equal(t, "rows of b", len(s.Attendance("b")), 1)
	for name, c := range map[string]struct {
		uuid, parameters string
		variant          simulator.Variant
		status           int
		code             string
	}{
		"unknown":           {"x", "", simulator.Variant{}, 400, "MMC.111070005"},
		"running":           {"running", "", simulator.Variant{}, 400, "MMC.111070005"},
		"unknown, 404":      {"x", "", simulator.Variant{UnknownMeeting: simulator.UnknownMeetingNotFound}, 404, "MMC.111070005"},
		"unknown, empty":    {"x", "", simulator.Variant{UnknownMeeting: simulator.UnknownMeetingEmpty}, 200, ""},
		"forbidden":         {"a", "", simulator.Variant{AttendanceAccess: simulator.AttendanceForbidden}, 403, "MMC.111070002"},
		"no such request":   {"a", "", simulator.Variant{AttendanceAccess: simulator.AttendanceUnknown}, 404, "APIGW.0101"},
		"no confUUID":       {"", "", simulator.Variant{}, 400, "MMC.111070001"},
		"a negative offset": {"a", "offset=-1", simulator.Variant{}, 400, "MMC.111070001"},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetVariant(c.variant)
			a.attendance(c.uuid, c.parameters).want(t, c.status, c.code)
		})
	}
	s.SetVariant(simulator.Variant{})
	a.useToken("user0100", 72)
	a.attendance("a", "").want(t, 400, "MMC.111070005")
}

func TestVariantOfLeftTime(t *testing.T) {
	s := simulator.New(generated(200))
	a := signedIn(t, s)
	for form, want := range map[simulator.LeftTimeForm]string{
		simulator.LeftTimeZero: "0", simulator.LeftTimeNull: "null", simulator.LeftTimeEmpty: `""`, simulator.LeftTimeAbsent: "",
		simulator.LeftTimeBeforeJoin: "before",
	} {
		s.SetVariant(simulator.Variant{LeftTime: form})
		rows, odd := 0, 0
		for _, r := range s.Records(noon)[:100] {
			var page struct{ Data []map[string]json.RawMessage }
			a.attendance(r.ConfUUID, "limit=500").decode(t, &page)
			truth := s.Attendance(r.ConfUUID)
			for i, row := range page.Data {
				left, joined := string(row["leftTime"]), string(row["joinTime"])
				isOdd := left == want || want == "before" && left < joined // both have 13 digits
				if told := truth[i].LeftTime < truth[i].JoinTime; told != isOdd {
					t.Fatalf("leftTime is %s, told as %d", left, truth[i].LeftTime)
				}
				rows++
				odd += oneIf(isOdd)
			}
		}
		between(t, fmt.Sprintf("share of odd rows of form %d", form), float64(odd)/float64(rows), 0.05, 0.2)
	}
}
