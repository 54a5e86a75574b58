package soak_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const (
	burst             = 5
	maxAttempts       = 4
	longestRetryAfter = 2 * time.Minute
)

// etiquette watches how one process treats the service: no faster than the
// limit, no retry too early or too often, no sign-in without a reason.
type etiquette struct {
	fail      func(format string, args ...any)
	interval  time.Duration
	perMinute int
	tokens    float64 // of the bucket that the limit fills, at the last request
	last      time.Time

	failed   string    // the request that failed in a way that may pass
	failures int       // how often in a row
	notUntil time.Time // when it may be tried again

	token        bool
	renewFrom    time.Time // when the token may be given up for its age
	rejected     bool      // by a 401
	rejectedNow  bool      // by a 401 to the poll under way
	replacement  bool      // the token came of a sign-in after such a 401
	proven       bool      // the token was accepted once
	refusals     int       // of sign-ins, in a row
	refusedUntil time.Time
}

func (e *etiquette) asks(r *http.Request) {
	now := time.Now()
	if e.last.IsZero() {
		e.tokens = burst
	}
	e.tokens = min(e.tokens+float64(e.perMinute)*now.Sub(e.last).Minutes(), burst) - 1
	if e.last = now; e.tokens < -1e-6 {
		e.fail("more than %d requests at once and %d a minute", burst, e.perMinute)
	}
	if what := r.Method + r.URL.String(); what == e.failed {
		if e.failures >= maxAttempts {
			e.fail("attempt %d at the same request", e.failures+1)
		}
		if now.Before(e.notUntil) {
			e.fail("tried again %v too early", e.notUntil.Sub(now))
		}
	}
	if r.URL.Path != simulator.PathAppAuth {
		return
	}
	if e.token && !e.rejected && now.Before(e.renewFrom) {
		e.fail("signed in although a token was good")
	}
	if now.Before(e.refusedUntil) {
		e.fail("signed in %v too early after a refusal", e.refusedUntil.Sub(now))
	}
}

func (e *etiquette) isTold(r *http.Request, resp *http.Response, status int, body []byte, page bool) {
	now := time.Now()
	e.noteFailure(r, resp, status, body)
	switch {
	case r.URL.Path == simulator.PathAppAuth:
		e.noteSignIn(now, status, body)
	case r.URL.Path == simulator.PathHistory && status == http.StatusUnauthorized:
		if e.replacement && !e.proven && !e.rejected {
			e.refuse(now) // a new sign-in did not cure it
		}
		e.rejected, e.rejectedNow = true, true
	case page:
		e.proven, e.refusals = true, 0
	}
}

// noteFailure notes what may be tried again, and when: after what the service
// asks for, and never within a second.
func (e *etiquette) noteFailure(r *http.Request, resp *http.Response, status int, body []byte) {
	passing := status == 0 || status == http.StatusTooManyRequests || status >= 500 || status == http.StatusOK && !json.Valid(body) && len(body) > 0
	what := r.Method + r.URL.String()
	if !passing {
		e.failed, e.failures = "", 0
		return
	}
	if what != e.failed {
		e.failed, e.failures = what, 0
	}
	e.failures++
	wait := time.Second
	if resp != nil && status != 0 && status != http.StatusOK {
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
			wait = max(wait, min(time.Duration(n)*time.Second, longestRetryAfter))
		}
	}
	e.notUntil = time.Now().Add(wait)
}

func (e *etiquette) noteSignIn(now time.Time, status int, body []byte) {
	var answer struct {
		AccessToken string
		ValidPeriod float64
	}
	switch {
	case status == http.StatusOK && json.Unmarshal(body, &answer) == nil && answer.AccessToken != "":
		e.token, e.replacement, e.rejected, e.proven = true, e.rejectedNow, false, false
		e.renewFrom = now.Add(time.Duration(answer.ValidPeriod * 0.8 * float64(time.Second))).Add(-5 * time.Minute)
	case status == http.StatusUnauthorized, status == http.StatusPreconditionFailed, status == http.StatusLocked, status == http.StatusForbidden:
		e.refuse(now)
	}
}

// refuse restates the backoff between sign-ins: an interval, then up to 15
// minutes.
func (e *etiquette) refuse(now time.Time) {
	e.refusedUntil = now.Add(min(e.interval<<min(e.refusals, 10), max(e.interval, 15*time.Minute)))
	e.refusals++
}

// pollEnded closes a chapter: the next poll may ask for the same again.
func (e *etiquette) pollEnded() { e.failed, e.failures, e.rejectedNow = "", 0, false }
