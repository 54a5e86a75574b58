package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

func TestTheStatusGivesTheReason(t *testing.T) {
	s := newLoopbackSite(t, oneAttempt)
	for _, c := range []struct {
		status          int
		signIn, history client.Reason
	}{
		{204, client.Response, client.Response},
		{302, client.Response, client.Response},
		{400, client.Response, client.Response},
		{401, client.Auth, client.Auth},
		{403, client.Auth, client.Permission},
		{404, client.Response, client.Response},
		{408, client.Response, client.Response},
		{412, client.Auth, client.Response},
		{423, client.Auth, client.Response},
		{429, client.Throttled, client.Throttled},
		{500, client.Server, client.Server},
		{501, client.Server, client.Server},
		{502, client.Server, client.Server},
		{503, client.Server, client.Server},
		{504, client.Server, client.Server},
		{599, client.Server, client.Server},
	} {
		for path, want := range map[string]client.Reason{simulator.PathAppAuth: c.signIn, simulator.PathHistory: c.history} {
			t.Run(fmt.Sprint(c.status, path), func(t *testing.T) {
				s.renew(t)
				s.fault(simulator.On(path, simulator.Body(c.status, "text/plain", "")))
				meetings, err := s.poll(t.Context())
				wantReason(t, err, want)
				var e *client.Error
				if !errors.As(err, &e) || e.Status != c.status || len(meetings) != 0 {
					t.Errorf("%+v, %d meetings", err, len(meetings))
				}
				_, err = s.client.FirstPage(t.Context(), s.began, s.began)
				wantReason(t, err, want)
			})
		}
	}
}

// Each of these is an answer that a lenient client reads as "0 meetings".
func TestNoOddAnswerPassesForAnEmptyHistory(t *testing.T) {
	for name, f := range map[string]simulator.Fault{
		"redirect":                simulator.Redirect("http://portal.example/"),
		"redirect to no address":  simulator.Redirect("http://[portal.example/"),
		"redirect with a page":    simulator.Body(301, "application/json", pageBody(0)),
		"not modified":            simulator.Body(304, "application/json", ""),
		"created":                 simulator.Body(201, "application/json", pageBody(0)),
		"no content":              simulator.Body(204, "application/json", ""),
		"page":                    simulator.HTML(),
		"empty":                   jsonBody(""),
		"blank":                   jsonBody("\n"),
		"neither data nor count":  simulator.NoData(),
		"empty object":            jsonBody(`{}`),
		"no count":                jsonBody(`{"data":[]}`),
		"no data":                 jsonBody(`{"count":0}`),
		"null":                    jsonBody(`null`),
		"no data, but a count":    jsonBody(`{"count":3}`),
		"null data":               jsonBody(`{"data":null,"count":0}`),
		"null data, but a count":  jsonBody(`{"data":null,"count":3}`),
		"null count":              jsonBody(`{"data":[],"count":null}`),
		"count below 0":           jsonBody(`{"data":[],"count":-1}`),
		"count of one half":       jsonBody(`{"data":[],"count":0.5}`),
		"count beyond belief":     jsonBody(`{"data":[],"count":1e10}`),
		"count no number":         jsonBody(`{"data":[],"count":"none"}`),
		"count a boolean":         jsonBody(`{"data":[],"count":false}`),
		"count an array":          jsonBody(`{"data":[],"count":[]}`),
		"error as success":        simulator.Answer(200, "MMC.111070003", ""),
		"error beside a page":     jsonBody(`{"data":[],"count":0,"error_code":"MMC.111070003"}`),
		"error number beside it":  jsonBody(`{"data":[],"count":0,"error_code":111070003}`),
		"data an object":          jsonBody(`{"data":{},"count":0}`),
		"data a text":             jsonBody(`{"data":"","count":0}`),
		"data a number":           jsonBody(`{"data":0,"count":0}`),
		"data false":              jsonBody(`{"data":false,"count":0}`),
		"array":                   jsonBody(`[]`),
		"text":                    jsonBody(`"data"`),
		"number":                  jsonBody(`0`),
		"one page inside another": jsonBody(`{"data":{"data":[],"count":0}}`),
		"no JSON":                 jsonBody(`data=[]&count=0`),
		"no JSON, one character":  jsonBody(`<`),
		"JSON with a tail":        jsonBody(pageBody(0) + ";"),
		"JSON twice":              jsonBody(pageBody(0) + pageBody(0)),
		"JSON behind a callback":  jsonBody("f(" + pageBody(0) + ")"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.fault(onHistory(f))
				meetings, err := s.poll(t.Context())
				wantReason(t, err, client.Response)
				if n := s.Requests(simulator.PathHistory); n != 1 || len(meetings) != 0 {
					t.Errorf("%d attempts, %d meetings", n, len(meetings))
				}
				if n := s.Requests(""); n != 0 {
					t.Errorf("%d requests for another path", n)
				}
			})
		})
	}
}

