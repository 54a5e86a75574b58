package simulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/simulator"
)

// conferenceInfo has the types of the row in the vendor's Go SDK v0.1.207. The
// API page has no others.
type conferenceInfo struct {
	ConferenceID, Subject, TimeZoneID, StartTime, EndTime, MediaTypes, ConferenceState, Language, AccessNumber,
	UserUUID, ScheduserName, ConfType, ChairJoinURI, GuestJoinURI, AudienceJoinURI, AuxAddress, LiveAddress, LiveURL,
	VmrConferenceID, ConfUUID, DeptName, VmrID, Role, ConfMode, CycleSubConfID string
	Size, ConferenceType, IsAutoMute, IsAutoRecord, RecordType, RecordAuxStream, RecordAuthType, VmrFlag, TerminlCount,
	NormalCount, OnlineAttendeeAmount, MultiStreamFlag, ConcurrentParticipants int32
	IsHasRecordFile, Webinar, ScheduleVmr, SupportSimultaneousInterpretation bool
	PasswordEntry                                                            []struct{ ConferenceRole, Password string }
	PartAttendeeInfo                                                         []struct {
		Name, Phone, Phone2, Phone3, Type string
		Role, IsMute                      int32
	}
	ConfConfigInfo struct {
		IsSendNotify, IsSendSms, IsSendCalendar, IsAutoMute, IsHardTerminalAutoMute, IsGuestFreePwd,
		AllowGuestStartConf, EnableWaitingRoom, IsHostCameraOn, IsGuestCameraOn bool
		CallInRestriction, VmrIDType, ProlongLength int32
		GuestPwd                                    string
	}
}

// tokenInfo has the types of the SDK's responses that carry a token.
type tokenInfo struct {
	AccessToken, TokenIP, RefreshToken                                                            string
	ValidPeriod, ExpireTime, CreateTime, RefreshValidPeriod, RefreshExpireTime, RefreshCreateTime int64
	ClientType, ForceLoginInd, DaysPwdAvailable, TokenType                                        int32
	FirstLogin, PwdExpired                                                                        bool
	DelayDelete                                                                                   *bool
	ProxyToken                                                                                    *struct{}
	User                                                                                          struct {
		UserID, NumberHA1, CompanyID, Name, NameEn, ThirdAccount, AppID string
		UserType, AdminType, CorpType                                   int32
	}
}

// strictly decodes a response and refuses unknown fields.
func (r response) strictly(t *testing.T, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || r.err != nil {
		t.Fatalf("%v, %v in %.2000s", r.err, err, r.body)
	}
}

func TestTypesOfTheVendorsSDK(t *testing.T) {
	a := signedIn(t, simulator.New(generated(1000)))
	var page struct {
		Data                 []conferenceInfo
		Offset, Limit, Count int32
	}
	a.list("limit=500").strictly(t, &page)
	equal(t, "rows", len(page.Data), 500)
	roles := make(map[int32]int)
	for _, r := range page.Data {
		for _, attendee := range r.PartAttendeeInfo {
			roles[attendee.Role]++
		}
	}
	if roles[1] != 500 || roles[0] < 500 || len(roles) != 2 {
		t.Errorf("attendees by role %v", roles)
	}
	var s tokenInfo
	a.signIn("", 72).strictly(t, &s)
}

func TestRowsHaveAllFields(t *testing.T) {
	// The fields of the sample on the API page.
	sample := strings.Fields(`conferenceID mediaTypes subject size timeZoneID startTime endTime conferenceState
		accessNumber language passwordEntry userUUID scheduserName multiStreamFlag conferenceType confType isAutoMute
		isAutoRecord guestJoinUri recordType recordAuxStream recordAuthType confConfigInfo vmrFlag scheduleVmr
		isHasRecordFile partAttendeeInfo terminlCount normalCount deptName confUUID`)
	slices.Sort(sample)
	for _, r := range signedIn(t, simulator.New(generated(100))).rows("limit=500").Data {
		delete(r, "webinar") // not in the sample, and not in every row
		if got := sortedKeys(r); !slices.Equal(got, sample) {
			t.Fatalf("fields %q, want %q", got, sample)
		}
	}
}

func TestGzip(t *testing.T) {
	s := withRecords(numbered(20)...)
	a := signedIn(t, s)
	plain := a.list("").body
	list := func(accept string) response {
		path := simulator.PathHistory + "?startDate=0&endDate=" + millis(noon) + "&queryAll=true&sortType=ASC_StartTIME"
		return a.do("GET", path, map[string]string{"X-Access-Token": a.token, "Accept-Encoding": accept}, nil)
	}
	check := func(name, accept, encoding string) {
		t.Run(name+accept, func(t *testing.T) {
			got := list(accept)
			equal(t, "encoding", got.header.Get("Content-Encoding"), encoding)
			body := got.body
			if encoding != "" {
				z, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(z); err != nil || len(body) < 2*len(got.body) {
					t.Errorf("%d bytes from %d, %v", len(body), len(got.body), err)
				}
			}
			equal(t, "body", string(body), string(plain))
		})
	}
	for accept, encoding := range map[string]string{
		"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "deflate,gzip": "gzip",
		"identity": "", "gzip;q=0": "", "gzip; q=0.0, br": "", "xgzip": "",
	} {
		check("", accept, encoding)
	}
	s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) })
	check("under a fault ", "gzip", "")
	s.SetFault(nil)
	s.RevokeTokens()
	got := list("gzip")
	got.want(t, 401, invalidToken)
	equal(t, "encoding of a small body", got.header.Get("Content-Encoding"), "")
}
