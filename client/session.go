package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxSignInInterval limits the time between a refused sign-in and the next one,
// unless SignInInterval is longer.
const maxSignInInterval = 15 * time.Minute

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
	lock    chan struct{}
	token   string
	renewAt time.Time // on the monotonic clock: the wall clock may be wrong
	expiry  time.Time // on the wall clock
	role    Role

	refusals    int       // refused sign-ins in a row
	lastRefusal *Error    // nil before the first
	nextSignIn  time.Time // no sign-in before this, because of lastRefusal
}

func (s *session) acquire(ctx context.Context) error {
	select {
	case s.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *session) release() { <-s.lock }

func (s *session) dropToken() { s.token, s.expiry = "", time.Time{} }

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
// 80 % of its validity, or if it is the rejected one. After a refusal it fails
// with that refusal until the next sign-in is due.
func (c *Client) token(ctx context.Context, rejected string) (string, error) {
	s := &c.session
	if err := s.acquire(ctx); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	defer s.release()
	if s.token == rejected {
		s.dropToken()
	}
	if s.token != "" && time.Now().Before(s.renewAt) {
		return s.token, nil
	}
	if wait := time.Until(s.nextSignIn); wait > 0 {
		e := *s.lastRefusal
		e.Err = fmt.Errorf("%w; the next sign-in is in %s", e.Err, wait.Round(time.Second))
		return "", &e
	}
	if err := c.signIn(ctx); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Reason == Auth && e.Status != 0 { // 0: the secret cannot be read
			s.delaySignIn(c.cfg.SignInInterval, e)
		}
		return "", err
	}
	return s.token, nil
}

// delaySignIn delays the next sign-in, twice as long after every refusal. The
// service locks accounts after refusals, and every sign-in may end the oldest
// of a user's 64 tokens.
func (s *session) delaySignIn(interval time.Duration, refusal *Error) {
	delay := min(interval<<min(s.refusals, 10), max(interval, maxSignInInterval))
	s.refusals++
	s.lastRefusal = refusal
	s.nextSignIn = time.Now().Add(delay)
}

// rejectedToken treats a 401 for the token of a new sign-in as a refusal.
func (c *Client) rejectedToken(ctx context.Context, refusal *Error) {
	if c.session.acquire(ctx) != nil {
		return
	}
	defer c.session.release()
	if time.Now().Before(c.session.nextSignIn) {
		return // another goroutine reported the same 401
	}
	c.session.delaySignIn(c.cfg.SignInInterval, refusal)
}

// acceptedToken ends the doubling of the delay after refusals.
func (c *Client) acceptedToken(ctx context.Context) {
	if c.session.acquire(ctx) != nil {
		return
	}
	defer c.session.release()
	c.session.refusals = 0
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
	_, err := c.attempt(ctx, call{
		op:       "sign out",
		endpoint: EndpointSignOut,
		build: func(ctx context.Context) (*http.Request, error) {
			req, err := c.newRequest(ctx, http.MethodDelete, "/v1/usg/acs/token", nil, nil)
			if err == nil {
				req.Header.Set("X-Access-Token", token)
			}
			return req, err
		},
	})
	return err
}
