package simulator_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestVariantOfOffset(t *testing.T) {
	const last = "6"
	s := withRecords(numbered(7)...)
	a := signedIn(t, s)
	for rule, pages := range map[simulator.OffsetRule]map[string]string{
		simulator.OffsetRecord:    {"0": "0 1 2", "1": "1 2 3", "5": "5 6", "6": last, "7": "", "8": ""},
		simulator.OffsetWholePage: {"0": "0 1 2", "1": "0 1 2", "5": "3 4 5", "6": last, "7": last, "8": last, "9": ""},
		simulator.OffsetPageFrom0: {"0": "0 1 2", "1": "3 4 5", "2": last, "3": "", "7": ""},
		simulator.OffsetPageFrom1: {"0": "0 1 2", "1": "0 1 2", "2": "3 4 5", "3": last, "4": "", "8": ""},
	} {
		pages["9223372036854775807"] = ""
		for offset, want := range pages {
			for _, emptyPastEnd := range []bool{true, false} {
				s.SetVariant(simulator.Variant{Offset: rule, EmptyPastEnd: emptyPastEnd})
				if want == "" && !emptyPastEnd {
					want = last
				}
				got := a.rows("limit=3&offset=" + offset)
				equal(t, fmt.Sprintf("rule %d, offset %s", rule, offset), got.ids(), want)
				equal(t, "count", got.Count, 7)
			}
		}
	}
	s.Remove("6")
	equal(t, "last page when it is full", a.rows("limit=3&offset=6").ids(), "3 4 5")
}

func TestVariantOfCountAndLimit(t *testing.T) {
	cfg := empty()
	cfg.MaxLimit = 30
	s := simulator.New(cfg)
	s.Add(numbered(70)...)
	a := signedIn(t, s)
	for name, c := range map[string]struct {
		variant    simulator.Variant
		parameters string
		want       [4]int // rows, limit, count, and rows of the last page
	}{
		"usual":            {simulator.Variant{}, "limit=40", [4]int{30, 30, 70, 10}},
		"reduced silently": {simulator.Variant{Limit: simulator.LimitReducedSilently}, "limit=40", [4]int{30, 40, 70, 10}},
		"ignored":          {simulator.Variant{Limit: simulator.LimitIgnored}, "limit=5", [4]int{20, 20, 70, 10}},
		"ignored silently": {simulator.Variant{Limit: simulator.LimitIgnoredSilently}, "limit=40", [4]int{20, 40, 70, 10}},
		"page numbers":     {simulator.Variant{Limit: simulator.LimitIgnored, Offset: simulator.OffsetPageFrom0}, "limit=5", [4]int{20, 20, 70, 10}},
		"count cap":        {simulator.Variant{CountCap: 60}, "limit=40", [4]int{30, 30, 60, 10}},
		"high count cap":   {simulator.Variant{CountCap: 100}, "limit=40", [4]int{30, 30, 70, 10}},
	} {
		s.SetVariant(c.variant)
		first, last := a.rows(c.parameters), a.rows(c.parameters+"&offset=100")
		equal(t, name, [4]int{len(first.Data), first.Limit, first.Count, len(last.Data)}, c.want)
	}
}

func TestVariantOfState(t *testing.T) {
	created, ended, absent := record("a", time.Hour, time.Hour), record("b", time.Hour, time.Hour), record("c", time.Hour, time.Hour)
	created.ConferenceState, ended.ConferenceState = "Created", "Destroyed"
	s := withRecords(created, ended, absent)
	a := signedIn(t, s)
	for state, want := range map[string]string{
		"":                    "Created Destroyed <nil>",
		"DESTROYED":           "Created DESTROYED DESTROYED",
		"Ended":               "Created Ended Ended",
		simulator.StateAbsent: "Created <nil> <nil>",
	} {
		s.SetVariant(simulator.Variant{State: state})
		var got []string
		for _, r := range a.rows("").Data {
			got = append(got, fmt.Sprint(r["conferenceState"]))
		}
		equal(t, "states with "+state, strings.Join(got, " "), want)
	}
}

