package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// clientTypeAPI allows up to 64 tokens per user; any other client type
	// allows one, so that a sign-in would end a person's session.
	clientTypeAPI = 72
	// maxSignInInterval bounds the backoff after refused sign-ins.
	maxSignInInterval = 15 * time.Minute
	// leastValidity is the shortest life of a token by the API page, assumed
	// where an answer does not tell it.
	leastValidity = 12 * time.Hour
	// longestValidity only keeps arithmetic from overflowing.
	longestValidity = 30 * 24 * time.Hour
)

// Role is what the service says of the user signed in as.
type Role int

// The roles. Only an administrator sees all meetings of the enterprise.
const (
	RoleUnknown Role = iota
	RoleAdministrator
	RoleUser
)

// session is the token and what led to it. The lock is a channel and not a
// mutex, because it is held across requests and must yield to a context.
type session struct {
	lock    chan struct{}
	token   string
	renewAt time.Time // on the monotonic clock: a wrong local time does no harm
	expiry  time.Time
	role    Role

	refused   int // sign-ins refused in a row
	heldUntil time.Time
	heldErr   *Error
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

func (s *session) forget() { s.token, s.expiry = "", time.Time{} }

// SignIn makes sure that a token is there and returns the role it gives. It
// signs in only if there is none or it is due for renewal.
func (c *Client) SignIn(ctx context.Context) (Role, error) {
	if _, err := c.token(ctx, ""); err != nil {
		return RoleUnknown, err
	}
	_, role, err := c.Session(ctx)
	return role, err
}

// Session returns when the token expires, zero if there is none, and the role
// it gives. It never asks the service, but waits while a sign-in is under way.
func (c *Client) Session(ctx context.Context) (expiry time.Time, role Role, err error) {
	s := &c.session
	if err := s.acquire(ctx); err != nil {
		return time.Time{}, RoleUnknown, err
	}
	defer s.release()
	return s.expiry, s.role, nil
}

// token returns a token to use, signing in if there is none, if it has lived
// 80 % of its validity, or if it is the one that the service rejected.
func (c *Client) token(ctx context.Context, rejected string) (string, error) {
	s := &c.session
	if err := s.acquire(ctx); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	defer s.release()
	if s.token == rejected {
		s.forget()
	}
	if s.token != "" && time.Now().Before(s.renewAt) {
		return s.token, nil
	}
	if wait := time.Until(s.heldUntil); wait > 0 {
		held := *s.heldErr
		held.Err = fmt.Errorf("%w; the next attempt is held back for %s", held.Err, wait.Round(time.Second))
		return "", &held
	}
	if err := c.signIn(ctx); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Reason == Auth && e.Status != 0 { // 0: the secret could not be read
			s.refuse(c.cfg.SignInInterval, e)
		}
		return "", err
	}
	return s.token, nil
}

// refuse holds back the next sign-in, for longer after every refusal: the
// service locks accounts, and every sign-in may push out another's token.
func (s *session) refuse(interval time.Duration, err *Error) {
	hold := min(interval<<min(s.refused, 10), max(interval, maxSignInInterval))
	s.refused++
	s.heldUntil = time.Now().Add(hold)
	s.heldErr = err
}

// distrust treats an answer of 401 to a fresh token as a refused sign-in: it
// holds back the next one.
func (c *Client) distrust(ctx context.Context, err *Error) {
	if c.session.acquire(ctx) != nil {
		return
	}
	defer c.session.release()
	if time.Now().Before(c.session.heldUntil) {
		return // the same failure, met by another caller
	}
	c.session.refuse(c.cfg.SignInInterval, err)
}

// trust notes that the service accepted a token.
func (c *Client) trust(ctx context.Context) {
	if c.session.acquire(ctx) != nil {
		return
	}
	defer c.session.release()
	c.session.refused = 0
}

// signIn gets a new token. The caller holds the session.
func (c *Client) signIn(ctx context.Context) error {
	began := time.Now()
	var answer signInAnswer
	err := c.do(ctx, call{
		op:       "sign in",
		endpoint: EndpointSignIn,
		build:    c.signInRequest,
		decode: func(body []byte) error {
			answer = signInAnswer{}
			if err := unmarshal(body, &answer); err != nil {
				return err
			}
			if answer.AccessToken == "" {
				return errors.New("answer holds no access token")
			}
			return nil
		},
	})
	var e *Error
	if errors.As(err, &e) && refusedSignIn(e) {
		e.Reason = Auth
		e.Err = errors.New("refused")
	}
	if err != nil {
		return err
	}
	s := &c.session
	s.token = answer.AccessToken
	validity := answer.validity()
	s.renewAt = began.Add(validity * 8 / 10)
	s.expiry = c.cfg.Now().Add(validity)
	s.role = answer.role()
	return nil
}

// refusedSignIn tells a refusal, which another attempt does not cure, from an
// answer that has nothing to do with the credentials. The codes are those the
// vendor's clients know for a wrong key, account or password.
func refusedSignIn(e *Error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusPreconditionFailed, http.StatusLocked:
		return true
	case http.StatusBadRequest:
		return e.WrongCredentials() || e.UnknownUser()
	}
	return false
}

// signInAnswer is what the client reads of the answer to a sign-in.
type signInAnswer struct {
	AccessToken string `json:"accessToken"`
	ValidPeriod number `json:"validPeriod"` // seconds
	User        struct {
		AdminType number `json:"adminType"`
	} `json:"user"`
}

func (a *signInAnswer) validity() time.Duration {
	if !a.ValidPeriod.given || !(a.ValidPeriod.value > 0) {
		return leastValidity
	}
	return time.Duration(min(a.ValidPeriod.value, longestValidity.Seconds()) * float64(time.Second))
}

func (a *signInAnswer) role() Role {
	if !a.User.AdminType.given {
		return RoleUnknown
	}
	switch a.User.AdminType.value {
	case 0, 1: // default administrator, administrator
		return RoleAdministrator
	case 2:
		return RoleUser
	}
	return RoleUnknown
}

// signOut gives the token back, since at most 64 live per user.
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
	s.forget()
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

// signInRequest builds a sign-in by App ID or by account.
func (c *Client) signInRequest(ctx context.Context) (*http.Request, error) {
	secret, err := c.cfg.Secret()
	if err != nil {
		return nil, &Error{Op: "sign in", Reason: Auth, Err: err}
	}
	if c.cfg.AppID == "" {
		return c.accountRequest(ctx, secret)
	}
	return c.appIDRequest(ctx, secret)
}

func (c *Client) accountRequest(ctx context.Context, password string) (*http.Request, error) {
	body, err := json.Marshal(struct {
		Account    string `json:"account"`
		ClientType int    `json:"clientType"`
	}{c.cfg.Account, clientTypeAPI})
	if err != nil {
		return nil, fmt.Errorf("encode sign-in: %w", err)
	}
	req, err := c.newRequest(ctx, http.MethodPost, "/v1/usg/acs/auth/account", nil, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	req.SetBasicAuth(c.cfg.Account, password)
	return req, nil
}
