package simulator

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"
)

const (
	// recordingsKept is how long the enterprise keeps recordings.
	recordingsKept = 3 * 24 * time.Hour
	// recordingRate is the size of a recording, in GB an hour (API page: record
	// files).
	recordingRate = 2.5
	// dayZone is the time zone of the service's day. The API page does not state
	// it.
	dayZone = 8 * time.Hour
)

// administrates reports whether the holder of the request's token may see the
// resources. If not, it responds.
func (s *Service) administrates(w http.ResponseWriter, r *http.Request) bool {
	tok, ok := s.holder(w, r)
	if !ok || s.variant.Load().Access.refuses(w) {
		return false
	}
	if _, adminType := s.signedIn(tok); adminType == ordinaryUser {
		return !AccessForbidden.refuses(w)
	}
	return true
}

// usage responds with what is in use now, and with what happened on the
// service's day (API page: orgRes).
func (s *Service) usage(w http.ResponseWriter, r *http.Request) {
	if !s.administrates(w, r) {
		return
	}
	s.writeResources(w, s.usageAt(s.cfg.Now()))
}

func (s *Service) usageAt(at time.Time) map[string]any {
	e := s.archive.enterprise
	people, live := 0, 0 // no more than there are places
	for _, r := range s.running(at) {
		people += e.peopleIn(r, at)
		if r.Webinar != nil && *r.Webinar {
			live++
		}
	}
	storage := 0.0
	for _, r := range s.archive.endingBetween(at.Add(-recordingsKept), at, at) {
		if s.archive.isListed(r, at) && r.hasRecording(at) {
			storage += r.End.Sub(r.Start).Hours() * recordingRate
		}
	}
	today := at.Add(dayZone).Truncate(24 * time.Hour).Add(-dayZone)
	meetings, attendances, length := 0, 0, time.Duration(0)
	users := map[string]bool{}
	for _, r := range s.archive.endingBetween(today, at.Add(maxLength), at) {
		if r.Start.Before(today) || r.Start.After(at) {
			continue
		}
		meetings++
		length += min(r.End.Sub(r.Start), at.Sub(r.Start))
		for _, v := range e.visits(r) {
			if !v.joined.After(at) {
				attendances++
			}
		}
		for _, a := range r.PartAttendeeInfo {
			if a.Type == softTerminal {
				users[a.Name] = true
			}
		}
	}
	return map[string]any{
		"usedRecStorage":    math.Round(storage*100) / 100,
		"usedAccountsCount": min(people, s.quota("CONF_CALL", at)), "usedLiveCount": min(live, s.quota("LIVE", at)),
		"confCount": meetings, "confLength": int64(length.Minutes()),
		"activeAttendeeCount": min(len(users), attendances), "totalAttendeeCount": attendances,
	}
}

// quotas responds with what the enterprise has bought (API page: corp/resource).
func (s *Service) quotas(w http.ResponseWriter, r *http.Request) {
	if !s.administrates(w, r) {
		return
	}
	now := s.cfg.Now()
	counts := func(typ string, used int) map[string]any {
		expired, expiring := 0, 0
		for _, p := range s.purchases(now) {
			switch {
			case p.Type != typ:
			case p.Status != 0:
				expired += p.Count
			case p.expiry().Sub(now) <= 30*24*time.Hour:
				expiring += p.Count
			}
		}
		c := map[string]any{"sumCount": s.quota(typ, now), "trialCount": 0, "expiredCount": expired, "expiringCount": expiring}
		if used >= 0 { // it is not available for some
			c["usedCount"] = used
		}
		return c
	}
	const unavailable = -1
	resources := map[string]any{
		"te1080pHardCount": counts("HARD_1080P", 27), "te720pHardCount": counts("HARD_720P", 6), "teSoftCount": counts("SOFT", staff),
		"roomCount": counts("ROOM", 34), "thirdPartyHardCount": counts("HARD_THIRD_PARTY", 3), "ideaHubCount": counts("IDEA_HUB", 9),
		"hwVisionCount": counts("HUAWEI_VISION", 1), "recordCapability": counts("RECORD", unavailable),
		"confCallCount": counts("CONF_CALL", unavailable), "liveCount": counts("LIVE", unavailable),
		"vmr": []map[string]any{
			{"vmrPkgId": "p1", "vmrName": "Room 50", "vmrPkgParties": 50, "vmrPkgCount": 3, "vmrPkgUsedCount": 2},
			{"vmrPkgId": "p2", "vmrName": "Room 50 plus", "vmrPkgParties": 50, "vmrPkgCount": 2, "vmrPkgUsedCount": 2},
			{"vmrPkgId": "p3", "vmrName": "Webinar 500", "vmrPkgParties": 500, "vmrPkgCount": 1, "vmrPkgUsedCount": 1},
		},
		"enablePstn": false, "enableSMS": true, "enableHybridCloud": false, "enableCloudDisk": false, "enableUc": false,
		"enableAiMinutes": false, "singleConfCallCount": 500, "confLength": 1440,
	}
	for _, name := range otherEditions {
		switch s.variant.Load().Resources {
		case ResourcesNull:
			resources[name] = nil
		case ResourcesMissing:
			delete(resources, name)
		}
	}
	s.writeResources(w, resources)
}

