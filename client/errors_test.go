package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

func TestStatusGivesReason(t *testing.T) {
	s := newSetup(t, oneAttempt)
	for _, c := range []struct {
		signIn, history client.Reason
		statuses        []int
	}{
		{client.Response, client.Response, []int{201, 204, 301, 302, 304, 307, 308, 400, 404, 405, 408, 409, 418}},
		{client.Auth, client.Response, []int{412, 423}},
		{client.Auth, client.Auth, []int{401}},
		{client.Auth, client.Permission, []int{403}},
		{client.Throttled, client.Throttled, []int{429}},
		{client.Network, client.Network, []int{407}},
		{client.Server, client.Server, []int{500, 501, 502, 503, 504, 599}},
	} {
		for path, want := range map[string]client.Reason{simulator.PathAppAuth: c.signIn, simulator.PathHistory: c.history} {
			for _, status := range c.statuses {
				t.Run(fmt.Sprint(status, path), func(t *testing.T) {
					s.reset(t)
					s.fault(simulator.On(path, simulator.Body(status, "text/plain", "")))
					var e *client.Error
					if err := s.wantFailure(t, want); !errors.As(err, &e) || e.Status != status {
						t.Errorf("%+v", err)
					}
					if status != 401 {
						s.wantRequests(t, path, 1)
					}
					_, err := s.client.FirstPage(t.Context(), s.began, s.began)
					wantReason(t, err, want)
				})
			}
		}
	}
}

func TestReasons(t *testing.T) {
	want := []client.Reason{"auth", "permission", "throttled", "server", "network", "response", "incomplete"}
	if got := client.Reasons(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if reason, ok := client.ReasonOf(errors.New("another")); ok {
		t.Errorf("reason %q of an error that is not the client's", reason)
	}
}

// A lenient client would read each of these as "0 meetings".
func TestInvalidPages(t *testing.T) {
	s := newSetup(t)
	faults := map[string]simulator.Fault{
		"redirect":               simulator.Redirect("http://portal.example/"),
		"redirect to no address": simulator.Redirect("http://[portal.example/"),
		"redirect with a page":   simulator.Body(301, "application/json", pageBody(0)),
		"201 with a page":        simulator.Body(201, "application/json", pageBody(0)),
		"HTML":                   simulator.HTML(),
		"neither data nor count": simulator.NoData(),
		"error code as success":  simulator.Answer(200, "MMC.111070003", ""),
		"1001 rows":              jsonBody(pageBody(1001, slices.Repeat([]string{"{}"}, 1001)...)),
	}
	for _, body := range []string{
		"", "\n", `null`, `{}`, `[]`, `"data"`, `0`, `<`, `data=[]&count=0`,
		`{"data":[]}`, `{"data":null}`, `{"count":3}`, `{"data":null,"count":3}`, `{"data":[],"count":null}`,
		`{"data":[],"count":-1}`, `{"data":[],"count":0.5}`, `{"data":[],"count":1e10}`, `{"data":[],"count":"none"}`,
		`{"data":[],"count":false}`, `{"data":[],"count":[]}`, `{"data":{},"count":0}`, `{"data":"","count":0}`,
		`{"data":0,"count":0}`, `{"data":false,"count":0}`, `{"data":{"data":[],"count":0}}`,
		`{"count":0,"error_code":"MMC.111070003"}`, `{"data":[],"count":0,"error_code":"MMC.111070003"}`, `{"data":[],"count":0,"error_code":111070003}`,
		pageBody(0) + ";", pageBody(0) + pageBody(0), "f(" + pageBody(0) + ")",
	} {
		faults[body] = jsonBody(body)
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			s.reset(t)
			s.fault(onHistory(f))
			s.wantFailure(t, client.Response)
			s.wantRequests(t, simulator.PathHistory, 1)
			s.wantRequests(t, "", 2)
		})
	}
}

// Some gateways put the fields of an error into every response.
func TestEmptyErrorCode(t *testing.T) {
	s := newSetup(t)
	for _, code := range []string{`null`, `""`} {
		s.fault(onHistory(jsonBody(`{"data":[{"conferenceState":"Created"}],"count":1,"error_code":` + code + `}`)))
		if n := s.mustList(t).Defects[meeting.NotEnded]; n != 1 {
			t.Errorf("%s: %d records read, want 1", code, n)
		}
	}
}

func TestErrorCodeAndRequestID(t *testing.T) {
	type test struct{ header, body, code, requestID string }
	tests := []test{
		{"", `"MMC.1-a_b:C"`, "MMC.1-a_b:C", "MMC.1-a_b:C"},
		{"", `111070002`, "111070002", "111070002"},
		{"", `"` + strings.Repeat("x", 64) + `"`, strings.Repeat("x", 64), strings.Repeat("x", 64)},
		{"from-header", `"from-body"`, "from-body", "from-header"},
		{"two words", `"from-body"`, "from-body", "from-body"},
	}
	for _, hostile := range []string{
		`"` + strings.Repeat("x", 65) + `"`, `"MMC.1\nlevel=info msg=fine"`, `"MMC 1"`, `"MMC\"1"`, `"\u001b[2J"`, `"MMC\u00001"`,
		`"会议"`, `"\u202eMMC"`, `"<script>"`, `""`, `null`, `{"a":1}`, `["MMC.1",1,null]`,
	} {
		tests = append(tests, test{"", hostile, "", ""})
	}
	s := newSetup(t)
	for _, c := range tests {
		s.reset(t)
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("X-Request-Id", c.header)
			simulator.Body(403, "application/json", fmt.Sprintf(`{"error_code":%s,"request_id":%[1]s}`, c.body))(w, r, next)
		}))
		err := s.wantFailure(t, client.Permission)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != c.code || e.RequestID != c.requestID {
			t.Errorf("%s: %+v", c.body, err)
		}
		const text = "list history: this user may not list history: HTTP 403 from-body (request id from-header)"
		if c.header == "from-header" && err.Error() != text {
			t.Errorf("%v, want %s", err, text)
		}
	}
}

