package soak_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// requestRules checks how one process treats the service: no faster than the
// limit, no retry too early or too often, no sign-in without a reason.
type requestRules struct {
	fail      func(format string, args ...any)
	interval  time.Duration
	perMinute int
	tokens    float64 // left in the bucket of the limit after the last request
	last      time.Time

	failed   string    // the request that failed in a way that allows a retry
	failures int       // how often in a row
	retryAt  time.Time // the earliest time of the retry

	signedIn       bool
	renewAt        time.Time // when the token is old enough for a new sign-in
	rejected       bool      // the service answered 401 to the token
	rejectedInPoll bool      // it did so in the poll under way
	replacement    bool      // the token came after such a 401
	accepted       bool      // the service accepted the token at least once
	refusals       int       // sign-ins refused in a row
	signInAt       time.Time // the earliest time of a sign-in after a refusal
}

// request checks a request before it is sent.
func (r *requestRules) request(req *http.Request) {
	const burst, maxAttempts, rounding = 5, 4, 1e-6
	now := time.Now()
	if r.last.IsZero() {
		r.tokens = burst
	}
	r.tokens = min(r.tokens+float64(r.perMinute)*now.Sub(r.last).Minutes(), burst) - 1
	if r.last = now; r.tokens < -rounding {
		r.fail("more than %d requests at once and %d a minute", burst, r.perMinute)
	}
	if req.Method+req.URL.String() == r.failed {
		if r.failures >= maxAttempts {
			r.fail("attempt %d at the same request", r.failures+1)
		}
		if now.Before(r.retryAt) {
			r.fail("tried again %v too early", r.retryAt.Sub(now))
		}
	}
	if req.URL.Path != simulator.PathAppAuth {
		return
	}
	if r.signedIn && !r.rejected && now.Before(r.renewAt) {
		r.fail("signed in although a token was good")
	}
	if now.Before(r.signInAt) {
		r.fail("signed in %v too early after a refusal", r.signInAt.Sub(now))
	}
}

// answer notes the answer to a request; resp is nil if none came whole.
func (r *requestRules) answer(req *http.Request, resp *http.Response, body []byte, page bool) {
	r.noteFailure(req, resp, body)
	switch {
	case resp == nil:
	case req.URL.Path == simulator.PathAppAuth:
		r.noteSignIn(resp.StatusCode, body)
	case req.URL.Path == simulator.PathHistory && resp.StatusCode == http.StatusUnauthorized:
		if r.replacement && !r.accepted && !r.rejected {
			r.refused() // a new sign-in did not help
		}
		r.rejected, r.rejectedInPoll = true, true
	case page:
		r.accepted, r.refusals = true, 0
	}
}

// noteFailure notes what may be tried again, and when: not before the time
// that the service asks for, and never within a second.
func (r *requestRules) noteFailure(req *http.Request, resp *http.Response, body []byte) {
	status, retryAfter := 0, ""
	if resp != nil {
		status, retryAfter = resp.StatusCode, resp.Header.Get("Retry-After")
	}
	brokenOff := status == http.StatusOK && !json.Valid(body) && len(body) > 0
	if status != 0 && status != http.StatusTooManyRequests && status < 500 && !brokenOff {
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

func (r *requestRules) noteSignIn(status int, body []byte) {
	var answer struct {
		AccessToken string
		ValidPeriod float64
	}
	switch {
	case status == http.StatusOK && json.Unmarshal(body, &answer) == nil && answer.AccessToken != "":
		r.signedIn, r.replacement, r.rejected, r.accepted = true, r.rejectedInPoll, false, false
		r.renewAt = time.Now().Add(time.Duration(answer.ValidPeriod * 0.8 * float64(time.Second))).Add(-5 * time.Minute)
	case status == http.StatusUnauthorized, status == http.StatusPreconditionFailed, status == http.StatusLocked, status == http.StatusForbidden:
		r.refused()
	}
}

// refused restates the backoff between sign-ins: an interval at first, then
// twice as long each time, up to 15 minutes.
func (r *requestRules) refused() {
	r.signInAt = time.Now().Add(min(r.interval<<min(r.refusals, 10), max(r.interval, 15*time.Minute)))
	r.refusals++
}

// pollEnded lets the next poll make the same requests again.
func (r *requestRules) pollEnded() { r.failed, r.failures, r.rejectedInPoll = "", 0, false }
