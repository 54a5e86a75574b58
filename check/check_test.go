package check_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/check"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func config(cfg client.Config, window time.Duration) check.Config {
	setting := func(key string) string { return "--huaweicloud." + strings.ReplaceAll(key, "_", "-") }
	return check.Config{Client: cfg, Window: window, Live: true, Resources: true, Attendance: true, Setting: setting}
}

// run checks in English and in Chinese. It returns the error and the output of
// the former. The latter must say the same.
func run(t *testing.T, cfg client.Config, window time.Duration, w io.Writer) error {
	t.Helper()
	var english, chinese strings.Builder
	err := check.Run(t.Context(), config(cfg, window), &english)
	inChinese := config(cfg, window)
	inChinese.Language = check.Chinese
	if got := check.Run(t.Context(), inChinese, &chinese); fmt.Sprint(got) != fmt.Sprint(err) {
		t.Errorf("got error %v in Chinese, want %v", got, err)
	}
	compare(t, english.String(), chinese.String())
	io.WriteString(w, english.String())
	return err
}

func TestCheckSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		service  func(*simulator.Config)
		fault    simulator.Fault
		state    simulator.AccountState
		client   func(*client.Config)
		sentence string // of the error; empty if polling would work
		words    []string
		not      []string
	}{
		"all is well":         {words: []string{"ok    Signed in", "is an administrator", "meetings", "names no proxy", "Polling will work."}},
		"by account":          {client: byAccount, words: []string{"with the account", "Polling will work."}},
		"wrong key":           {client: func(c *client.Config) { c.Secret = secret("wrong") }, sentence: "the App Key is wrong", words: []string{"to the file that --huaweicloud.app-key-file names", "In SP mode, set --huaweicloud.corp-id"}},
		"wrong key, SP mode":  {client: func(c *client.Config) { c.Secret, c.CorpID = secret("wrong"), "corp" }, fault: simulator.Answer(http.StatusOK, "USG.206010025", ""), sentence: "the App Key is wrong", words: []string{"Check --huaweicloud.corp-id too"}},
		"wrong password":      {client: func(c *client.Config) { byAccount(c); c.Secret = secret("wrong") }, sentence: "the password is wrong", words: []string{"to the file that --huaweicloud.password-file names"}, not: appIDOnly},
		"unreadable key":      {client: func(c *client.Config) { c.Secret = func() (string, error) { return "", errors.New("is empty") } }, sentence: "the App Key cannot be read", words: []string{"check the file that --huaweicloud.app-key-file names"}},
		"no role":             {service: variant(simulator.Variant{SignIn: simulator.SignInNoUser}), words: []string{"note  The service does not say whether", "Polling will work."}},
		"sign-out fails":      {fault: simulator.On(simulator.PathToken, simulator.Answer(http.StatusServiceUnavailable, "USG.1", "")), words: []string{"note  The sign-out failed: ", "Polling will work."}},
		"clock behind":        {client: clockOff(-time.Hour), sentence: "the clock is off: the local one is 1h behind the service's"},
		"clock right":         {fault: simulator.Answer(http.StatusUnauthorized, "USG.206010057", ""), sentence: "the service takes the signature for an old one, although the clocks agree"},
		"clock a bit ahead":   {client: clockOff(3 * time.Minute), words: []string{"3m ahead of the service's", "Polling will work."}},
		"short token":         {service: func(c *simulator.Config) { c.TokenLifetime = 20 * time.Second }, words: []string{"valid for 20s"}},
		"locked":              {state: simulator.AccountLocked, sentence: "the account is locked", words: []string{"wait until"}},
		"disabled":            {state: simulator.AccountDisabled, sentence: "the account is disabled"},
		"unknown user":        {client: userID, fault: simulator.Answer(http.StatusBadRequest, "USG.201040000", ""), sentence: "the service does not know this user, or the user is not active", words: []string{"--huaweicloud.user-id"}},
		"unknown default":     {fault: simulator.Answer(http.StatusBadRequest, "USG.201040000", ""), sentence: "the service does not know the user of this App ID, or the user is not active", not: []string{"--huaweicloud.user-id"}},
		"unknown account":     {client: byAccount, fault: simulator.Answer(http.StatusBadRequest, "USG.201040000", ""), sentence: "the service does not know this account, or the account is not active", not: appIDOnly},
		"refused":             {fault: simulator.Answer(http.StatusForbidden, "USG.000000001", ""), sentence: "the service refuses the sign-in with the code USG.000000001"},
		"refused with a 200":  {client: byAccount, fault: simulator.Answer(http.StatusOK, "USG.000000001", ""), sentence: "the service refuses the sign-in with the code USG.000000001", not: appIDOnly},
		"401 of a proxy":      {fault: simulator.Body(http.StatusUnauthorized, "text/html", "<p>the-key"), sentence: "what answers at HOST is not the meeting API", words: []string{"A proxy or firewall"}, not: []string{"the-key"}},
		"403 of a proxy":      {fault: onHistory(simulator.Body(http.StatusForbidden, "text/html", "<p>the-key")), sentence: "what answers at HOST is not the meeting API", not: []string{"the-key", "administrator."}},
		"another API":         {fault: simulator.Answer(http.StatusNotFound, "APIGW.0101", ""), sentence: "what answers at HOST does not offer the meeting API, and says so with the code APIGW.0101"},
		"no administrator":    {client: userID, service: user, words: []string{"not an administrator", "sees only their own meetings", "leave --huaweicloud.user-id empty", "Polling will work."}},
		"account of a user":   {client: byAccount, service: user, words: []string{"sees only their own meetings"}, not: appIDOnly},
		"no permission":       {fault: onHistory(simulator.Answer(http.StatusForbidden, "MMC.111070002", "")), sentence: "the user may not list the history of meetings", words: []string{"The code is MMC.111070002"}, not: appIDOnly},
		"code with a 200":     {fault: onHistory(simulator.Answer(http.StatusOK, "MMC.111070003", "")), sentence: "the service refuses to list the history with the code MMC.111070003"},
		"throttled":           {fault: simulator.Throttled(), sentence: "the service says that it is asked too often"},
		"server":              {fault: simulator.Answer(http.StatusServiceUnavailable, "MMC.1", ""), sentence: "the service itself fails with the code MMC.1"},
		"gateway":             {fault: simulator.Body(http.StatusBadGateway, "text/html", ""), sentence: "HOST fails, or a proxy or gateway before it"},
		"cut":                 {fault: simulator.Cut(), sentence: "no complete answer comes from HOST"},
		"proxy on the way":    {fault: simulator.Body(http.StatusProxyAuthRequired, "text/html", ""), sentence: "a proxy demands a user and password, or does not accept those it got"},
		"HTML":                {fault: simulator.HTML(), sentence: "what answers at HOST is not the meeting API"},
		"redirect":            {fault: simulator.Redirect("/portal"), sentence: "what answers at HOST is not the meeting API"},
		"HTML as history":     {fault: onHistory(simulator.HTML()), sentence: "what answers at HOST is not the meeting API"},
		"other paths":         {client: func(c *client.Config) { c.Endpoint += "/portal" }, sentence: "what answers at HOST does not offer the meeting API, and says so with the code APIGW.0101"},
		"record indices":      {service: variant(simulator.Variant{}), words: []string{"offset is a record index.", "Polling will work."}},
		"page numbers":        {service: variant(simulator.Variant{Offset: simulator.OffsetPageFrom1}), words: []string{"a page number that counts from 1", "Polling will work."}},
		"page numbers from 0": {service: variant(simulator.Variant{Offset: simulator.OffsetPageFrom0}), words: []string{"a page number that counts from 0", "Polling will work."}},
		"whole pages":         {service: variant(simulator.Variant{Offset: simulator.OffsetWholePage}), words: []string{"rounded down to a whole page"}},
		"collectors":          {words: []string{"ok    Read the meetings in progress, the resources in use, the resources bought, the expiry dates of resources.", "Polling will work."}},
		"an ordinary user":    {client: userID, service: user, words: []string{"ok    Read the meetings in progress.", "note  The metrics will lack the resources bought: ", "To have these metrics, give the user the role of an administrator, or leave --huaweicloud.user-id empty", "switch their collectors off with --no-collector.resources.", "Polling will work."}},
		"collectors refused":  {service: variant(simulator.Variant{Access: simulator.AccessUnknown}), words: []string{"note  The metrics will lack the meetings in progress: ", "off with --no-collector.live, --no-collector.resources.", "Polling will work."}, not: []string{"To have these metrics"}},
		"no attendance":       {service: variant(simulator.Variant{AttendanceAccess: simulator.AttendanceForbidden}), words: []string{"note  The metrics will lack the attendance of meetings: ", "off with --no-collector.attendance.", "Polling will work."}, not: []string{"To have these metrics"}},
		"unknown attendance":  {service: variant(simulator.Variant{AttendanceAccess: simulator.AttendanceUnknown}), words: []string{"lack the attendance of meetings: ", "off with --no-collector.attendance.", "Polling will work."}},
		"attendance is down":  {fault: onAttendance(simulator.Answer(http.StatusServiceUnavailable, "MMC.1", "")), words: []string{"lack the attendance of meetings: ", "Polling will work."}, not: []string{"--no-collector"}},
		"meeting is gone":     {fault: onAttendance(simulator.Answer(http.StatusBadRequest, "MMC.111070005", "")), words: []string{"note  The attendance of a meeting cannot be read: ", "Polling will work."}, not: []string{"--no-collector"}},
		"odd attendance":      {fault: onAttendance(simulator.Body(http.StatusOK, "application/json", `{"count":1,"data":[{"displayName":"the-name"}]}`)), words: []string{"note  The attendance of a meeting cannot be read: ", "Polling will work."}, not: []string{"the-name"}},
		"nobody joined":       {fault: onAttendance(simulator.Body(http.StatusOK, "application/json", `{"count":0,"data":[]}`)), words: []string{"note  No attendance is listed for the last 3 meetings that lasted", "Polling will work."}},
		"late attendance":     {fault: onAttendance(thirdTime(simulator.Body(http.StatusOK, "application/json", `{"count":0,"data":[]}`), simulator.Body(http.StatusOK, "application/json", `{"count":1,"data":[{"joinTime":1767600005421}]}`))), words: []string{"ok    The attendance of a meeting was read: 1 record.", "Polling will work."}, not: []string{"No attendance"}},
		"two who joined":      {fault: onAttendance(simulator.Body(http.StatusOK, "application/json", `{"count":2,"data":[{"displayName":"the-name","joinTime":1767600005421},{"joinTime":1767600005421}]}`)), words: []string{"ok    The attendance of a meeting was read: 2 records.", "Polling will work."}, not: []string{"the-name"}},
		"no meeting to try":   {fault: page(`{"data":[{"confUUID":"u","startTime":"2026-01-02 10:00","endTime":"2026-01-02 10:01"}],"count":1}`), words: []string{"note  No meeting lasted for over a minute and ended at least 30m ago", "Polling will work."}},
		"meetings that run":   {service: func(c *simulator.Config) { c.Variant.ListRunning, c.Worldwide, c.MeetingsPerDay = true, true, 300 }, words: []string{"because the meeting has not ended: ", "Polling will work."}},
		"only those that run": {fault: page(`{"data":[{"conferenceState":"Created"}],"count":1}`), sentence: "the service lists records, and all of them are of meetings that have not ended", words: []string{"has not ended: 1 record.", "try again"}},
		"unknown format":      {fault: page(`{"data":[{"confUUID":"u","endTime":"14/03/2025"}],"count":1}`), sentence: "the service lists records, and none of them is usable", words: []string{"(time 1)", "report this line"}},
		"unknown paging":      {fault: page(`{"data":[{"conferenceState":"Created"},{"conferenceState":"Creating"},{"conferenceState":"Schedule"}],"count":9}`), sentence: missing},
		"a row too few":       {fault: page(`{"data":[` + row + `],"count":2}`), sentence: missing, words: []string{"1 of 2 announced records arrived", "as incomplete"}},
		"a bad number":        {fault: page(`{"data":[` + strings.Replace(row, `}`, `,"normalCount":-1}`, 1) + `],"count":1}`), words: []string{"1 meeting on ", "1 number without a credible value"}, not: []string{"1 record"}},
		"a bad record":        {fault: page(`{"data":[` + row + `,{}],"count":2}`), words: []string{"How the service pages is found out", "Left out: 1 record; see the metric huaweicloud_meeting_invalid_records{reason=\"uuid\"}", "Polling will work."}},
		"history rejected":    {fault: onHistory(simulator.Answer(http.StatusUnauthorized, "USG.1", "")), sentence: "the service lets the user sign in, but does not accept the sign-in for the history"},
		"nothing held":        {service: func(c *simulator.Config) { c.MeetingsPerDay = 0 }, words: []string{"0 meetings", "The service lists no meetings for this time", "Polling will work."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := simulator.Config{Seed: 3, MeetingsPerDay: 100, AppID: "app", AppKey: "the-key", Account: "account", Password: "the-password"}
			if c.service != nil {
				c.service(&config)
			}
			service := simulator.New(config)
			service.SetFault(c.fault)
			service.SetAccountState(c.state)
			server := httptest.NewServer(service)
			defer server.Close()
			cfg := client.Config{
				Endpoint: server.URL, AppID: "app", Secret: secret("the-key"),
				Timeout: 10 * time.Second, MaxRequestsPerMinute: 60000, UserAgent: "test",
			}
			if c.client != nil {
				c.client(&cfg)
			}

			var out strings.Builder
			err := run(t, cfg, 24*time.Hour, &out)
			host := strings.TrimPrefix(server.URL, "http://")
			switch {
			case c.sentence == "" && err != nil:
				t.Errorf("got error %v", err)
			case c.sentence != "":
				want := "polling would not work: " + strings.ReplaceAll(c.sentence, "HOST", host)
				if err == nil || err.Error() != want {
					t.Errorf("got error %v, want %s", err, want)
				}
			}
			if strings.Contains(out.String(), "Polling will work.") == (c.sentence != "") {
				t.Errorf("the last line is wrong in\n%s", &out)
			}
			if c.sentence != "" {
				c.words = append(c.words, "FAIL  ", "What came back: ", "What to do: ")
			}
			for _, words := range c.words {
				if !strings.Contains(out.String(), words) {
					t.Errorf("%q is not in\n%s", words, &out)
				}
			}
			for _, words := range append(c.not, "the-key", "the-password", " 0m", " 1 records", " 1 meetings") {
				if strings.Contains(out.String(), words) {
					t.Errorf("%q is in\n%s", words, &out)
				}
			}
			if n := service.LiveTokens(); n > 0 && name != "cut" && name != "history rejected" && name != "sign-out fails" { // the service says that it is dead
				t.Errorf("%d tokens are left", n)
			}
		})
	}
}

