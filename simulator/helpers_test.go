package simulator_test

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const (
	appID  = "myapp"
	appKey = "mykey"
	nonce  = "0123456789abcdef0123456789abcdef"

	invalidToken = "MMC.111070111"
)

// noon is a Friday.
var noon = time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)

// empty is the configuration of most tests: App ID sign-in, no meetings, and a
// clock that stands still.
func empty() simulator.Config {
	return simulator.Config{AppID: appID, AppKey: appKey, Now: func() time.Time { return noon }}
}

// generated is the enterprise of the demo with another number of meetings.
func generated(perDay int) simulator.Config {
	cfg := empty()
	cfg.Seed, cfg.MeetingsPerDay, cfg.Worldwide = 1, perDay, true
	return cfg
}

// withRecords is an empty service to which records are added.
func withRecords(records ...simulator.Record) *simulator.Service {
	s := simulator.New(empty())
	s.Add(records...)
	return s
}

// record is a meeting that ended some time before noon.
func record(uuid string, length, ago time.Duration) simulator.Record {
	end := noon.Add(-ago)
	return simulator.Record{ConfUUID: uuid, Start: end.Add(-length), End: end, ConfType: "FUTURE"}
}

// numbered are n meetings of one minute, half an hour apart, the last of which
// ended half an hour before noon. Their confUUIDs count from 0.
func numbered(n int) []simulator.Record {
	records := make([]simulator.Record, n)
	for i := range records {
		records[i] = record(strconv.Itoa(i), time.Minute, time.Duration(n-i)*30*time.Minute)
	}
	return records
}

// clock is a clock that the test advances.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time          { return noon.Add(time.Duration(c.since.Load())) }
func (c *clock) advance(d time.Duration) { c.since.Add(int64(d)) }

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func between[T cmp.Ordered](t *testing.T, what string, got, least, most T) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: got %v, want %v to %v", what, got, least, most)
	}
}

type object = map[string]any

// api sends requests to the service.
type api struct {
	t     *testing.T
	http  *http.Client
	stop  func()
	token string
}

// serve runs the service until the test ends.
func serve(t *testing.T, s http.Handler) *api {
	client, stop := simulator.ServePipe(s)
	t.Cleanup(stop)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &api{t: t, http: client, stop: stop}
}

// signedIn is serve followed by a sign-in.
func signedIn(t *testing.T, s *simulator.Service) *api {
	a := serve(t, s)
	a.useToken("", 72)
	return a
}

type response struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r response) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil || r.err != nil {
		t.Fatalf("%v, %v in %.200s", r.err, err, r.body)
	}
}

// want checks the status and the error code; "" is no error.
func (r response) want(t *testing.T, status int, code string) {
	t.Helper()
	var body struct {
		Code      string `json:"error_code"`
		Message   string `json:"error_msg"`
		RequestID string `json:"request_id"`
	}
	if len(r.body) > 0 {
		r.decode(t, &body)
	}
	if r.err != nil || r.status != status || body.Code != code {
		t.Errorf("got %d %q, %v, want %d %q", r.status, body.Code, r.err, status, code)
	}
	if code != "" && (body.Message == "" || body.RequestID == "" || body.RequestID != r.header.Get("X-Request-Id")) {
		t.Errorf("error body %.200s with X-Request-Id %q", r.body, r.header.Get("X-Request-Id"))
	}
}

func (a *api) do(method, path string, header map[string]string, body any) response {
	a.t.Helper()
	text, err1 := json.Marshal(body)
	request, err2 := http.NewRequestWithContext(a.t.Context(), method, "http://meeting.example"+path, bytes.NewReader(text))
	if err1 != nil || err2 != nil {
		a.t.Fatal(err1, err2)
	}
	for k, v := range header {
		request.Header.Set(k, v)
	}
	got, err := a.http.Do(request)
	if err != nil {
		return response{err: err}
	}
	defer func() { _ = got.Body.Close() }()
	all, err := io.ReadAll(got.Body)
	return response{got.StatusCode, got.Header, all, err}
}

func sign(text string) string {
	mac := hmac.New(sha256.New, []byte(appKey))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func authorization(signature string) map[string]string {
	return map[string]string{
		"Authorization": "HMAC-SHA256 signature=" + signature + ",access=" + base64.StdEncoding.EncodeToString([]byte(appID)),
		"X-Token-Type":  "LongTicket",
	}
}

// signIn signs in by App ID, with a signature that never expires.
func (a *api) signIn(user string, clientType int) response {
	a.t.Helper()
	return a.do("POST", simulator.PathAppAuth, authorization(sign(appID+":"+user+":0:"+nonce)),
		object{"appId": appID, "userId": user, "clientType": clientType, "expireTime": 0, "nonce": nonce})
}

// useToken signs in and keeps the token.
func (a *api) useToken(user string, clientType int) {
	a.t.Helper()
	var body struct{ AccessToken string }
	a.signIn(user, clientType).decode(a.t, &body)
	if a.token = body.AccessToken; a.token == "" {
		a.t.Fatal("no token")
	}
}

// list requests the history. The parameters replace those for all meetings of
// 60 days around noon; an empty value removes one.
func (a *api) list(parameters string) response {
	a.t.Helper()
	v := url.Values{
		"startDate": {millis(noon.AddDate(0, 0, -30))}, "endDate": {millis(noon.AddDate(0, 0, 30))},
		"queryAll": {"true"}, "sortType": {"ASC_StartTIME"},
	}
	changes, err := url.ParseQuery(parameters)
	if err != nil {
		a.t.Fatal(err)
	}
	maps.Copy(v, changes)
	return a.do("GET", simulator.PathHistory+"?"+v.Encode(), map[string]string{"X-Access-Token": a.token}, nil)
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

type listing struct {
	Data                 []object
	Offset, Limit, Count int
}

// rows is list for a request that must succeed.
func (a *api) rows(parameters string) (l listing) {
	a.t.Helper()
	got := a.list(parameters)
	if got.decode(a.t, &l); got.status != http.StatusOK {
		a.t.Fatalf("history: %d %s", got.status, got.body)
	}
	return l
}

// ids are the confUUIDs of the rows, separated by spaces.
func (l listing) ids() string {
	var ids []string
	for _, r := range l.Data {
		ids = append(ids, fmt.Sprint(r["confUUID"]))
	}
	return strings.Join(ids, " ")
}
