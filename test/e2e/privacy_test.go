package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const testAccount, testPassword = "e2e-account", "e2e-password-77a1"

// person is a record with made-up personal data that appears nowhere else.
var person = simulator.Record{
	ConfUUID:         "5ec2e7c0ffee5ec2e7c0ffee",
	ConferenceID:     "987600001234",
	Subject:          "Redundancies in Bielefeld",
	SchedulerName:    "Zhang Wei Confidential",
	UserUUID:         "ff8080privateuser",
	AccessNumber:     "+8613800138000",
	PasswordEntry:    []simulator.PasswordEntry{{ConferenceRole: "chair", Password: "chairPwd8842"}},
	GuestJoinURI:     "https://c.meeting.example/#/j/987600001234/joinlinktoken",
	ConfConfigInfo:   &simulator.ConfConfigInfo{GuestPwd: "guestPwd7731"},
	PartAttendeeInfo: []simulator.Attendee{{Phone: "+8613911139000", Name: "Erika Mustermann", Type: "normal"}},
	DeptName:         "Legal",
	ConfType:         "FUTURE",
}

// personal returns the personal data and the passwords of a record. It leaves
// out short numbers, which other numbers may contain by chance.
func personal(r simulator.Record) []string {
	texts := []string{r.ConfUUID, r.ConferenceID, r.Subject, r.SchedulerName, r.UserUUID, r.GuestJoinURI}
	if r.AccessNumber != "+991117" { // the same for everybody
		texts = append(texts, r.AccessNumber)
	}
	for _, p := range r.PasswordEntry {
		texts = append(texts, p.Password)
	}
	if r.ConfConfigInfo != nil {
		texts = append(texts, r.ConfConfigInfo.GuestPwd)
	}
	for _, a := range r.PartAttendeeInfo {
		texts = append(texts, a.Phone, a.Name)
	}
	return slices.DeleteFunc(texts, func(text string) bool {
		return len(text) < 10 && strings.Trim(text, "0123456789") == ""
	})
}

// malformed returns records with personal data, each malformed in another way.
func malformed(now time.Time) []simulator.Record {
	var records []simulator.Record
	for i, extra := range []map[string]json.RawMessage{
		nil,
		{"startTime": []byte(`"Zhang Wei Confidential"`)},
		{"endTime": []byte(`"2000-01-01 00:00"`)},
		{"confUUID": []byte(`""`)},
		{"confUUID": []byte(`{"name":"Zhang Wei Confidential"}`)},
		{"normalCount": []byte(`"Erika Mustermann"`), "terminlCount": []byte(`-1`)},
		{"conferenceState": []byte(`"Erika Mustermann"`)},
		{"confType": []byte(`"Erika Mustermann"`), "webinar": []byte(`"Erika Mustermann"`)},
	} {
		r := person
		r.ConfUUID, r.Extra = fmt.Sprintf("%s%d", person.ConfUUID, i), extra
		r.Start, r.End, r.ListedAt = now.Add(-time.Hour), now.Add(-30*time.Minute), now.Add(-20*time.Minute)
		records = append(records, r)
	}
	return records
}

// leakTest is a run of the exporter in which one thing goes wrong.
type leakTest struct {
	name, reason string
	byAccount    bool
	fault        simulator.Fault

	service  *simulator.Service
	exporter *process
	url      string

	mu          sync.Mutex
	credentials map[string]bool // in the headers of requests
}