// An enterprise may have more meetings than a check has time for.
func TestCheckEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := simulator.New(simulator.Config{Seed: 3, MeetingsPerDay: 3000, Worldwide: true, MaxLimit: 20, AppID: "app", AppKey: "the-key"})
		pipe, stop := service.Pipe()
		defer stop()
		var out strings.Builder
		began := time.Now()
		err := run(t, client.Config{
			Endpoint: "http://meeting.example", AppID: "app", Secret: secret("the-key"), Timeout: 10 * time.Second,
			MaxRequestsPerMinute: 60, Transport: pipe.Transport,
		}, 24*time.Hour, &out)
		if took := time.Since(began) / 2; err != nil || took < 30*time.Second || took > 2*time.Minute {
			t.Errorf("got error %v after %s in each language", err, took)
		}
		for _, words := range []string{"note  The last 24h have ", "are read here", "offset is a record index", "Polling will work."} {
			if !strings.Contains(out.String(), words) {
				t.Errorf("%q is not in\n%s", words, &out)
			}
		}
	})
}

// appIDOnly are the flags that do not go with every sign-in.
var appIDOnly = []string{"--huaweicloud.user-id", "--huaweicloud.corp-id"}

const missing = "the service announces more records than it sends, or its pages do not fit together"

var row = `{"confUUID":"u","startTime":"2026-01-02 10:00","endTime":"2026-01-02 11:00"}`