// otherEditions are the resources that some editions lack.
var otherEditions = []string{"confCallCount", "hwVisionCount", "thirdPartyHardCount", "vmr"}

func (s *Service) writeResources(w http.ResponseWriter, resources map[string]any) {
	if s.variant.Load().Resources == ResourcesText {
		numbersToText(resources)
	}
	writeJSON(w, http.StatusOK, resources)
}

// purchase is one row of the list of resources (API page: corp/resource-list).
type purchase struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	TypeID     string `json:"typeId"`
	TypeDesc   string `json:"typeDesc"`
	VMRMode    *int   `json:"vmrMode"`
	Count      int    `json:"count"`
	ExpireDate int64  `json:"expireDate"`
	OrderID    string `json:"orderId"`
	Status     int    `json:"status"` // 0 is normal, 1 expired
	Editable   bool   `json:"editable"`
}

func (p *purchase) expiry() time.Time { return time.UnixMilli(p.ExpireDate) }

// bought lists what the enterprise has bought.
func (s *Service) bought(w http.ResponseWriter, r *http.Request) {
	if !s.administrates(w, r) {
		return
	}
	const byDefault = 10 // rows of a page
	p := parameters{values: r.URL.Query()}
	offset, limit := int(p.optionalInteger("offset", 0, 0)), int(p.optionalInteger("limit", 1, byDefault))
	if p.err != nil {
		writeError(w, http.StatusBadRequest, "USG.000000001", p.err.Error())
		return
	}
	v := *s.variant.Load()
	writePage(w, v, s.purchases(s.cfg.Now()), s.cfg.MaxLimit, offset, limit, func(p purchase) ([]byte, error) {
		row, err := json.Marshal(p)
		if err != nil || v.Resources != ResourcesText {
			return row, err
		}
		return marshalRow(p, map[string]json.RawMessage{
			"count": fmt.Appendf(nil, `"%d"`, p.Count), "expireDate": fmt.Appendf(nil, `"%d"`, p.ExpireDate), "status": fmt.Appendf(nil, `"%d"`, p.Status),
		})
	})
}

// purchases returns what the enterprise has bought, as it is at an instant.
// Quotas are a little above what the enterprise uses at its busiest. One purchase
// expires 20 days after the service was opened, at the end of the day.
func (s *Service) purchases(at time.Time) []purchase {
	perDay := max(s.cfg.MeetingsPerDay, 0)
	bought := []struct {
		typ, desc   string
		count, days int
		vmrMode     *int
	}{
		{"CONF_CALL", "Concurrency", 100 + perDay*6/5, 300, nil},
		{"CONF_CALL", "Concurrency", 100, 20, nil},
		{"CONF_CALL", "Concurrency", 50, -10, nil},
		{"LIVE", "Live streams", 2 + perDay/250, 160, nil},
		{"RECORD", "Recording storage", 50 + perDay*6/5, 160, nil},
		{"SOFT", "Soft terminals", staff + 50, 200, nil},
		{"ROOM", "Rooms", 36, 200, nil},
		{"HARD_1080P", "1080p terminals", 30, 100, nil},
		{"HARD_720P", "720p terminals", 8, 100, nil},
		{"HARD_THIRD_PARTY", "Third-party terminals", 4, 250, nil},
		{"IDEA_HUB", "IdeaHub", 10, 250, nil},
		{"HUAWEI_VISION", "Huawei Vision", 2, 250, nil},
		{"VMR", "Room 50", 3, 130, new(1)},
		{"VMR", "Room 50 plus", 2, 140, new(1)},
		{"VMR", "Webinar 500", 1, 150, new(2)},
	}
	endOfDay := s.opened.Add(dayZone).Truncate(24 * time.Hour).Add(24*time.Hour - time.Second - dayZone)
	purchases := make([]purchase, len(bought))
	for i, b := range bought {
		expiry := endOfDay.AddDate(0, 0, b.days)
		purchases[i] = purchase{
			ID: fmt.Sprintf("r%d", i), Type: b.typ, TypeID: fmt.Sprintf("t%d", i), TypeDesc: b.desc, VMRMode: b.vmrMode,
			Count: b.count, ExpireDate: expiry.UnixMilli(), OrderID: fmt.Sprintf("CS%010d", i),
		}
		if !at.Before(expiry) {
			purchases[i].Status = 1
		}
	}
	return purchases
}

// quota returns how much of a type is bought and not expired.
func (s *Service) quota(typ string, at time.Time) (n int) {
	for _, p := range s.purchases(at) {
		if p.Type == typ && p.Status == 0 {
			n += p.Count
		}
	}
	return n
}