func TestNothingPrivateLeaks(t *testing.T) {
	t.Parallel()
	text := strings.Join(personal(person), " ")
	record, err := json.Marshal(person)
	if err != nil {
		t.Fatal(err)
	}
	runs := []*leakTest{
		{name: "no fault"},
		{name: "no fault, by account", byAccount: true},
		{name: "a web page", reason: "response", fault: onHistory(simulator.Body(http.StatusOK, "text/html", "<p>"+text))},
		{name: "other JSON", reason: "response", fault: onHistory(simulator.Body(http.StatusOK, "application/json", `{"count":1,"data":`+string(record)+`}`))},
		{name: "200 with an error", reason: "response", fault: onHistory(simulator.Answer(http.StatusOK, "MMC.1", text))},
		{name: "a text as error code", reason: "response", fault: onHistory(simulator.Answer(http.StatusBadRequest, text, text))},
		{name: "a redirect", reason: "response", fault: onHistory(simulator.Redirect(person.GuestJoinURI))},
		{name: "401", reason: "auth", fault: onHistory(simulator.Answer(http.StatusUnauthorized, "USG.1", text))},
		{name: "403", reason: "permission", fault: onHistory(simulator.Answer(http.StatusForbidden, "MMC.2", text))},
		{name: "sign-in refused", reason: "auth", byAccount: true, fault: simulator.On(simulator.PathAccount, simulator.Answer(http.StatusUnauthorized, "USG.206010000", text))},
		{name: "500", reason: "server", fault: onHistory(simulator.Answer(http.StatusInternalServerError, "MMC.3", text))},
		{name: "a response cut off", reason: "network", fault: onHistory(simulator.CutBody())},
	}
	// All run at once, since each waits for retries.
	for _, l := range runs {
		l.start(t)
	}
	for _, l := range runs {
		awaitReady(t, l.url)
		l.service.SetFault(l.fault)
		if l.reason == "auth" {
			l.service.RevokeTokens()
		}
	}
	for _, l := range runs {
		t.Run(l.name, l.check)
	}
}

// start starts the service and the exporter.
func (l *leakTest) start(t *testing.T) {
	t.Helper()
	l.credentials = map[string]bool{}
	l.service = simulator.New(simulator.Config{
		MeetingsPerDay: 100, Worldwide: true, History: 24 * time.Hour,
		AppID: testAppID, AppKey: testAppKey,
		Account: testAccount, Password: testPassword,
	})
	l.service.Add(malformed(time.Now())...)
	serviceURL := listen(t, l)
	flags := signIn(t, serviceURL, testAppKey)
	if l.byAccount {
		flags = []string{
			"--huaweicloud.endpoint=" + serviceURL,
			"--huaweicloud.account=" + testAccount,
			"--huaweicloud.password-file=" + write(t, t.TempDir(), "password", testPassword),
		}
	}
	l.exporter, l.url = serve(t, append(append(flags, everySecond...), "--log.level=debug")...)
}

// ServeHTTP notes the credentials of a request and passes it to the service.
func (l *leakTest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	for _, header := range []string{"X-Access-Token", "Authorization"} {
		// The name of a scheme or of a parameter is no secret.
		for _, word := range strings.FieldsFunc(r.Header.Get(header), func(r rune) bool { return r == ' ' || r == ',' }) {
			if word = strings.TrimPrefix(word, "signature="); len(word) > len("HMAC-SHA256") {
				l.credentials[word] = true
			}
		}
	}
	l.mu.Unlock()
	l.service.ServeHTTP(w, r)
}

// check waits until a poll has failed, stops the exporter and searches all that
// it wrote.
func (l *leakTest) check(t *testing.T) {
	var metrics scrape
	if l.reason == "" {
		metrics = newScrape(t, l.url)
	} else {
		metrics = awaitFailures(t, l.url, l.reason, 1)
	}
	if metrics.series("invalid_records")[`{reason="time"}`] == 0 {
		t.Error("no malformed record was read")
	}
	l.exporter.stop(t, syscall.SIGTERM)
	log := l.exporter.stderr.String()
	for _, want := range []string{"level=debug", "reason=" + l.reason} {
		if l.reason != "" && !strings.Contains(log, want) {
			t.Errorf("got a log without %s", want)
		}
	}

	secrets := []string{testAppKey, testPassword}
	for _, r := range l.service.Records(time.Now()) {
		secrets = append(secrets, personal(r)...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.credentials) < 2 {
		t.Errorf("got %d credentials, want at least a sign-in and a token", len(l.credentials))
	}
	for word := range l.credentials {
		secrets = append(secrets, word)
	}
	for where, text := range map[string]string{"log": log, "standard output": l.exporter.stdout.String(), "metrics": metrics.text} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in the %s", secret, where)
			}
		}
	}
}