func TestCheckNamesTLSFaults(t *testing.T) {
	never := &http.Transport{DisableKeepAlives: true}
	for name, c := range map[string]struct {
		start     func(*httptest.Server)
		transport func(*httptest.Server) *http.Transport
		file      string // SSL_CERT_FILE
		sentence  string
		advice    string
	}{
		"unknown authority": {(*httptest.Server).StartTLS, nil, "", "the certificate of HOST is of an unknown authority", "name the file of your proxy's"},
		"wrong file":        {(*httptest.Server).StartTLS, nil, "none", "the certificate of HOST is of an unknown authority", "check the file that the environment variable SSL_CERT_FILE names"},
		"wrong host":        {(*httptest.Server).StartTLS, trusting("meeting.invalid", 0), "", "the certificate that came is not for HOST", "--huaweicloud.endpoint"},
		"expired":           {(*httptest.Server).StartTLS, trusting("", 100), "", "the certificate of HOST is not valid at this time", "local clock"},
		"no TLS":            {(*httptest.Server).Start, func(*httptest.Server) *http.Transport { return never }, "", "what listens at HOST does not speak TLS", "--huaweicloud.endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SSL_CERT_FILE", c.file)
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
			c.start(server)
			defer server.Close()
			host := server.Listener.Addr().String()
			cfg := client.Config{Endpoint: "https://" + host, AppID: "app", Secret: secret("key"), Timeout: 10 * time.Second, MaxRequestsPerMinute: 60}
			if c.transport != nil {
				cfg.Transport = c.transport(server)
			}
			var out strings.Builder
			err := run(t, cfg, time.Hour, &out)
			if want := "polling would not work: " + strings.ReplaceAll(c.sentence, "HOST", host); err == nil || err.Error() != want {
				t.Errorf("got error %v, want %s", err, want)
			}
			if text := out.String(); !strings.Contains(text, c.advice) || strings.Contains(text, "SSL_CERT_FILE") != strings.Contains(c.sentence, "authority") {
				t.Errorf("got\n%s\nwant %q in it", text, c.advice)
			}
		})
	}
}

