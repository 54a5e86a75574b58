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

// person is what a row may say about somebody, in words that nothing else says.
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

// personal returns all that a record says of persons, and what opens a meeting
// that is held again, but for what a text may hold by chance: the few digits
// of a meeting's ID or random password. The test's own record has none such.
func personal(r simulator.Record) []string {
	texts := []string{r.ConfUUID, r.ConferenceID, r.Subject, r.SchedulerName, r.UserUUID, r.GuestJoinURI}
	if r.AccessNumber != "+991117" { // everybody's
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

// malformed returns records with persons, each of which the exporter trips
// over in another way.
func malformed(now time.Time) []simulator.Record {
	var records []simulator.Record
	for i, extra := range []map[string]string{
		nil,
		{"startTime": `"Zhang Wei Confidential"`},
		{"endTime": `"2000-01-01 00:00"`},
		{"confUUID": `""`},
		{"confUUID": `{"name":"Zhang Wei Confidential"}`},
		{"normalCount": `"Erika Mustermann"`, "terminlCount": `-1`},
		{"conferenceState": `"Erika Mustermann"`},
		{"confType": `"Erika Mustermann"`, "webinar": `"Erika Mustermann"`},
	} {
		r := person
		r.ConfUUID = fmt.Sprintf("%s%d", person.ConfUUID, i)
		r.Start, r.End, r.ListedAt = now.Add(-time.Hour), now.Add(-30*time.Minute), now.Add(-20*time.Minute)
		r.Extra = map[string]json.RawMessage{}
		for name, text := range extra {
			r.Extra[name] = json.RawMessage(text)
		}
		records = append(records, r)
	}
	return records
}

// credentials notes what requests carry to open the service.
type credentials struct {
	http.Handler
	mu   sync.Mutex
	seen map[string]bool
}

// ServeHTTP implements http.Handler.
func (c *credentials) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	for _, header := range []string{"X-Access-Token", "Authorization"} {
		// A scheme and the name of a parameter are no secrets.
		for _, word := range strings.FieldsFunc(r.Header.Get(header), func(r rune) bool { return r == ' ' || r == ',' }) {
			if word = strings.TrimPrefix(word, "signature="); len(word) > len("HMAC-SHA256") {
				c.seen[word] = true
			}
		}
	}
	c.mu.Unlock()
	c.Handler.ServeHTTP(w, r)
}

// leak is a run of the exporter in which one thing goes wrong.
type leak struct {
	service     *simulator.Service
	credentials *credentials
	exporter    *process
	url         string
}

const testAccount, testPassword = "e2e-account", "e2e-password-77a1"

// newLeak starts a run, in which the exporter signs in by account if told so.
func newLeak(t *testing.T, byAccount bool) *leak {
	t.Helper()
	l := &leak{service: simulator.New(simulator.Config{
		MeetingsPerDay: 100, Worldwide: true, History: 24 * time.Hour,
		AppID: testAppID, AppKey: testAppKey,
		Account: testAccount, Password: testPassword,
	})}
	l.service.Add(malformed(time.Now())...)
	l.credentials = &credentials{Handler: l.service, seen: map[string]bool{}}
	serviceURL := listen(t, l.credentials)
	wayIn := signIn(t, serviceURL, testAppKey)
	if byAccount {
		wayIn = []string{
			"--huaweicloud.endpoint=" + serviceURL,
			"--huaweicloud.account=" + testAccount,
			"--huaweicloud.password-file=" + write(t, "password", testPassword),
		}
	}
	l.exporter, l.url = serve(t, append(append(wayIn, quick...), "--log.level=debug")...)
	return l
}

// secrets are what no output of the run may hold.
func (l *leak) secrets(t *testing.T) []string {
	t.Helper()
	secrets := []string{testAppKey, testPassword}
	for _, r := range l.service.Records(time.Now()) {
		secrets = append(secrets, personal(r)...)
	}
	l.credentials.mu.Lock()
	defer l.credentials.mu.Unlock()
	if len(l.credentials.seen) < 2 {
		t.Errorf("got credentials %v, want a sign-in and a token at least", l.credentials.seen)
	}
	for word := range l.credentials.seen {
		secrets = append(secrets, word)
	}
	return secrets
}

func TestNothingSecretOrPersonalLeaks(t *testing.T) {
	t.Parallel()
	told := strings.Join(personal(person), " ")
	onHistory := func(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }
	quoted, err := json.Marshal(person)
	if err != nil {
		t.Fatal(err)
	}
	faults := []struct {
		name, reason string
		byAccount    bool
		fault        simulator.Fault
	}{
		{"nothing", "", false, nil},
		{"by account", "", true, nil},
		{"a page", "response", false, onHistory(simulator.Body(http.StatusOK, "text/html", "<p>"+told))},
		{"other JSON", "response", false, onHistory(simulator.Body(http.StatusOK, "application/json", `{"count":1,"data":`+string(quoted)+`}`))},
		{"an error in spite of 200", "response", false, onHistory(simulator.Answer(http.StatusOK, "MMC.1", told))},
		{"an error code that is none", "response", false, onHistory(simulator.Answer(http.StatusBadRequest, told, told))},
		{"a redirect", "response", false, onHistory(simulator.Redirect(person.GuestJoinURI))},
		{"401", "auth", false, onHistory(simulator.Answer(http.StatusUnauthorized, "USG.1", told))},
		{"403", "permission", false, onHistory(simulator.Answer(http.StatusForbidden, "MMC.2", told))},
		{"sign-in refused by account", "auth", true, simulator.On(simulator.PathAccount, simulator.Answer(http.StatusUnauthorized, "USG.206010000", told))},
		{"500", "server", false, onHistory(simulator.Answer(http.StatusInternalServerError, "MMC.3", told))},
		{"an answer that breaks off", "network", false, onHistory(simulator.CutBody())},
	}
	// They wait for retries together rather than one after another.
	runs := make([]*leak, len(faults))
	for i, f := range faults {
		runs[i] = newLeak(t, f.byAccount)
	}
	for i, f := range faults {
		awaitReady(t, runs[i].url)
		runs[i].service.SetFault(f.fault)
		if f.reason == "auth" {
			runs[i].service.RevokeTokens()
		}
	}
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) { runs[i].check(t, f.reason) })
	}
}

// check waits until the fault has made a poll fail, stops the exporter and
// looks through everything that it wrote.
func (l *leak) check(t *testing.T, reason string) {
	var metrics string
	await(t, 2*slowest, func() string {
		metrics = get(t, l.url+"/metrics").body
		failures := fmt.Sprintf("huaweicloud_meeting_poll_failures_total{reason=%q}", reason)
		if got := sample(metrics, failures); reason != "" && got == "0" {
			return "no poll has failed for the reason " + reason
		}
		return ""
	})
	if got := sample(metrics, `huaweicloud_meeting_invalid_records{reason="time"}`); got == "0" {
		t.Error("no malformed record was read")
	}
	if status, _ := l.exporter.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	log := l.exporter.stderr.String()
	if want := "level=debug"; !strings.Contains(log, want) {
		t.Errorf("got a log without %s", want)
	}
	if want := "reason=" + reason; reason != "" && !strings.Contains(log, want) {
		t.Errorf("got a log without %s", want)
	}
	secrets := l.secrets(t)
	for where, text := range map[string]string{"log": log, "standard output": l.exporter.stdout.String(), "metrics": metrics} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in the %s", secret, where)
			}
		}
	}
}