func TestRunningMeetings(t *testing.T) {
	cfg := generated(1500)
	cfg.History = 12 * time.Hour
	cfg.Variant = simulator.Variant{ListRunning: true, State: "Ended"}
	s := simulator.New(cfg)
	r := record("planned", 2*time.Hour, -10*time.Minute)
	r.IsHasRecordFile = new(true)
	ended, future, unlisted := record("ended", time.Hour, 0), record("future", time.Hour, -2*time.Hour), record("unlisted", time.Hour, time.Second)
	ended.ListedAt = noon
	s.Add(r, ended, future, unlisted)
	a := signedIn(t, s)
	states := make(map[string]int)
	count := a.rows("").Count
	for offset := 0; offset < count; offset += 500 {
		for _, row := range a.rows(fmt.Sprint("limit=500&offset=", offset)).Data {
			state, end, id := row["conferenceState"].(string), row["endTime"].(string), row["confUUID"]
			states[state]++
			if running := end > "2025-03-14 12:00"; running != (state != "Ended") {
				t.Errorf("%v is %s and ends at %s", id, state, end)
			}
			switch id {
			case "planned":
				equal(t, "end", end, "2025-03-14 12:30")
				equal(t, "recording", row["isHasRecordFile"], any(false))
			case "future", "unlisted":
				t.Errorf("%v is listed", id)
			}
		}
	}
	between(t, "running meetings", count-states["Ended"], 20, 200)
	equal(t, "states", len(states), 1+7)
	var listed int64
	for _, sum := range s.Listed(noon) {
		listed += sum.Meetings
	}
	equal(t, "meetings in the sums", listed, int64(states["Ended"]))
}

func TestVariantOfTime(t *testing.T) {
	r := record("a", time.Hour, time.Hour)
	r.Start = time.Date(2025, 3, 13, 23, 30, 59, 5e6, time.FixedZone("", -3600))
	s := withRecords(r)
	a := signedIn(t, s)
	for format, want := range map[simulator.TimeFormat]string{
		simulator.TimeMinutes:     `"2025-03-14 00:30"`,
		simulator.TimeSeconds:     `"2025-03-14 00:30:59"`,
		simulator.TimeRFC3339:     `"2025-03-14T00:30:59Z"`,
		simulator.TimeRFC3339Zone: `"2025-03-14T08:30:59+08:00"`,
		simulator.TimeRFC3339Bare: `"2025-03-14T00:30:59"`,
		simulator.TimeMillis:      `1741912259005`,
		simulator.TimeMillisText:  `"1741912259005"`,
	} {
		s.SetVariant(simulator.Variant{Time: format})
		if body := string(a.list("").body); !strings.Contains(body, `"startTime":`+want+`,"endTime":`) {
			t.Errorf("format %d: %s", format, body)
		}
	}
}

func TestVariantOfEmptyListing(t *testing.T) {
	s := simulator.New(empty())
	a := signedIn(t, s)
	for form, want := range map[simulator.EmptyForm]string{
		simulator.EmptyArray:  `{"data":[],"offset":0,"limit":20,"count":0}`,
		simulator.EmptyNull:   `{"data":null,"offset":0,"limit":20,"count":0}`,
		simulator.EmptyAbsent: `{"offset":0,"limit":20,"count":0}`,
	} {
		s.SetVariant(simulator.Variant{Empty: form, EmptyPastEnd: true})
		equal(t, "body", string(a.list("").body), want)
		s.Add(numbered(1)...)
		equal(t, "body past the end", string(a.list("offset=1").body), `{"data":[],"offset":1,"limit":20,"count":1}`)
		s.Remove("0")
	}
}

func TestVariantOfDeadToken(t *testing.T) {
	for form, c := range map[simulator.DeadTokenForm]struct {
		status int
		code   string
	}{
		simulator.DeadTokenUnauthorized: {401, "MMC.111070111"},
		simulator.DeadTokenNull:         {400, "111070111"},
		simulator.DeadTokenBadRequest:   {400, "MBI.000000004"},
		simulator.DeadTokenForbidden:    {403, "USG.200000002"},
		simulator.DeadTokenNoBody:       {403, ""},
		simulator.DeadTokenOK:           {200, "MMC.111070111"},
	} {
		var now clock
		cfg := empty()
		cfg.Now, cfg.TokenLifetime, cfg.Variant = now.now, time.Hour, simulator.Variant{DeadToken: form}
		s := simulator.New(cfg)
		revoked, expired := signedIn(t, s), serve(t, s)
		s.RevokeTokens()
		revoked.list("").want(t, c.status, c.code)
		expired.useToken("", 72)
		now.advance(time.Hour)
		got := expired.list("")
		got.want(t, c.status, c.code)
		equal(t, "body", len(got.body) > 0, c.code != "")
		expired.token = ""
		expired.list("").want(t, c.status, c.code)
	}
}

func TestVariantOfThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := empty()
		cfg.RateLimit = 2
		s := simulator.New(cfg)
		a := signedIn(t, s)
		time.Sleep(1500 * time.Millisecond)
		a.rows("")
		s.SetVariant(simulator.Variant{Throttle: simulator.ThrottleForbidden})
		got := a.list("")
		got.want(t, 403, "APIGW.0308")
		equal(t, "Retry-After", got.header.Get("Retry-After"), "60")
		time.Sleep(10500 * time.Millisecond)
		equal(t, "Retry-After", a.list("").header.Get("Retry-After"), "50")
		time.Sleep(50 * time.Second)
		a.rows("")

		s.SetVariant(simulator.Variant{Throttle: simulator.ThrottleCut})
		got = a.list("")
		if !errors.Is(got.err, io.ErrUnexpectedEOF) || got.status != 429 || len(got.body) == 0 {
			t.Errorf("%d, %v, %s", got.status, got.err, got.body)
		}
	})
}

func TestVariantOfSignIn(t *testing.T) {
	s := simulator.New(empty())
	a := serve(t, s)
	for form, want := range map[simulator.SignInForm]struct{ user, number string }{
		simulator.SignInUsual:       {`"user":{"adminType":0,`, `"tokenType":0,`},
		simulator.SignInUserArray:   {`"user":[],`, `"tokenType":0,`},
		simulator.SignInNullUser:    {`"user":null,`, `"tokenType":0,`},
		simulator.SignInNoUser:      {`"tokenType":0,"validPeriod":`, `"tokenType":0,`},
		simulator.SignInTextNumbers: {`"user":{"adminType":"0",`, `"tokenType":"0",`},
	} {
		s.SetVariant(simulator.Variant{SignIn: form})
		a.useToken("", 72)
		a.rows("")
		if body := string(a.signIn("", 72).body); !strings.Contains(body, want.user) || !strings.Contains(body, want.number) {
			t.Errorf("form %d: %s", form, body)
		}
	}
}

func TestRandomVariant(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := make(map[string]map[any]bool)
	for range 1000 {
		v := reflect.ValueOf(simulator.RandomVariant(rng))
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if values[name] == nil {
				values[name] = make(map[any]bool)
			}
			values[name][v.Field(i).Interface()] = true
		}
	}
	for name, want := range map[string]int{
		"Offset": 4, "EmptyPastEnd": 2, "CountCap": 5, "Limit": 4, "State": 5, "ListRunning": 2, "Time": 7,
		"Empty": 3, "DeadToken": 6, "Throttle": 3, "SignIn": 5,
		"OnlineCount": 3, "Resources": 4, "Access": 3,
		"LeftTime": 6, "UnknownMeeting": 3, "AttendanceAccess": 3,
	} {
		equal(t, "values of "+name, len(values[name]), want)
	}
	equal(t, "fields", len(values), 17)
	equal(t, "same seed", simulator.RandomVariant(rand.New(rand.NewPCG(3, 4))), simulator.RandomVariant(rand.New(rand.NewPCG(3, 4))))
}

// Whatever the variant, a client that knows it finds every meeting.
func TestVariantsLoseNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	cfg := generated(30)
	cfg.MaxLimit = 100
	s := simulator.New(cfg)
	a := signedIn(t, s)
	for range 10 {
		v := simulator.RandomVariant(rng)
		s.SetVariant(v)
		a.useToken("", 72)
		found := make(map[string]bool)
		for first, page := 0, 0; ; page++ {
			offset := first
			switch v.Offset {
			case simulator.OffsetPageFrom0:
				offset = page
			case simulator.OffsetPageFrom1:
				offset = page + 1
			}
			rows := a.rows(fmt.Sprint("limit=100&offset=", offset)).Data
			before := len(found)
			for _, r := range rows {
				found[r["confUUID"].(string)] = true
			}
			if first += len(rows); len(found) == before {
				break
			}
		}
		for _, r := range s.Records(noon) {
			if !found[r.ConfUUID] {
				t.Fatalf("%+v: %s is missing among %d", v, r.ConfUUID, len(found))
			}
		}
	}
}
