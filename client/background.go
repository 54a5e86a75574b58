package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/time/rate"
)

// background is a request for what the polls of the history can do without.
type background struct {
	op, endpoint, path string
	query              url.Values
	share              *rate.Limiter // the part of the limit that it may use; nil for all of it
}

// get makes a background request. It leaves a rejected token to the polls of the
// history: some services may reject a token to say that the user lacks a right,
// and a new sign-in for each of those would end other tokens of the user.
func (c *Client) get(ctx context.Context, b background, decode func(body []byte) error) error {
	token, err := c.token(ctx, "")
	if err != nil {
		return err
	}
	err = c.do(ctx, call{
		op:         b.op,
		endpoint:   b.endpoint,
		background: true,
		share:      b.share,
		build: func(ctx context.Context) (*http.Request, error) {
			req, err := c.newRequest(ctx, http.MethodGet, b.path, b.query, nil)
			if err == nil {
				req.Header.Set("X-Access-Token", token)
			}
			return req, err
		},
		decode: decode,
	})
	var e *Error
	switch {
	case !errors.As(err, &e):
	case e.Status == http.StatusForbidden && e.Reason != Throttled:
		e.Reason, e.Err = Permission, errors.New("this user may not do this")
	case e.Status == http.StatusNotFound:
		e.Err = errors.New("the service does not know this request")
	case e.deadToken():
		e.Reason, e.Err = Auth, errors.New("the service rejects the token")
	}
	return err
}

// Refused reports whether the user may not make the request, or the service does
// not know it. A dead token may look the same.
func (e *Error) Refused() bool { return e.Reason == Permission || e.Status == http.StatusNotFound }