// secrets must not appear in any error, whatever the service sends back.
var secrets = []string{appKey, password, "token-1a2b", "Board meeting", "general-password", "join/4711", "user-name"}

func TestErrorsHoldNoSecret(t *testing.T) {
	all := strings.Join(secrets, " ")
	row := fmt.Sprintf(`{"confUUID":"u","subject":%q,"passwordEntry":[{"password":%[1]q}],"guestJoinUri":%[1]q}`, all)
	faults := map[string]simulator.Fault{
		"message":            simulator.Answer(400, "MMC.1", all),
		"refusal":            simulator.Answer(401, all, all),
		"permission":         simulator.Answer(403, all, all),
		"failure":            simulator.Answer(500, all, all),
		"failure as success": simulator.Answer(200, all, all),
		"HTML":               simulator.Body(200, "text/html", "<p>"+all),
		"string":             jsonBody(fmt.Sprintf("%q", all)),
		"name":               jsonBody(fmt.Sprintf(`{%q:1}`, all)),
		"string as data":     jsonBody(fmt.Sprintf(`{"data":%q,"count":1}`, all)),
		"object as data":     jsonBody(fmt.Sprintf(`{"data":{%q:1},"count":1}`, all)),
		"string as count":    jsonBody(fmt.Sprintf(`{"data":[%s],"count":%q}`, row, all)),
		"array as token":     jsonBody(fmt.Sprintf(`{"accessToken":[%q]}`, all)),
		"half a page":        jsonBody(pageBody(1, row)[:200]),
		"text after a page":  jsonBody(pageBody(1, row) + all),
		"incomplete":         jsonBody(pageBody(2, row)),
		"cut":                simulator.CutBody(),
		"redirect":           simulator.Redirect("http://elsewhere.example/" + url.QueryEscape(all)),
		"invalid redirect":   simulator.Redirect("http://[" + all),
		"gzip":               claimGzip(all),
		"raw":                raw(all + "\r\n\r\n"),
		"raw JSON":           raw(pageBody(1, row) + "\r\n\r\n"),
		"raw status":         raw("HTTP/1.1 " + all + "\r\n\r\n"),
		"raw protocol":       raw("HTTP/" + strings.ReplaceAll(all, " ", "-") + " 200 OK\r\n\r\n"),
		"raw header":         raw("HTTP/1.1 200 OK\r\n" + all + "\r\n\r\n"),
		"raw length":         raw("HTTP/1.1 200 OK\r\nContent-Length: " + all + "\r\n\r\n"),
		"raw encoding":       raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + all + "\r\n\r\n"),
		"raw chunk":          raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + all + "\r\n"),
	}
	for path, opts := range map[string][]option{
		simulator.PathAppAuth: nil, simulator.PathAccount: {byAccount}, simulator.PathHistory: nil, simulator.PathToken: nil,
	} {
		s := newServer(t, (*httptest.Server).Start, append(opts, oneAttempt)...)
		for name, f := range faults {
			t.Run(name+path, func(t *testing.T) {
				s.reset(t)
				s.fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					switch r.URL.Path {
					case path:
						f(w, r, next)
					case simulator.PathAppAuth:
						jsonBody(`{"accessToken":"token-1a2b"}`)(w, r, next)
					default:
						next.ServeHTTP(w, r)
					}
				})
				_, err := s.client.SignIn(t.Context())
				errs := []error{err}
				if path != simulator.PathToken {
					for range 2 { // the second may fail without a request, after a refusal
						_, err := s.list(t.Context())
						errs = append(errs, err)
					}
				}
				wantNoSecret(t, append(errs, s.client.Close(t.Context()))...)
				if len(s.seen(path)) == 0 {
					t.Errorf("no request for %s", path)
				}
			})
		}
	}
}

// wantNoSecret looks into errors and their causes.
func wantNoSecret(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		for ; err != nil; err = errors.Unwrap(err) {
			text := fmt.Sprintf("%v %+v", err, err)
			if i := slices.IndexFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) }); i >= 0 {
				t.Fatalf("%q in: %v", secrets[i], err)
			}
		}
	}
}

// claimGzip responds with a text that claims to be gzip.
func claimGzip(text string) simulator.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Content-Encoding", "gzip")
		jsonBody(text)(w, r, next)
	}
}

// raw sends bytes that need not be HTTP.
func raw(text string) simulator.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = buffered.WriteString(text)
		_ = buffered.Flush()
	}
}
