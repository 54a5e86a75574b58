package simulator_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// adminType signs in and returns the adminType of the response.
func (a *api) adminType(user string) int {
	a.t.Helper()
	a.useToken(user, 72)
	var s tokenInfo
	a.signIn(user, 72).strictly(a.t, &s)
	return int(s.User.AdminType)
}

func TestUserIDDecidesTheRole(t *testing.T) {
	s := simulator.New(generated(600))
	a := serve(t, s)
	all := signedIn(t, s).rows("").Count
	for user, want := range map[string]struct{ adminType, asUser, asAdministrator int }{
		"":              {0, 2, 0},
		"user0000":      {0, 2, 0},
		"user0009":      {1, 2, 1},
		"user0010":      {2, 2, 1},
		"user1199":      {2, 2, 1},
		"user1200":      {2, 2, 1},
		"user0000@typo": {2, 2, 1},
	} {
		t.Run(user, func(t *testing.T) {
			s := simulator.New(generated(100))
			a := serve(t, s)
			equal(t, "adminType", a.adminType(user), want.adminType)
			s.SetRole(simulator.User)
			equal(t, "adminType as user", a.adminType(user), want.asUser)
			s.SetRole(simulator.Administrator)
			equal(t, "adminType as administrator", a.adminType(user), want.asAdministrator)
		})
	}
	for user, c := range map[string]struct{ least, most int }{
		"":         {all, all},
		"user0009": {all, all},
		"user0010": {1, all / 10},
		"typo":     {0, 0},
	} {
		a.useToken(user, 72)
		between(t, "meetings of "+user, a.rows("").Count, c.least, c.most)
		own := a.rows("queryAll=").Count
		between(t, "own meetings of "+user, own, min(c.least, 1), all/10)
		equal(t, "own meetings of "+user, a.rows("queryAll=false").Count, own)
	}
	a.useToken("", 72)
	own := a.rows("queryAll=").Count
	s.SetRole(simulator.User)
	equal(t, "queryAll=true of a user", a.rows("").Count, own)
	s.SetRole(simulator.Administrator)
	a.useToken("typo", 72)
	equal(t, "queryAll=true of an administrator", a.rows("").Count, all)
}

func TestConfiguredRole(t *testing.T) {
	cfg := empty()
	cfg.Role = simulator.User
	equal(t, "adminType", serve(t, simulator.New(cfg)).adminType(""), 2)
}

// A row names 20 people. All the others see the meeting as their own too.
func TestUnnamedInviteesSeeTheMeeting(t *testing.T) {
	s := simulator.New(generated(60))
	records := s.Records(noon)
	i := slices.IndexFunc(records, func(r simulator.Record) bool { return r.Webinar != nil && *r.Webinar })
	large := records[i]
	small := record("small", time.Hour, time.Hour)
	small.NormalCount, small.PartAttendeeInfo = new(30), large.PartAttendeeInfo[:1]
	small.Subject = large.ConferenceID
	s.Add(small)
	a := serve(t, s)
	seen := make(map[string]int)
	for i := range 1200 {
		a.useToken(fmt.Sprintf("user%04d", i), 72)
		for _, r := range a.rows("queryAll=false&searchKey=" + large.ConferenceID).Data {
			seen[r["confUUID"].(string)]++
		}
	}
	equal(t, "people who see the webinar", seen[large.ConfUUID], *large.NormalCount)
	equal(t, "people who see a row that is not full", seen["small"], 1)
}
