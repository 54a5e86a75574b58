package simulator_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const (
	appID  = "myapp"
	appKey = "mykey"
	nonce  = "0123456789abcdef0123456789abcdef"
)

// noon is a Friday.
var noon = time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)

// open is the configuration of most tests: anybody with the key can sign in,
// there are no meetings but those added, and the clock stands still.
func open() simulator.Config {
	return simulator.Config{AppID: appID, AppKey: appKey, Now: func() time.Time { return noon }}
}

// api is a client of the service that follows no rule but the test's.
type api struct {
	t     *testing.T
	http  *http.Client
	url   string
	token string
}

// serve runs the service on the loopback.
func serve(t *testing.T, s *simulator.Service) *api {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &api{t: t, http: client, url: server.URL}
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("%v in %.200s", err, a.body)
	}
}

// want checks the status and the error code of an answer.
func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	var body struct {
		Code      string `json:"error_code"`
		Message   string `json:"error_msg"`
		RequestID string `json:"request_id"`
	}
	if len(a.body) > 0 {
		a.decode(t, &body)
	}
	if a.status != status || body.Code != code {
		t.Errorf("got %d %q, want %d %q", a.status, body.Code, status, code)
	}
	if code != "" && (body.Message == "" || body.RequestID == "" || body.RequestID != a.header.Get("X-Request-Id")) {
		t.Errorf("error body %.200s with X-Request-Id %q", a.body, a.header.Get("X-Request-Id"))
	}
}

// try sends a request and returns what became of it.
func (a *api) try(method, path string, header map[string]string, body any) (answer, error) {
	a.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			a.t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, bytes.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	for k, v := range header {
		request.Header.Set(k, v)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, all}, err
}

func (a *api) do(method, path string, header map[string]string, body any) answer {
	a.t.Helper()
	got, err := a.try(method, path, header, body)
	if err != nil {
		a.t.Fatal(err)
	}
	return got
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

// appAuth signs in by App ID as a user, with a signature that never expires.
func (a *api) appAuth(user string, clientType int) answer {
	a.t.Helper()
	return a.do("POST", simulator.PathAppAuth, authorization(sign(appID+":"+user+":0:"+nonce)), map[string]any{
		"appId": appID, "userId": user, "clientType": clientType, "expireTime": 0, "nonce": nonce,
	})
}

func (a answer) accessToken(t *testing.T) string {
	t.Helper()
	var body struct {
		AccessToken string `json:"accessToken"`
	}
	if a.decode(t, &body); a.status != http.StatusOK || body.AccessToken == "" {
		t.Fatalf("no token in %d %s", a.status, a.body)
	}
	return body.AccessToken
}

// signedIn is serve, and signs in.
func signedIn(t *testing.T, s *simulator.Service) *api {
	t.Helper()
	a := serve(t, s)
	a.token = a.appAuth("", 72).accessToken(t)
	return a
}

// list asks for the history, with parameters given as name, value, ... that
// replace those for all meetings of the last 30 days.
func (a *api) list(parameters ...string) answer {
	a.t.Helper()
	v := url.Values{
		"startDate": {ms(noon.AddDate(0, 0, -30))},
		"endDate":   {ms(noon.AddDate(0, 0, 30))},
		"queryAll":  {"true"},
		"sortType":  {"ASC_StartTIME"},
	}
	for p := range slices.Chunk(parameters, 2) {
		if v.Set(p[0], p[1]); p[1] == "" {
			v.Del(p[0])
		}
	}
	return a.do("GET", simulator.PathHistory+"?"+v.Encode(), map[string]string{"X-Access-Token": a.token}, nil)
}

func ms(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// row is a record as the wire has it.
type row = map[string]any

type rows struct {
	Data                 []row
	Offset, Limit, Count int
}

// rows is list for a request that must succeed.
func (a *api) rows(parameters ...string) rows {
	a.t.Helper()
	got := a.list(parameters...)
	if got.status != http.StatusOK {
		a.t.Fatalf("history: %d %s", got.status, got.body)
	}
	var r rows
	got.decode(a.t, &r)
	return r
}

// ids are the confUUIDs of the rows, in a line.
func (r rows) ids() string {
	var ids []string
	for _, d := range r.Data {
		ids = append(ids, fmt.Sprint(d["confUUID"]))
	}
	return strings.Join(ids, " ")
}

// meeting is a record that ended some time before noon.
func meeting(uuid string, length, ago time.Duration) simulator.Record {
	end := noon.Add(-ago)
	return simulator.Record{ConfUUID: uuid, Start: end.Add(-length), End: end, ConfType: "FUTURE"}
}

func TestEveryAnswerCarriesTheServicesClockAndARequestID(t *testing.T) {
	a := signedIn(t, simulator.New(open()))
	seen := make(map[string]bool)
	for _, got := range []answer{a.list(), a.list("limit", "x"), a.do("GET", "/", nil, nil), a.appAuth("", 1)} {
		id := got.header.Get("X-Request-Id")
		if seen[id] || len(id) != 32 {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
		if got.header.Get("Date") != "Fri, 14 Mar 2025 12:00:00 GMT" || got.header.Get("Server") == "" {
			t.Errorf("headers %v", got.header)
		}
	}
}

func TestUnknownPathsAndMethodsDoNotExist(t *testing.T) {
	a := serve(t, simulator.New(open()))
	for _, route := range []string{
		"GET /", "GET " + simulator.PathHistory + "/", "POST " + simulator.PathHistory, "PUT " + simulator.PathToken,
		"GET " + simulator.PathAppAuth, "DELETE " + simulator.PathAccount,
	} {
		method, path, _ := strings.Cut(route, " ")
		a.do(method, path, nil, nil).want(t, http.StatusNotFound, "APIGW.0101")
	}
	if got := a.do("HEAD", simulator.PathHistory, nil, nil); got.status != http.StatusNotFound {
		t.Errorf("HEAD: %d", got.status)
	}
}

func TestRequestsAreCountedByPath(t *testing.T) {
	s := simulator.New(open())
	a := signedIn(t, s)
	a.list()
	a.list("limit", "x")
	a.do("GET", "/favicon.ico", nil, nil)
	a.do("GET", "/robots.txt", nil, nil)
	got := make(map[string]int)
	for _, p := range []string{simulator.PathAppAuth, simulator.PathAccount, simulator.PathToken, simulator.PathHistory, ""} {
		got[p] = s.Requests(p)
	}
	want := map[string]int{
		simulator.PathAppAuth: 1, simulator.PathAccount: 0, simulator.PathToken: 0, simulator.PathHistory: 2, "": 2,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
