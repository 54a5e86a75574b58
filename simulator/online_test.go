package simulator_test

import (
	"fmt"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// get requests a path, and wants a success.
func (a *api) get(path string) response {
	a.t.Helper()
	got := a.do("GET", path, map[string]string{"X-Access-Token": a.token}, nil)
	got.want(a.t, 200, "")
	return got
}

// clocked is the enterprise of the demo on a clock that the test advances.
func clocked(perDay int) (*simulator.Service, *clock) {
	now := &clock{}
	cfg := generated(perDay)
	cfg.Now = now.now
	return simulator.New(cfg), now
}

func TestRunningMeetingsOfTheEnterprise(t *testing.T) {
	s, now := clocked(1500)
	a := signedIn(t, s)
	var page struct {
		Data                 []conferenceInfo
		Offset, Limit, Count int32
	}
	people := map[string]map[int32]bool{}
	ran := map[string]bool{}
	for range 60 {
		a.get(simulator.PathOnline+"?queryAll=true&limit=500").strictly(t, &page)
		records, in := s.Running(now.now())
		equal(t, "rows", len(page.Data), len(records))
		for i, row := range page.Data {
			equal(t, "people", int(row.OnlineAttendeeAmount), in[i])
			equal(t, "state", row.ConferenceState, "Created")
			if row.EndTime <= now.now().Format("2006-01-02 15:04") || len(row.PasswordEntry) != 2 {
				t.Fatalf("%+v", row)
			}
			ran[row.ConfUUID] = true
			if people[row.ConfUUID] == nil {
				people[row.ConfUUID] = map[int32]bool{}
			}
			people[row.ConfUUID][row.OnlineAttendeeAmount] = true
		}
		now.advance(time.Minute)
	}
	now.advance(24 * time.Hour)
	for _, r := range s.Records(now.now()) {
		delete(ran, r.ConfUUID)
	}
	equal(t, "meetings that ran and are not listed when they are over", len(ran), 0)
	changing := 0
	for _, amounts := range people {
		if len(amounts) > 1 {
			changing++
		}
	}
	between(t, "meetings with people who come and go", changing, len(people)/2, len(people))
}

func TestOnlineParameters(t *testing.T) {
	s, _ := clocked(1500)
	a := signedIn(t, s)
	var first, second, own listing
	a.get(simulator.PathOnline+"?queryAll=true&limit=2").decode(t, &first)
	a.get(simulator.PathOnline+"?queryAll=true&limit=2&offset=2").decode(t, &second)
	a.get(simulator.PathOnline).decode(t, &own)
	if len(first.Data) != 2 || len(second.Data) != 2 || first.ids() == second.ids() || own.Count >= first.Count {
		t.Errorf("%s, %s, %d of %d own", first.ids(), second.ids(), own.Count, first.Count)
	}
	s.SetRole(simulator.User)
	a.get(simulator.PathOnline+"?queryAll=true").decode(t, &own)
	between(t, "meetings of a user", own.Count, 0, first.Count-1)
}

func TestVariantOfOnlineCount(t *testing.T) {
	s, _ := clocked(1500)
	a := signedIn(t, s)
	with := map[simulator.OnlineCountForm]int{}
	all := 0
	for _, form := range []simulator.OnlineCountForm{simulator.OnlineCountAlways, simulator.OnlineCountSometimes, simulator.OnlineCountNever} {
		s.SetVariant(simulator.Variant{OnlineCount: form})
		var page listing
		a.get(simulator.PathOnline+"?queryAll=true&limit=500").decode(t, &page)
		all = len(page.Data)
		for _, r := range page.Data {
			if _, ok := r["onlineAttendeeAmount"]; ok {
				with[form]++
			}
		}
	}
	equal(t, "always", with[simulator.OnlineCountAlways], all)
	between(t, "sometimes", with[simulator.OnlineCountSometimes], 1, all-1)
	equal(t, "never", with[simulator.OnlineCountNever], 0)
}

func TestVariantOfAccess(t *testing.T) {
	s, _ := clocked(0)
	a := signedIn(t, s)
	for form, want := range map[simulator.AccessForm]struct {
		status int
		code   string
	}{simulator.AccessByRole: {200, ""}, simulator.AccessForbidden: {403, "MMC.111070002"}, simulator.AccessUnknown: {404, "APIGW.0101"}} {
		s.SetVariant(simulator.Variant{Access: form})
		for _, path := range []string{simulator.PathOnline, simulator.PathUsage, simulator.PathQuotas, simulator.PathBought} {
			a.do("GET", path, map[string]string{"X-Access-Token": a.token}, nil).want(t, want.status, want.code)
			a.do("GET", path, nil, nil).want(t, 401, invalidToken)
		}
	}
	s.SetVariant(simulator.Variant{})
	a.useToken("nobody", 72)
	a.get(simulator.PathOnline)
	for _, path := range []string{simulator.PathUsage, simulator.PathQuotas, simulator.PathBought} {
		a.do("GET", path, map[string]string{"X-Access-Token": a.token}, nil).want(t, 403, "MMC.111070002")
	}
	for _, query := range []string{"?limit=0", "?offset=-1"} {
		for path, code := range map[string]string{simulator.PathOnline: "MMC.111070001", simulator.PathBought: "USG.000000001"} {
			a.useToken("", 72)
			a.do("GET", path+query, map[string]string{"X-Access-Token": a.token}, nil).want(t, 400, code)
		}
	}
}

// count has the types of the vendor's Go SDK v0.1.207.
type count struct{ SumCount, TrialCount, ExpiredCount, ExpiringCount, UsedCount *int32 }

type corpResource struct {
	Te1080pHardCount, Te720pHardCount, TeSoftCount, RoomCount, ThirdPartyHardCount, IdeaHubCount, HwVisionCount,
	RecordCapability, ConfCallCount, LiveCount *count
	VMR []struct {
		VMRPkgID, VMRName                           string
		VMRPkgParties, VMRPkgCount, VMRPkgUsedCount int32
	}
	EnablePstn, EnableSMS, EnableHybridCloud, EnableCloudDisk, EnableUc, EnableAiMinutes bool
	SingleConfCallCount, ConfLength                                                      int32
}

type usage struct {
	UsedRecStorage                                                                       float64
	UsedAccountsCount, UsedLiveCount, ConfCount, ActiveAttendeeCount, TotalAttendeeCount int32
	ConfLength                                                                           int64
}

func TestResources(t *testing.T) {
	s, now := clocked(1500)
	a := signedIn(t, s)
	var busiest usage
	for range 24 {
		var u usage
		a.get(simulator.PathUsage).strictly(t, &u)
		_, in := s.Running(now.now())
		people := int32(0)
		for _, n := range in {
			people += int32(n)
		}
		busiest.UsedAccountsCount = max(busiest.UsedAccountsCount, u.UsedAccountsCount)
		busiest.UsedRecStorage = max(busiest.UsedRecStorage, u.UsedRecStorage)
		busiest.ConfCount = max(busiest.ConfCount, u.ConfCount)
		equal(t, "people now", u.UsedAccountsCount, people)
		between(t, "active users", u.ActiveAttendeeCount, 0, u.TotalAttendeeCount)
		now.advance(time.Hour)
		a.useToken("", 72)
	}
	between(t, "meetings of a day", busiest.ConfCount, 1000, 2000)
	var q corpResource
	a.get(simulator.PathQuotas).strictly(t, &q)
	if q.ConfCallCount.UsedCount != nil || q.RecordCapability.UsedCount != nil || q.LiveCount.UsedCount != nil {
		t.Error("a count is available that is not")
	}
	quota := *q.ConfCallCount.SumCount
	between(t, "people", busiest.UsedAccountsCount, quota/2, quota)
	between(t, "storage", busiest.UsedRecStorage, 0.75*float64(*q.RecordCapability.SumCount), float64(*q.RecordCapability.SumCount))
	equal(t, "expired", *q.ConfCallCount.ExpiredCount, 50)
	equal(t, "expiring", *q.ConfCallCount.ExpiringCount, 100)

	var list struct {
		Data []struct {
			ID, Type, TypeID, TypeDesc, OrderID string
			VMRMode                             *int32
			Count, Status                       int32
			ExpireDate                          int64
			Editable                            bool
		}
		Offset, Limit, Count int32
	}
	soon, sum := 0, int32(0)
	for offset := 0; offset == 0 || offset < int(list.Count); offset += 10 {
		a.get(fmt.Sprint(simulator.PathBought, "?offset=", offset)).strictly(t, &list)
		for _, r := range list.Data {
			days := time.UnixMilli(r.ExpireDate).Sub(noon).Hours() / 24
			if days > 0 && days < 30 {
				soon++
				between(t, "days", days, 20, 21)
			}
			if r.Type == "CONF_CALL" && r.Status == 0 {
				sum += r.Count
			}
		}
	}
	equal(t, "resources that expire soon", soon, 1)
	equal(t, "quota", sum, quota)
	now.advance(21 * 24 * time.Hour)
	a.useToken("", 72)
	a.get(simulator.PathQuotas).strictly(t, &q)
	equal(t, "quota after the expiry", *q.ConfCallCount.SumCount, quota-100)
}

func TestVariantOfResources(t *testing.T) {
	s, _ := clocked(0)
	a := signedIn(t, s)
	for form, want := range map[simulator.ResourceForm]string{
		simulator.ResourcesAll: "map[string]interface {} float64", simulator.ResourcesNull: "<nil> float64",
		simulator.ResourcesMissing: "missing float64", simulator.ResourcesText: "map[string]interface {} string",
	} {
		s.SetVariant(simulator.Variant{Resources: form})
		var quotas, used object
		a.get(simulator.PathQuotas).decode(t, &quotas)
		a.get(simulator.PathUsage).decode(t, &used)
		concurrency, there := quotas["confCallCount"]
		got := fmt.Sprintf("%T %T", concurrency, used["usedLiveCount"])
		if !there {
			got = fmt.Sprintf("missing %T", used["usedLiveCount"])
		}
		equal(t, fmt.Sprint("form ", form), got, want)
	}
}
