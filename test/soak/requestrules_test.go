package soak_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
)

// longestDelay is the longest time between two sign-ins, and the shortest one
// between two sign-ins that only a suspicion justifies.
const longestDelay = 15 * time.Minute

// requestRules checks how one process treats the service: no faster than the
// limit, no retry too early or too often, no sign-in without a reason.
type requestRules struct {
	fail      func(format string, args ...any)
	interval  time.Duration
	perMinute int
	loops     bool    // a sign-in may be one of the loops, outside of a poll
	tokens    float64 // left in the bucket of the limit after the last request
	last      time.Time

	pageAt   time.Time // when the last answer came, if it is a page of the history
	overtook bool      // one of the loops was sent after it

	failed   string    // the request that failed in a way that allows a retry
	failures int       // how often in a row
	retryAt  time.Time // the earliest time of the retry

	signedIn       bool
	renewAt        time.Time // when the token is old enough for a new sign-in
	rejected       bool      // the service rejected the token
	rejectedInPoll bool      // it did so in the poll under way
	replaceDue     bool      // a sign-in must follow in the poll under way
	replacement    bool      // the token came after that, in the poll under way
	accepted       bool      // the service accepted the token at least once
	refusals       int       // sign-ins in vain, in a row
	lastInVain     bool      // the last sign-in was one of them: the token is an older one
	inVainInPoll   bool      // one of them was in the poll under way
	signInBegan    time.Time // the last one
	signInAt       time.Time // the earliest time of the next one
	lost           int       // tokens that may live although the process has lost them

	failedPolls int       // in a row, in a way that a dead token may cause
	suspect     bool      // the token may be the cause
	suspectedAt time.Time // when it last was
}

// request checks a request before it is sent.
func (r *requestRules) request(req *http.Request) {
	const maxAttempts = 4
	if req.Method == http.MethodDelete {
		r.lost++ // perhaps: the answer may come from elsewhere
		return   // a sign-out does not wait for the limit, and is not repeated
	}
	r.limit()
	if req.URL.Path == simulator.PathHistory && r.overtook {
		r.fail("a request of a loop was sent while one of the history waited")
	}
	r.pageAt, r.overtook = time.Time{}, false
	now := time.Now()
	if req.Method+req.URL.String() == r.failed {
		if r.failures >= maxAttempts {
			r.fail("attempt %d at the same request", r.failures+1)
		}
		if now.Before(r.retryAt) {
			r.fail("tried again %v too early", r.retryAt.Sub(now))
		}
	}
	if req.URL.Path == simulator.PathAppAuth {
		r.signIn(now)
	}
}

// loopRequest checks a request of a loop before it is sent. After a page of the
// history, the request for the next one waits for nothing but the limit.
func (r *requestRules) loopRequest() {
	r.limit()
	r.overtook = r.overtook || !r.pageAt.IsZero() && time.Now().After(r.pageAt)
}

// limit checks that the limit allows a request now.
func (r *requestRules) limit() {
	const burst, rounding = 5, 1e-6
	now := time.Now()
	if r.last.IsZero() {
		r.tokens = burst
	}
	r.tokens = min(r.tokens+float64(r.perMinute)*now.Sub(r.last).Minutes(), burst) - 1
	if r.last = now; r.tokens < -rounding {
		r.fail("more than %d requests at once and %d a minute", burst, r.perMinute)
	}
}

// signIn checks a sign-in before it is sent.
func (r *requestRules) signIn(now time.Time) {
	switch {
	case r.signedIn && !r.rejected && !r.suspect && now.Before(r.renewAt):
		r.fail("signed in although a token was good")
	case r.inVainInPoll && !r.loops:
		r.fail("signed in again in the same poll")
	case now.Before(r.signInAt):
		r.fail("signed in %v too early after a sign-in in vain", r.signInAt.Sub(now))
	}
	r.signInBegan, r.replaceDue = now, false
}