// Some gateways put the fields of an error into every answer.
func TestAnEmptyErrorCodeIsNoError(t *testing.T) {
	s := newLoopbackSite(t)
	for _, code := range []string{`null`, `""`} {
		s.fault(onHistory(jsonBody(`{"data":[{"confUUID":"u"}],"count":1,"error_code":` + code + `}`)))
		_, defects, err := s.pollListing(t.Context())
		if err != nil || defects[meeting.BadTime] != 1 {
			t.Errorf("%s: %v, %v", code, defects, err)
		}
	}
}

// endless is a body that begins like a history without meetings and goes on
// and on.
type endless struct {
	read   int
	closed bool
}

var padding = bytes.Repeat([]byte("x"), 64<<10)

func (e *endless) Read(p []byte) (int, error) {
	text := padding
	if e.read == 0 {
		text = []byte(`{"data":[],"count":0,"padding":"`)
	}
	n := copy(p, text)
	e.read += n
	return n, nil
}

func (e *endless) Close() error {
	e.closed = true
	return nil
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOfAnAnswerNoMoreThan64MiBIsRead(t *testing.T) {
	body := &endless{}
	s := newDirectSite(t)
	s.cfg.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == simulator.PathHistory {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
		}
		return direct{s}.RoundTrip(r)
	})
	s.renew(t)
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Response)
	if excess := body.read - 64<<20; excess < 0 || excess > 64<<10 || !body.closed {
		t.Errorf("read %d bytes more than 64 MiB; closed: %v", excess, body.closed)
	}
	if n := s.attempts(client.EndpointHistory); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

func TestARedirectTakesNoTokenElsewhere(t *testing.T) {
	var arrived int
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived++
		_, _ = io.WriteString(w, pageBody(0))
	}))
	defer elsewhere.Close()
	for _, path := range []string{simulator.PathAppAuth, simulator.PathHistory, simulator.PathToken} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := newLoopbackSite(t)
			s.fault(simulator.On(path, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				http.Redirect(w, r, elsewhere.URL, status)
			}))
			_, err := s.poll(t.Context())
			if path == simulator.PathToken {
				err = s.client.Close(t.Context())
			}
			wantReason(t, err, client.Response)
			if err != nil && !strings.Contains(err.Error(), "redirected") {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
	if arrived != 0 {
		t.Errorf("%d redirects were followed", arrived)
	}
}

