package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

func onAttendance(f simulator.Fault) simulator.Fault {
	return simulator.On(simulator.PathAttendance, f)
}

// attended returns what an attendance adds up to, by the words of rule 9.
func attended(rows []simulator.AttendeeRecord, unknownLeft func(*simulator.AttendeeRecord) bool, end time.Time) meeting.Attendance {
	a := meeting.Attendance{Departments: map[string]int64{}}
	callers := map[string]bool{}
	for i, row := range rows {
		left := row.LeftTime
		if unknownLeft(&row) || left < row.JoinTime {
			left = max(end.UnixMilli(), row.JoinTime)
		}
		caller := "number " + row.CallNumber
		if row.CallNumber == "" {
			caller = "name " + row.DisplayName
		}
		if row.CallNumber+row.DisplayName == "" {
			caller = fmt.Sprint("row ", i)
		}
		callers[caller] = true
		a.Joins++
		a.Seconds += (left - row.JoinTime) / 1000
		a.Departments[meeting.Department(row.DeptName)] += (left - row.JoinTime) / 1000
	}
	a.People = int64(len(callers))
	return a
}

func never(*simulator.AttendeeRecord) bool { return false }

func TestAttendanceInEveryVariant(t *testing.T) {
	for seed := range uint64(15) {
		rng := rand.New(rand.NewPCG(seed, 0))
		v := simulator.RandomVariant(rng)
		v.AttendanceAccess, v.LeftTime = simulator.AttendanceOffered, simulator.LeftTimeKnown
		now := time.Now()
		s := newDirectSetup(t, func(service *simulator.Config, _ *client.Config) {
			service.Seed, service.MeetingsPerDay, service.Worldwide = 1, 300, true
		}, variant(v), maxLimit([]int{20, 500}[rng.IntN(2)]), clock(func() time.Time { return now }))
		pages := 0
		for i, r := range s.Records(now.Add(-90 * time.Minute)) {
			if i%200 > 0 && (*r.NormalCount < 60 || pages > 20) {
				continue
			}
			got, err := s.client.Attendance(t.Context(), r.ConfUUID, r.End)
			want := attended(s.Attendance(r.ConfUUID), never, r.End)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("seed %d, %+v: %v (-want +got):\n%s", seed, v, err, diff)
			}
			pages += int(want.Joins) / 20
		}
		if pages < 5 {
			t.Errorf("seed %d: only %d pages", seed, pages)
		}
	}
}

