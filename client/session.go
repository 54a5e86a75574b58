package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxSignInInterval limits the time between a failed sign-in and the next
	// one, unless SignInInterval is longer. It is also the shortest time between
	// two suspicions.
	maxSignInInterval = 15 * time.Minute
	// maxSlack limits how much earlier than SignInInterval says a sign-in is
	// due, so that a poll that begins one interval after another is not too
	// early by the time that passed before the other poll's sign-in.
	maxSlack = 5 * time.Second
	// maxFailures is how many listings in a row may fail before the token is
	// under suspicion.
	maxFailures = 2
)

// Role is the role of the user who signed in.
type Role int

// The roles. Only an administrator sees all meetings of the enterprise.
const (
	RoleUnknown Role = iota
	RoleAdministrator
	RoleUser
)

// Session is what the service said at the last sign-in.
type Session struct {
	// Expiry is when the token expires, or zero if there is no token.
	Expiry time.Time
	// Role is the role of the user who signed in.
	Role Role
}

// session is the token and the state of signing in. Its lock is a channel,
// because it is held during requests, and waiting for it must end with a
// context.
type session struct {
	lock  chan struct{}
	token string
	// These two are on the monotonic clock, because the wall clock may be wrong.
	renewAt, expireAt time.Time
	expiry            time.Time // on the wall clock
	role              Role

	refusals    int       // failed sign-ins in a row, and tokens rejected at once
	outdated    bool      // the last sign-in failed, so the token is an older one
	lastRefusal *Error    // nil before the first
	lastSignIn  time.Time // when the last sign-in began
	nextSignIn  time.Time // no sign-in before this, because of lastRefusal

	failures  int       // failed listings in a row for which the token may be the cause
	suspect   string    // the token that may be the cause, or ""
	suspected time.Time // when a token last was
}

func (s *session) acquire(ctx context.Context) error {
	select {
	case s.lock <- struct{}{}:
		if ctx.Err() != nil { // the choice is random if both are ready
			s.release()
			return context.Cause(ctx)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *session) release() { <-s.lock }

func (s *session) dropToken() { s.token, s.suspect, s.expiry = "", "", time.Time{} }

// SignIn returns the session. It signs in only if there is no token, or if the
// token has lived 80 % of its validity. Goroutines that call it together share
// one sign-in.
func (c *Client) SignIn(ctx context.Context) (Session, error) {
	if _, err := c.token(ctx, ""); err != nil {
		return Session{}, err
	}
	return c.Session(ctx)
}

// Session returns the session without a request. It waits while another
// goroutine signs in or out, and fails only if ctx ends.
func (c *Client) Session(ctx context.Context) (Session, error) {
	s := &c.session
	if err := s.acquire(ctx); err != nil {
		return Session{}, err
	}
	defer s.release()
	return Session{Expiry: s.expiry, Role: s.role}, nil
}

// token returns a valid token. It signs in if there is none, if it has lived
// 80 % of its validity, if it is under suspicion, or if it is the rejected one.
// If that fails, it returns the old token until that expires or is rejected.
// After a failure no sign-in is due for some time. If there is no token, token
// then fails with the same error.
func (c *Client) token(ctx context.Context, rejected string) (string, error) {
	s := &c.session
	if err := s.acquire(ctx); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	defer s.release()
	now := time.Now()
	if s.token == rejected || !now.Before(s.expireAt) {
		s.dropToken()
	}
	if s.token != "" && s.token != s.suspect && now.Before(s.renewAt) {
		return s.token, nil
	}
	err := c.signInIfDue(ctx)
	switch {
	case err != nil && (s.token == "" || ctx.Err() != nil):
		return "", err
	case err == nil:
		if s.suspect != "" {
			_ = c.endToken(ctx, s.suspect) // which may be dead
		}
		s.failures, s.suspect = 0, "" // they say nothing of the new token
	}
	return s.token, nil
}

// signInIfDue signs in, unless an earlier failure delays that. The caller holds
// the session's lock.
func (c *Client) signInIfDue(ctx context.Context) error {
	s := &c.session
	if wait := time.Until(s.nextSignIn); wait > 0 {
		e := *s.lastRefusal
		e.Err = fmt.Errorf("%w; the next sign-in is in %s", e.Err, wait.Round(time.Second))
		return &e
	}
	s.lastSignIn = time.Now()
	err := c.signIn(ctx)
	s.outdated = err != nil
	var e *Error
	if errors.As(err, &e) && e.sent {
		s.delaySignIn(c.cfg.SignInInterval, e)
	}
	return err
}

// delaySignIn delays the next sign-in, twice as long after every failure. The
// service locks accounts after refusals, and every sign-in may end the oldest
// of a user's 64 tokens, even one whose response was lost.
func (s *session) delaySignIn(interval time.Duration, refusal *Error) {
	delay := max(interval, min(interval<<min(s.refusals, 10), maxSignInInterval))
	s.refusals++
	s.lastRefusal = refusal
	s.nextSignIn = s.lastSignIn.Add(delay - min(interval/10, maxSlack))
	if asked := time.Now().Add(refusal.retryAfter); asked.After(s.nextSignIn) {
		s.nextSignIn = asked
	}
}

// rejectedToken treats a token of a new sign-in that the service rejects as a
// refused sign-in.
func (c *Client) rejectedToken(ctx context.Context, refusal *Error) {
	if c.session.acquire(ctx) != nil {
		return
	}
	defer c.session.release()
	if time.Now().Before(c.session.nextSignIn) {
		return // another goroutine reported the same token
	}
	c.session.delaySignIn(c.cfg.SignInInterval, refusal)
}

// acceptedToken ends the doubling of the delay after failed sign-ins, unless the
// service accepts a token that could not be renewed.
func (c *Client) acceptedToken(ctx context.Context) {
	if c.session.acquire(ctx) != nil {
		return
	}
	defer c.session.release()
	if !c.session.outdated {
		c.session.refusals = 0
	}
}

// judgeToken counts listings that fail in a way that a dead token may cause, if
// the service tells that without a code. If they keep failing, the next listing
// signs in.
func (c *Client) judgeToken(ctx context.Context, failure error) {
	s := &c.session
	if s.acquire(ctx) != nil {
		return
	}
	defer s.release()
	reason, failed := ReasonOf(failure)
	switch {
	case failure == nil:
		s.failures, s.suspect = 0, ""
	case failed && (reason == Permission || reason == Response):
		s.failures++
	}
	if s.failures >= maxFailures && s.token != "" && (s.suspected.IsZero() || time.Since(s.suspected) >= maxSignInInterval) {
		s.suspect, s.suspected = s.token, time.Now()
	}
}

// signOut ends the token, because the service keeps at most 64 per user.
func (c *Client) signOut(ctx context.Context) error {
	s := &c.session
	if err := s.acquire(ctx); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	defer s.release()
	if s.token == "" {
		return nil
	}
	token := s.token
	s.dropToken()
	return c.endToken(ctx, token)
}

// endToken makes one attempt at ending a token.
func (c *Client) endToken(ctx context.Context, token string) error {
	return c.attempt(ctx, call{
		op:        "sign out",
		endpoint:  EndpointSignOut,
		unlimited: true,
		build: func(ctx context.Context) (*http.Request, error) {
			req, err := c.newRequest(ctx, http.MethodDelete, "/v1/usg/acs/token", nil, nil)
			if err == nil {
				req.Header.Set("X-Access-Token", token)
			}
			return req, err
		},
	})
}