func TestAnErrorTellsWhatTheServiceSaid(t *testing.T) {
	s := newLoopbackSite(t)
	s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("X-Request-Id", "0a1b-2c")
		simulator.Answer(403, "MMC.111070002", "no permission")(w, r, next)
	}))
	_, err := s.poll(t.Context())
	const want = "list history: this user may not list history: HTTP 403 MMC.111070002 (request id 0a1b-2c)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestHostileCodesAndRequestIDsAreDropped(t *testing.T) {
	s := newLoopbackSite(t)
	for name, c := range map[string]struct{ sent, want string }{
		"plain":                {`"MMC.1-a_b:C"`, "MMC.1-a_b:C"},
		"64 characters":        {`"` + strings.Repeat("x", 64) + `"`, strings.Repeat("x", 64)},
		"65 characters":        {`"` + strings.Repeat("x", 65) + `"`, ""},
		"two lines":            {`"MMC.1\nlevel=info msg=fine"`, ""},
		"blank":                {`"MMC 1"`, ""},
		"quote":                {`"MMC\"1"`, ""},
		"escape":               {`"\u001b[2J"`, ""},
		"zero":                 {`"MMC\u00001"`, ""},
		"not ASCII":            {`"会议"`, ""},
		"right to left":        {`"\u202eMMC"`, ""},
		"markup":               {`"<script>"`, ""},
		"empty":                {`""`, ""},
		"null":                 {`null`, ""},
		"object":               {`{"a":1}`, ""},
		"array of many things": {`["MMC.1",1,null]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.renew(t)
			s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				w.Header().Del("X-Request-Id")
				simulator.Body(400, "application/json", fmt.Sprintf(`{"error_code":%s,"request_id":%[1]s}`, c.sent))(w, r, next)
			}))
			_, err := s.poll(t.Context())
			var e *client.Error
			if !errors.As(err, &e) || e.Code != c.want || e.RequestID != c.want || e.Status != 400 {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestTheHeadersRequestIDIsPreferredUnlessHostile(t *testing.T) {
	for header, want := range map[string]string{"from-header": "from-header", "": "from-body", "two words": "from-body"} {
		s := newLoopbackSite(t)
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("X-Request-Id", header)
			simulator.Body(400, "application/json", `{"request_id":"from-body"}`)(w, r, next)
		}))
		_, err := s.poll(t.Context())
		var e *client.Error
		if !errors.As(err, &e) || e.RequestID != want {
			t.Errorf("%q: %+v", header, err)
		}
	}
}

// secrets must not be in any error, whatever the service sends back.
var secrets = []string{appKey, password, "token-1a2b", "Board meeting", "general-password", "join/4711", "user-name"}

// TestErrorsHoldNoSecret has the service answer with all that it should not.
func TestErrorsHoldNoSecret(t *testing.T) {
	told := strings.Join(secrets, " ")
	row := fmt.Sprintf(`{"confUUID":"u","subject":%q,"passwordEntry":[{"password":%[1]q}],"guestJoinUri":%[1]q}`, told)
	answers := map[string]simulator.Fault{
		"message":          simulator.Answer(400, "MMC.1", told),
		"refusal":          simulator.Answer(401, told, told),
		"permission":       simulator.Answer(403, told, told),
		"failure":          simulator.Answer(500, told, told),
		"page":             simulator.Body(200, "text/html", "<p>"+told),
		"text":             jsonBody(fmt.Sprintf("%q", told)),
		"data is text":     jsonBody(fmt.Sprintf(`{"data":%q,"count":1}`, told)),
		"data is object":   jsonBody(fmt.Sprintf(`{"data":{%q:1},"count":1}`, told)),
		"count is text":    jsonBody(fmt.Sprintf(`{"data":[%s],"count":%q}`, row, told)),
		"key is told":      jsonBody(fmt.Sprintf(`{%q:1}`, told)),
		"token is array":   jsonBody(fmt.Sprintf(`{"accessToken":[%q]}`, told)),
		"error as success": simulator.Answer(200, told, told),
		"broke off":        jsonBody(pageBody(1, row)[:200]),
		"cut":              simulator.CutBody(),
		"syntax":           jsonBody(pageBody(1, row) + told),
		"incomplete":       jsonBody(pageBody(2, row)),
		"redirect":         simulator.Redirect("http://elsewhere.example/" + url.QueryEscape(told)),
		"bad redirect":     simulator.Redirect("http://[" + told),
		"zipped":           zipped(told),
		"raw":              raw(told + "\r\n\r\n"),
		"raw JSON":         raw(pageBody(1, row) + "\r\n\r\n"),
		"raw status":       raw("HTTP/1.1 " + told + "\r\n\r\n"),
		"raw protocol":     raw("HTTP/" + strings.ReplaceAll(told, " ", "-") + " 200 OK\r\n\r\n"),
		"raw header":       raw("HTTP/1.1 200 OK\r\n" + told + "\r\n\r\n"),
		"raw length":       raw("HTTP/1.1 200 OK\r\nContent-Length: " + told + "\r\n\r\n"),
		"raw encoding":     raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + told + "\r\n\r\n"),
		"raw chunk":        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + told + "\r\n"),
	}
	for path, opts := range map[string][]option{
		simulator.PathAppAuth: nil, simulator.PathAccount: {byAccount}, simulator.PathHistory: nil, simulator.PathToken: nil,
	} {
		s := newLoopbackSite(t, append(opts, oneAttempt)...)
		for name, f := range answers {
			t.Run(name+path, func(t *testing.T) {
				s.renew(t)
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
				wantNoSecret(t, s, path)
			})
		}
	}
}

// wantNoSecret looks into every error that a fault on a path gives rise to,
// causes included.
func wantNoSecret(t *testing.T, s *site, path string) {
	t.Helper()
	var errs []error
	if path == simulator.PathToken {
		_, err := s.client.SignIn(t.Context())
		errs = append(errs, err, s.client.Close(t.Context()))
	} else {
		_, first := s.poll(t.Context())
		_, second := s.poll(t.Context()) // perhaps held back
		errs = append(errs, first, second)
	}
	for _, err := range errs {
		for ; err != nil; err = errors.Unwrap(err) {
			text := fmt.Sprintf("%v %+v", err, err)
			if i := slices.IndexFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) }); i >= 0 {
				t.Fatalf("%q in: %v", secrets[i], err)
			}
		}
	}
	if len(s.seen(path)) == 0 {
		t.Errorf("%s was not asked", path)
	}
}

// zipped answers with a text that claims to be gzip.
func zipped(text string) simulator.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Content-Encoding", "gzip")
		jsonBody(text)(w, r, next)
	}
}

// raw answers with bytes that need not be HTTP.
func raw(text string) simulator.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = buffered.WriteString(text)
		_ = buffered.Flush()
	}
}

func TestALengthBeyondMemoryIsAnAnswerThatBrokeOff(t *testing.T) {
	s := newLoopbackSite(t, oneAttempt)
	s.fault(onHistory(raw("HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n{")))
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Network)
}

func TestReasonsListsEveryReasonOnce(t *testing.T) {
	want := []client.Reason{"auth", "permission", "throttled", "server", "network", "response", "incomplete"}
	if got := client.Reasons(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if reason, ok := client.ReasonOf(errors.New("another")); ok {
		t.Errorf("a reason %q of another's error", reason)
	}
}