// trusting returns a transport that trusts a server, as of a host and some years
// from now.
func trusting(host string, years int) func(*httptest.Server) *http.Transport {
	return func(server *httptest.Server) *http.Transport {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.ServerName = host
		transport.TLSClientConfig.Time = func() time.Time { return time.Now().AddDate(years, 0, 0) }
		transport.DisableKeepAlives = true
		return transport
	}
}

func TestCheckNamesTheProxy(t *testing.T) {
	service := simulator.New(simulator.Config{MeetingsPerDay: 100, AppID: "app", AppKey: "the-key"})
	server := httptest.NewServer(service) // it also takes what an HTTP proxy gets
	defer server.Close()
	proxy := server.Listener.Addr().String()
	for name, c := range map[string]struct {
		fault    simulator.Fault
		proxy    string
		words    []string
		sentence string
	}{
		"works":       {nil, "http://user:p%40ss@" + proxy, []string{"ok    The environment names the proxy " + proxy + " for meeting.example.", "Polling will work."}, ""},
		"407":         {simulator.Body(407, "text/html", "user p@ss"), "user:p%40ss@" + proxy, []string{"with special characters percent-encoded"}, "the proxy " + proxy + " demands a user and password, or does not accept those it got"},
		"HTML":        {simulator.Body(403, "text/html", "user p@ss"), "http://user:p%40ss@" + proxy, []string{"The proxy " + proxy + " or a firewall"}, "what answers at meeting.example is not the meeting API"},
		"unreachable": {nil, "http://user:p%40ss@127.0.0.1:1", []string{"connection refused", "HTTP_PROXY"}, "the proxy 127.0.0.1:1 does not work"},
		"misread":     {nil, "http://user:p@ss#1@" + proxy, nil, "environment variable HTTP_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("http_proxy", "")
			t.Setenv("HTTP_PROXY", c.proxy)
			service.SetFault(c.fault)
			var out strings.Builder
			err := run(t, client.Config{
				Endpoint: "http://meeting.example", AppID: "app", Secret: secret("the-key"), Timeout: 10 * time.Second, MaxRequestsPerMinute: 6000,
			}, time.Hour, &out)
			text := fmt.Sprint(&out, err)
			for _, words := range append(c.words, c.sentence) {
				if !strings.Contains(text, words) {
					t.Errorf("%q is not in\n%s", words, text)
				}
			}
			if (err == nil) != (c.sentence == "") || strings.Contains(text, "user:") || strings.Contains(text, "ss#1") || strings.Contains(text, "p%40") || strings.Contains(text, "p@ss") {
				t.Errorf("got\n%s", text)
			}
		})
	}
}

