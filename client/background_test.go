package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// aBusyEnterprise has about 60 meetings that run.
func aBusyEnterprise(service *simulator.Config, _ *client.Config) {
	service.Seed, service.MeetingsPerDay, service.Worldwide = 1, 1500, true
}

func TestOnlineEqualsTheServiceInEveryVariant(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		v := simulator.RandomVariant(rng)
		v.Access = simulator.AccessByRole
		now := time.Now()
		s := newDirectSetup(t, aBusyEnterprise, variant(v), maxLimit([]int{20, 500}[rng.IntN(2)]), clock(func() time.Time { return now }))
		got, err := s.client.Online(t.Context())
		if err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, v, err)
		}
		type sums struct{ meetings, people, without int }
		truth, found := map[string]sums{}, map[string]sums{}
		records, people := s.Running(now)
		for i, r := range records {
			department := meeting.Department(r.DeptName)
			one := truth[department]
			one.meetings++
			if v.OnlineCount == simulator.OnlineCountNever {
				one.without++
			} else {
				one.people += people[i]
			}
			truth[department] = one
		}
		for _, r := range got {
			one := found[r.Department]
			one.meetings++
			if r.Online == meeting.Absent {
				one.without++
			} else {
				one.people += int(r.Online)
			}
			found[r.Department] = one
		}
		if v.OnlineCount == simulator.OnlineCountSometimes {
			continue // TestVariantOfOnlineCount of the simulator says which rows have one
		}
		if diff := cmp.Diff(truth, found, cmp.AllowUnexported(sums{})); diff != "" || len(records) < 20 {
			t.Errorf("seed %d, %+v (-truth +got):\n%s", seed, v, diff)
		}
	}
}

