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
	// clientTypeAPI is the only client type with up to 64 tokens per user. With
	// any other type, a sign-in ends the session of a person.
	clientTypeAPI = 72
	// defaultValidity is the shortest validity of a token on the API page. It
	// applies if a response does not say it.
	defaultValidity = 12 * time.Hour
	// maxValidity keeps the arithmetic from overflowing.
	maxValidity = 30 * 24 * time.Hour
)

// signIn gets a new token. The caller holds the session's lock.
func (c *Client) signIn(ctx context.Context) error {
	began := time.Now()
	var response signInResponse
	err := c.do(ctx, call{
		op:       "sign in",
		endpoint: EndpointSignIn,
		build:    c.signInRequest,
		once:     true, // a token may have been issued
		decode: func(body []byte) (err error) {
			response, err = decodeSignIn(body)
			return err
		},
	})
	var e *Error
	if errors.As(err, &e) && refusesSignIn(e) {
		e.Reason = Auth
		e.Err = errors.New("refused")
	}
	if err != nil {
		return err
	}
	s := &c.session
	s.token = string(response.accessToken)
	validity := response.validity()
	s.renewAt, s.expireAt = began.Add(validity*8/10), began.Add(validity)
	s.expiry = c.cfg.Now().Add(validity)
	s.role = response.role()
	return nil
}

// refusesSignIn reports whether a response refuses the credentials, so that
// another attempt with them is pointless.
func refusesSignIn(e *Error) bool {
	if e.Reason == Throttled {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusPreconditionFailed, http.StatusLocked:
		return true
	case http.StatusOK, http.StatusBadRequest:
		return e.WrongCredentials() || e.UnknownUser()
	}
	return false
}

// signInResponse holds the fields of a sign-in's response that the client reads.
type signInResponse struct {
	accessToken jsonString
	validPeriod jsonNumber // seconds
	adminType   jsonNumber
	code        errorCode
}

// decodeSignIn decodes a response to a sign-in (API page: App ID login). Every
// field but the token may have any value: a response that fails loses a token
// that the service has issued.
func decodeSignIn(body []byte) (r signInResponse, err error) {
	d := newDecoder(body)
	err = d.object(func(name []byte) error {
		switch string(name) {
		case "accessToken":
			return d.value(&r.accessToken)
		case "validPeriod":
			return d.value(&r.validPeriod)
		case "error_code":
			return d.value(&r.code)
		case "user":
			if d.PeekKind() == '{' {
				return d.object(func(name []byte) error {
					if string(name) == "adminType" {
						return d.value(&r.adminType)
					}
					return d.value(nil)
				})
			}
		}
		return d.value(nil)
	})
	if err == nil {
		err = d.end()
	}
	switch {
	case err != nil:
		return r, jsonError(body, err)
	case r.accessToken != "":
		return r, nil
	case r.code.present:
		return r, &r.code
	}
	return r, errors.New("response holds no access token")
}

func (r *signInResponse) validity() time.Duration {
	if !r.validPeriod.present || !(r.validPeriod.value > 0) { // NaN is not > 0
		return defaultValidity
	}
	return time.Duration(min(r.validPeriod.value, maxValidity.Seconds()) * float64(time.Second))
}

func (r *signInResponse) role() Role {
	if !r.adminType.present {
		return RoleUnknown
	}
	switch r.adminType.value {
	case 0, 1: // default administrator, administrator
		return RoleAdministrator
	case 2:
		return RoleUser
	}
	return RoleUnknown
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

// accountRequest builds a sign-in by account (API page: account login).
func (c *Client) accountRequest(ctx context.Context, password string) (*http.Request, error) {
	req, err := c.newSignIn(ctx, "/v1/usg/acs/auth/account", struct {
		Account    string `json:"account"`
		ClientType int    `json:"clientType"`
	}{c.cfg.Account, clientTypeAPI})
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.cfg.Account, password)
	return req, nil
}

func (c *Client) newSignIn(ctx context.Context, path string, content any) (*http.Request, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode sign-in: %w", err)
	}
	req, err := c.newRequest(ctx, http.MethodPost, path, nil, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	return req, nil
}