func TestUnreachableServiceIsTriedOnce(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	var out strings.Builder
	err := run(t, client.Config{
		Endpoint: server.URL, AppID: "app", Secret: secret("key"), Timeout: time.Second, MaxRequestsPerMinute: 1,
	}, time.Hour, &out)
	if err == nil || !strings.Contains(out.String(), "connection refused") || !strings.Contains(out.String(), "firewall") {
		t.Errorf("got error %v and\n%s", err, &out)
	}
}

func secret(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func byAccount(c *client.Config) {
	c.AppID, c.Account, c.Secret = "", "account", secret("the-password")
}

func userID(c *client.Config) { c.UserID = "someone" }

func user(c *simulator.Config) { c.Role = simulator.User }

func clockOff(by time.Duration) func(*client.Config) {
	return func(c *client.Config) { c.Now = func() time.Time { return time.Now().Add(by) } }
}

func variant(v simulator.Variant) func(*simulator.Config) {
	return func(c *simulator.Config) { c.Variant, c.MaxLimit, c.MeetingsPerDay, c.Worldwide = v, 10, 300, true }
}

// page responds to every request for history with the same page.
func page(text string) simulator.Fault {
	return onHistory(simulator.Body(http.StatusOK, "application/json", text))
}

func onHistory(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }

// thirdTime answers every third request with then, and the others with first.
func thirdTime(first, then simulator.Fault) simulator.Fault {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n.Add(1)%3 == 0 {
			then(w, r, next)
		} else {
			first(w, r, next)
		}
	}
}

func onAttendance(f simulator.Fault) simulator.Fault {
	return simulator.On(simulator.PathAttendance, f)
}