func TestOnline(t *testing.T) {
	type running = client.Running
	for name, c := range map[string]struct {
		rows string
		want []running
		err  client.Reason
	}{
		"none": {},
		"any state, and a planned end in the past": {
			rows: `{"confUUID":"a","conferenceState":"Destroyed","endTime":"2001-01-01 00:00","deptName":" R&D ","confType":"FUTURE","onlineAttendeeAmount":3}`,
			want: []running{{"R&D", meeting.Scheduled, 3}},
		},
		"no number is not 0": {
			rows: `{"confUUID":"a","onlineAttendeeAmount":0},{"confUUID":"b"},{"confUUID":"c","onlineAttendeeAmount":null},{"confUUID":"d","onlineAttendeeAmount":-1},{"confUUID":"e","onlineAttendeeAmount":"7"}`,
			want: []running{{"unknown", meeting.Other, 0}, {"unknown", meeting.Other, -1}, {"unknown", meeting.Other, -1}, {"unknown", meeting.Other, -1}, {"unknown", meeting.Other, 7}},
		},
		"no UUID":    {rows: `{"deptName":"a","webinar":true}`, want: []running{{"a", meeting.Webinar, -1}}},
		"no object":  {rows: `null,{"confUUID":"a"},1`, want: []running{{"unknown", meeting.Other, -1}}},
		"no objects": {rows: `null,1,[]`, err: client.Response},
	} {
		t.Run(name, func(t *testing.T) {
			s := newDirectSetup(t)
			rows := strings.Count(c.rows, `"confUUID"`) + strings.Count(c.rows, `"webinar"`) + strings.Count(c.rows, "null,") + strings.Count(c.rows, ",1")
			s.fault(simulator.On(simulator.PathOnline, jsonBody(pageBody(rows, c.rows))))
			got, err := s.client.Online(t.Context())
			wantReason(t, err, c.err)
			if diff := cmp.Diff(c.want, got); diff != "" && len(got)+len(c.want) > 0 {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	const absent = client.Absent
	for name, c := range map[string]struct {
		body string
		want client.Usage
		err  client.Reason
	}{
		"numbers": {
			`{"usedRecStorage":39.59,"usedAccountsCount":7,"usedLiveCount":0,"confCount":4,"confLength":57,"activeAttendeeCount":6,"totalAttendeeCount":15}`,
			client.Usage{7, 0, 39.59e9, 6, 4, 15},
			"",
		},
		"strings": {`{"usedRecStorage":"1.5","usedAccountsCount":"7"}`, client.Usage{7, absent, 1.5e9, absent, absent, absent}, ""},
		"nonsense": {
			`{"usedRecStorage":"x","usedAccountsCount":-1,"usedLiveCount":null,"confCount":[],"activeAttendeeCount":1e999,"totalAttendeeCount":2}`,
			client.Usage{absent, absent, absent, absent, absent, 2},
			"",
		},
		"another edition": {`{"usedRecStorage":null,"confCount":null}`, client.Usage{absent, absent, absent, absent, absent, absent}, ""},
		"empty":           {body: `{}`, err: client.Response},
		"error code":      {body: `{"error_code":"MMC.1","confCount":4}`, err: client.Response},
		"dead token":      {body: `{"error_code":"MMC.111070111"}`, err: client.Auth},
		"no object":       {body: `[]`, err: client.Response},
	} {
		t.Run(name, func(t *testing.T) {
			s := newDirectSetup(t)
			s.fault(simulator.On(simulator.PathUsage, jsonBody(c.body)))
			got, err := s.client.OrgResources(t.Context())
			wantReason(t, err, c.err)
			if diff := cmp.Diff(c.want, got); diff != "" && c.err == "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestQuotas(t *testing.T) {
	const absent = client.Absent
	for name, c := range map[string]struct {
		body string
		want map[string]client.Resource
		err  client.Reason
	}{
		"all forms": {
			`{"teSoftCount":{"sumCount":"500","expiredCount":1,"expiringCount":2,"usedCount":212},"recordCapability":{"sumCount":100,"expiredCount":0,"usedCount":5},
			"confCallCount":null,"liveCount":[],"enableSMS":true}`,
			map[string]client.Resource{"soft_terminals": {500, 212, 1, 2}, "recording_storage": {100e9, absent, 0, absent}},
			"",
		},
		"rooms of one size": {
			`{"vmr":[{"vmrPkgParties":50,"vmrPkgCount":3,"vmrPkgUsedCount":1},{"vmrPkgParties":"50","vmrPkgCount":2,"vmrPkgUsedCount":2},
			{"vmrPkgParties":100,"vmrPkgCount":1},null,{"vmrPkgCount":9}]}`,
			map[string]client.Resource{"vmr_50": {5, 3, absent, absent}, "vmr_100": {1, absent, absent, absent}},
			"",
		},
		"another edition": {`{"confCallCount":null,"vmr":null}`, map[string]client.Resource{}, ""},
		"no resources":    {body: `{"enableSMS":true}`, err: client.Response},
		"error code":      {body: `{"error_code":1,"vmr":null}`, err: client.Response},
		"too many sizes":  {body: `{"vmr":[` + manySizes(101) + `]}`, err: client.Response},
	} {
		t.Run(name, func(t *testing.T) {
			s := newDirectSetup(t)
			s.fault(simulator.On(simulator.PathQuotas, jsonBody(c.body)))
			got, err := s.client.CorpResources(t.Context())
			wantReason(t, err, c.err)
			if diff := cmp.Diff(c.want, got); diff != "" && c.err == "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func manySizes(n int) string {
	var rooms []string
	for i := range n {
		rooms = append(rooms, fmt.Sprintf(`{"vmrPkgParties":%d,"vmrPkgCount":1}`, i))
	}
	return strings.Join(rooms, ",")
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.fault(simulator.On(simulator.PathBought, jsonBody(pageBody(8,
			`{"id":"1","type":"CONF_CALL","status":0,"expireDate":4102444800000}`,
			`{"id":"2","type":"CONF_CALL","status":"0","expireDate":"4102444799000"}`,
			`{"id":"3","type":"CONF_CALL","status":1,"expireDate":4102444700000}`,
			`{"id":"4","type":"LIVE","status":0,"expireDate":946684000000}`, // past
			`{"id":"5","type":"VMR","expireDate":4102444800000}`,
			`{"id":"6","type":"NEW","status":0,"expireDate":4102444800000}`,
			`{"id":"7","type":"ROOM","status":0,"expireDate":null}`,
			`{"id":"8","type":"SOFT","status":0,"expireDate":4102444800}`))))
		got, err := s.client.ResourceExpiry(t.Context())
		if want := map[string]time.Time{"concurrent_participants": time.UnixMilli(4102444799000)}; err != nil || !cmp.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		s.fault(nil)
		s.SetVariant(simulator.Variant{Limit: simulator.LimitIgnored, Offset: simulator.OffsetPageFrom1})
		if got, err = s.client.ResourceExpiry(t.Context()); err != nil || len(got) != 11 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// What the history can do without must not sign in again, nor use up what the
// limiter allows.
func TestBackgroundRequests(t *testing.T) {
	requests := map[string]func(s *setup) error{
		simulator.PathOnline: func(s *setup) error { _, err := s.client.Online(context.Background()); return err },
		simulator.PathUsage:  func(s *setup) error { _, err := s.client.OrgResources(context.Background()); return err },
		simulator.PathQuotas: func(s *setup) error { _, err := s.client.CorpResources(context.Background()); return err },
		simulator.PathBought: func(s *setup) error { _, err := s.client.ResourceExpiry(context.Background()); return err },
	}
	for path, request := range requests {
		for name, c := range map[string]struct {
			fault   simulator.Fault
			reason  client.Reason
			refused bool
		}{
			"403":           {simulator.Answer(403, "MMC.111070002", "no"), client.Permission, true},
			"403 of USG":    {simulator.Answer(403, "USG.1", "no"), client.Permission, true},
			"403 throttled": {simulator.Answer(403, "APIGW.0308", "no"), client.Throttled, false},
			"404":           {simulator.Answer(404, "APIGW.0101", "no"), client.Response, true},
			"401":           {simulator.Answer(401, "MMC.111070111", "no"), client.Auth, false},
			"500":           {simulator.Answer(500, "", ""), client.Server, false},
			"HTML":          {simulator.HTML(), client.Response, false},
		} {
			inBubble(t, path+" "+name, func(t *testing.T) {
				s := newSetup(t)
				s.mustSignIn(t)
				s.fault(simulator.On(path, c.fault))
				err := request(s)
				wantReason(t, err, c.reason)
				var e *client.Error
				if !errors.As(err, &e) || e.Refused() != c.refused {
					t.Errorf("%v: want refused %v", err, c.refused)
				}
				s.mustList(t)
				s.wantSignIns(t, 1)
			})
		}
	}
	inBubble(t, "the history goes first", func(t *testing.T) {
		s := newSetup(t, rate(60), pageLimit(3), oneAttempt)
		s.addRecords(41) // 20 pages and one more
		s.mustSignIn(t)
		time.Sleep(time.Minute)
		s.reset(t)
		s.mustSignIn(t)
		var online sync.WaitGroup
		for range 3 {
			online.Go(func() {
				time.Sleep(10 * time.Millisecond)
				for range 20 {
					if _, err := s.client.Online(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		began := time.Now()
		s.mustList(t)
		if took, alone := time.Since(began), 17*time.Second; took > alone {
			t.Errorf("the history took %s, alone it takes %s", took, alone)
		}
		online.Wait()
		s.wantRequests(t, simulator.PathOnline, 60)
		if took, least := time.Since(began), 76*time.Second; took < least || took > least+5*time.Second {
			t.Errorf("all took %s, want about %s", took, least)
		}
	})
}