func TestAttendance(t *testing.T) {
	const end = 1767603120000
	join := func(number string) string {
		return fmt.Sprintf(`{"displayName":"User 01","callNumber":%q,"joinTime":1767600005421,"leftTime":1767600006421,"deptName":"A"}`, number)
	}
	const sample = `{"displayName":"User 01","callNumber":"+99111000000001","deviceType":"软终端","joinTime":1767600005421,"leftTime":1767603130100,"mediaType":"视频","deptName":"Dept A"}
		{"displayName":"Room 7","callNumber":"+99111000000107","deviceType":"硬终端","joinTime":1767600020000,"leftTime":1767603130100,"mediaType":"视频","deptName":"Dept B"}
		{"displayName":"User 02","callNumber":"+99111000000002","deviceType":"软终端","joinTime":1767600072000,"leftTime":1767601200000,"mediaType":"视频","deptName":"Dept A"}
		{"displayName":"User 02","callNumber":"+99111000000002","deviceType":"软终端","joinTime":1767601470250,"leftTime":1767603119900,"mediaType":"视频","deptName":"Dept A"}
		{"displayName":"+990000000099","callNumber":"+990000000099","deviceType":"软终端","joinTime":1767601800000,"leftTime":1767601840500,"mediaType":"视频","deptName":""}`
	sums := func(joins, people, seconds int64, departments map[string]int64) meeting.Attendance {
		return meeting.Attendance{Joins: joins, People: people, Seconds: seconds, Departments: departments}
	}
	type departments = map[string]int64
	for name, c := range map[string]struct {
		rows string // one a line
		want meeting.Attendance
		err  error
	}{
		"the sample":     {sample, sums(5, 4, 3124+3110+1128+1649+40, departments{"Dept A": 3124 + 1128 + 1649, "Dept B": 3110, "unknown": 40}), nil},
		"nobody":         {"", sums(0, 0, 0, departments{}), nil},
		"identical rows": {join("1") + "\n" + join("1") + "\n" + join("1"), sums(3, 1, 3, departments{"A": 3}), nil},
		"odd rows": {`{"callNumber":7,"joinTime":"1767603110000","leftTime":0}
			{"displayName":" ","joinTime":1767603110000,"leftTime":null,"deptName":null}
			{"callNumber":"1","joinTime":1767603110000,"leftTime":1767603109999,"extra":{"a":[1]}}
			{"callNumber":"1","joinTime":1767603110000.5}
			{"callNumber":"1","joinTime":0,"leftTime":1767603109999}
			{"callNumber":"1","joinTime":1767603110}
			null`, sums(3, 3, 30, departments{"unknown": 30}), nil},
		"no usable row": {`{"callNumber":"1","leftTime":1767603109999}`, meeting.Attendance{}, client.ErrUnusable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newDirectSetup(t)
			var rows []string
			if c.rows != "" {
				rows = strings.Split(c.rows, "\n")
			}
			s.fault(onAttendance(jsonBody(pageBody(len(rows), rows...))))
			got, err := s.client.Attendance(t.Context(), "8a57", time.UnixMilli(end))
			if diff := cmp.Diff(c.want, got); !errors.Is(err, c.err) || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, offset := range []simulator.OffsetRule{simulator.OffsetRecord, simulator.OffsetWholePage, simulator.OffsetPageFrom0, simulator.OffsetPageFrom1} {
		for _, v := range []simulator.Variant{{Offset: offset}, {Offset: offset, CountCap: 3}, {Offset: offset, CountCap: 3, EmptyPastEnd: true}} {
			t.Run(fmt.Sprint("identical rows ", v.Offset, v.CountCap, v.EmptyPastEnd), func(t *testing.T) {
				s := newDirectSetup(t, pageLimit(3), variant(v))
				r := s.record("8a57", 0)
				for _, number := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "4", "10", "6"} {
					r.Joins = append(r.Joins, simulator.AttendeeRecord{CallNumber: number, JoinTime: end, LeftTime: end + 1000})
				}
				s.Add(r)
				if got, err := s.client.Attendance(t.Context(), "8a57", r.End); err != nil || got.Joins != 13 || got.People != 11 {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
	}
	t.Run("a record comes while the pages are read", func(t *testing.T) {
		s := newDirectSetup(t, pageLimit(3))
		r := s.record("8a57", 0)
		for i := range 8 {
			r.Joins = append(r.Joins, simulator.AttendeeRecord{CallNumber: fmt.Sprint(i), JoinTime: end, LeftTime: end + 1000})
		}
		s.Add(r)
		more := func() {
			s.Edit("8a57", func(r *simulator.Record) {
				r.Joins = append([]simulator.AttendeeRecord{{CallNumber: "new", JoinTime: end, LeftTime: end + 1000}}, r.Joins...)
			})
		}
		s.fault(onAttendance(simulator.Skip(1, simulator.Times(1, beforeNext(more)))))
		if got, err := s.client.Attendance(t.Context(), "8a57", r.End); err != nil || got.Joins < 8 || got.Joins != got.People {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestAttendanceRefused(t *testing.T) {
	for name, c := range map[string]struct {
		fault         simulator.Fault
		reason        client.Reason
		gone, refused bool
	}{
		"gone":          {simulator.Answer(400, "MMC.111070005", "User 01"), client.Response, true, false},
		"gone, 404":     {simulator.Answer(404, "MMC.111070005", "User 01"), client.Response, true, true},
		"bad request":   {simulator.Answer(400, "MMC.111070001", "User 01"), client.Response, false, false},
		"403":           {simulator.Answer(403, "MMC.111070002", "User 01"), client.Permission, false, true},
		"unknown":       {simulator.Answer(404, "APIGW.0101", "no"), client.Response, false, true},
		"403 throttled": {simulator.Answer(403, "APIGW.0308", "no"), client.Throttled, false, false},
		"401":           {simulator.Answer(401, "MMC.111070111", "no"), client.Auth, false, false},
		"500":           {simulator.Answer(500, "", ""), client.Server, false, false},
		"HTML":          {simulator.HTML(), client.Response, false, false},
		"error in 200":  {simulator.Answer(200, "MMC.111070003", "User 01"), client.Response, false, false},
		"no data":       {jsonBody(`{"count":2,"data":null}`), client.Response, false, false},
		"too few":       {jsonBody(pageBody(3, `{"displayName":"User 01","joinTime":1767600005421}`)), client.Incomplete, false, false},
	} {
		inBubble(t, name, func(t *testing.T) {
			s := newSetup(t)
			s.mustSignIn(t)
			s.fault(onAttendance(c.fault))
			_, err := s.client.Attendance(t.Context(), "8a57", time.Now())
			wantReason(t, err, c.reason)
			var e *client.Error
			if errors.As(err, &e); errors.Is(err, client.ErrGone) != c.gone || e.Refused() != c.refused || strings.Contains(err.Error(), "User") {
				t.Errorf("error %v, refused: %v", err, e.Refused())
			}
			s.mustList(t)
			s.wantSignIns(t, 1)
		})
	}
}

// Attendance keeps to its share, page by page, and the history goes first.
func TestAttendanceShare(t *testing.T) {
	inBubble(t, "share", func(t *testing.T) {
		s := newSetup(t, rate(60), pageLimit(3), oneAttempt, func(_ *simulator.Config, cfg *client.Config) { cfg.MaxAttendanceRequestsPerMinute = 20 })
		s.addRecords(41)
		s.mustSignIn(t)
		s.fault(onAttendance(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			jsonBody(pageBody(1, `{"joinTime":1767600005421}`))(w, r, next)
		}))
		time.Sleep(time.Minute)
		began := time.Now()
		var reading sync.WaitGroup
		reading.Go(func() {
			for range 25 { // a burst of 5, and one every 3 s
				if _, err := s.client.Attendance(context.Background(), "8a57", time.Now()); err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(began); took < time.Minute || took > 70*time.Second {
				t.Errorf("25 requests took %s", took)
			}
		})
		s.mustList(t)
		if took := time.Since(began); took > 22*time.Second { // 21 requests, without a burst
			t.Errorf("the history took %s", took)
		}
		reading.Wait()
	})
}