// answer notes the answer to a request; resp is nil if none came whole.
func (r *requestRules) answer(req *http.Request, resp *http.Response, body []byte, page bool) {
	var answer struct {
		Token  string `json:"accessToken"`
		Period any    `json:"validPeriod"`
		Code   string `json:"error_code"`
	}
	_ = json.Unmarshal(body, &answer) // anything else has none of the fields
	if r.pageAt, r.overtook = (time.Time{}), false; page && req.URL.Path == simulator.PathHistory {
		r.pageAt = time.Now()
	}
	r.noteFailure(req, resp, body, answer.Code)
	switch {
	case req.Method == http.MethodDelete, req.URL.Path == simulator.PathAttendance: // a rejected token is left to the polls
	case req.URL.Path == simulator.PathAppAuth:
		if resp == nil || resp.StatusCode != http.StatusOK || answer.Token == "" || !json.Valid(body) {
			r.lastInVain, r.inVainInPoll = true, true
			r.lost++ // perhaps
			r.inVain()
			return
		}
		seconds, _ := number(answer.Period)
		r.lastInVain, r.failedPolls = false, 0
		r.signedIn, r.replacement, r.rejected, r.accepted, r.suspect = true, r.rejectedInPoll, false, false, false
		r.renewAt = time.Now().Add(time.Duration(seconds * 0.8 * float64(time.Second))).Add(-5 * time.Minute)
	case resp != nil && rejectsToken(resp.StatusCode, answer.Code):
		if r.replacement && !r.accepted && !r.rejected {
			r.inVain() // a new sign-in did not help
		}
		r.replaceDue = !time.Now().Before(r.signInAt)
		r.rejected, r.rejectedInPoll = true, true
	case page:
		if r.accepted = true; !r.lastInVain {
			r.refusals = 0
		}
	}
}

// rejectsToken restates the forms in which the service rejects a token.
func rejectsToken(status int, code string) bool {
	switch status {
	case http.StatusUnauthorized:
		return true
	case http.StatusOK, http.StatusBadRequest, http.StatusForbidden:
		return strings.HasPrefix(code, "USG.") || code == "MBI.000000004" || strings.HasSuffix(code, "111070111")
	}
	return false
}

// noteFailure notes what may be tried again, and when: not before the time
// that the service asks for, and never within a second.
func (r *requestRules) noteFailure(req *http.Request, resp *http.Response, body []byte, code string) {
	status, retryAfter := 0, ""
	if resp != nil {
		status, retryAfter = resp.StatusCode, resp.Header.Get("Retry-After")
	}
	throttled := status == http.StatusTooManyRequests || status == http.StatusForbidden && code == "APIGW.0308"
	brokenOff := status == http.StatusOK && !json.Valid(body) && len(body) > 0
	if status != 0 && status < 500 && !throttled && !brokenOff {
		r.failed, r.failures = "", 0
		return
	}
	if what := req.Method + req.URL.String(); what != r.failed {
		r.failed, r.failures = what, 0
	}
	r.failures++
	wait := time.Second
	if seconds, err := strconv.Atoi(retryAfter); err == nil && status != http.StatusOK {
		wait = max(wait, min(time.Duration(seconds)*time.Second, 2*time.Minute))
	}
	r.retryAt = time.Now().Add(wait)
}

// inVain restates the delay after a sign-in that brought no good token: an
// interval at first, then twice as long each time, up to 15 minutes. A poll that
// begins a little early is not too early, nor is a sign-in that the limit did not
// delay as much as the last one.
func (r *requestRules) inVain() {
	delay := min(r.interval<<min(r.refusals, 10), max(r.interval, longestDelay))
	r.signInAt = r.signInBegan.Add(delay - min(r.interval/10, 5*time.Second) - time.Minute/time.Duration(r.perMinute))
	r.refusals++
}

// betweenPolls lets the next request be one of a poll.
func (r *requestRules) betweenPolls() { r.failed, r.failures, r.inVainInPoll = "", 0, false }

// pollEnded checks that a dead token was replaced, and lets the next poll make
// the same requests again. If two polls in a
// row fail for a reason that a dead token may cause, one sign-in is justified.
func (r *requestRules) pollEnded(err error) {
	if r.replaceDue {
		r.fail("no sign-in although the service rejected the token")
	}
	r.betweenPolls()
	r.pageAt, r.overtook = time.Time{}, false
	r.replaceDue, r.rejectedInPoll, r.replacement = false, false, false
	switch reason := poller.ReasonOf(err); {
	case err == nil:
		r.failedPolls, r.suspect = 0, false
	case reason == client.Permission, reason == client.Response:
		r.failedPolls++
	}
	if now := time.Now(); r.failedPolls >= 2 && r.signedIn && !r.rejected && now.Sub(r.suspectedAt) >= longestDelay {
		r.suspect, r.suspectedAt = true, now
	}
}
