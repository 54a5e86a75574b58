package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

const (
	// maxBody limits a response body. A full page of 500 records takes about
	// 600 kB.
	maxBody = 64 << 20
	// maxBodyBuffer limits the buffer that is allocated for a Content-Length
	// before the body arrives.
	maxBodyBuffer = 1 << 20
)

// Exchange is one request and its result.
type Exchange struct {
	// Endpoint is one of Endpoints.
	Endpoint string
	// Status is the HTTP status, or 0 if no complete response arrived.
	Status int
	// Duration is the time from sending the request to the end of its response.
	Duration time.Duration
	// Date is the service's clock to the second, or zero if it sent none.
	Date time.Time
}

// call is one operation of the API.
type call struct {
	op       string // names the operation in errors
	endpoint string
	// build returns the request. It is called for every attempt, so that each
	// has a nonce of its own.
	build func(ctx context.Context) (*http.Request, error)
	// decode reads the body of a 200. If it is nil, any 2xx is a success and
	// the body is ignored.
	decode func(body []byte) error
}

// attempt makes one request. retryAfter is how long the service asks to wait
// before the next attempt.
func (c *Client) attempt(ctx context.Context, call call) (retryAfter time.Duration, err error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return 0, &Error{Op: call.op, Reason: Network, Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no complete response within %s", c.cfg.Timeout))
	defer cancel()
	req, err := call.build(ctx)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)

	began := time.Now()
	resp, body, err := c.roundTrip(req)
	c.observe(call.endpoint, time.Since(began), resp, err)
	switch {
	case errors.Is(err, errTooLong):
		return 0, &Error{Op: call.op, Reason: Response, Status: resp.StatusCode, Err: err}
	case err != nil && ctx.Err() != nil:
		return 0, &Error{Op: call.op, Reason: Network, Err: context.Cause(ctx)}
	case err != nil:
		return 0, &Error{Op: call.op, Reason: Network, Err: safeError(err)}
	case resp.StatusCode != http.StatusOK && (call.decode != nil || resp.StatusCode/100 != 2):
		return parseRetryAfter(resp, c.cfg.Now()), statusError(call.op, resp, body)
	case call.decode == nil:
		return 0, nil
	}
	if err := call.decode(body); err != nil {
		reason := Response
		if errors.Is(err, io.ErrUnexpectedEOF) {
			reason = Network
		}
		return 0, &Error{Op: call.op, Reason: reason, Status: resp.StatusCode, RequestID: headerRequestID(resp), Err: err}
	}
	return 0, nil
}

func (c *Client) observe(endpoint string, took time.Duration, resp *http.Response, err error) {
	if c.cfg.Observe == nil {
		return
	}
	ex := Exchange{Endpoint: endpoint, Duration: took}
	if resp != nil {
		ex.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	}
	if err == nil {
		ex.Status = resp.StatusCode
	}
	c.cfg.Observe(ex)
}

var errTooLong = fmt.Errorf("response is longer than %d MiB", maxBody>>20)

// roundTrip sends req and reads the whole response. If only the body fails, it
// returns both the response and an error. It calls the transport itself,
// because an http.Client follows redirects: to a page that reads as "0
// meetings", or with the token to another host.
func (c *Client) roundTrip(req *http.Request) (*http.Response, []byte, error) {
	resp, err := c.cfg.Transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), maxBodyBuffer)) + bytes.MinRead)
	if _, err := body.ReadFrom(io.LimitReader(resp.Body, maxBody+1)); err != nil {
		return resp, nil, err
	}
	if body.Len() > maxBody {
		return resp, nil, errTooLong
	}
	return resp, body.Bytes(), nil
}

// newRequest returns a request without a body if body is empty. Some gateways
// refuse a GET with a body.
func (c *Client) newRequest(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// safeError returns an error that quotes nothing of the response. Errors of
// net/http may quote it, so every unknown error becomes a general one.
func safeError(err error) error {
	var (
		timeout     net.Error
		network     *net.OpError
		certificate *tls.CertificateVerificationError
		errno       syscall.Errno
	)
	switch {
	case errors.As(err, &network), errors.As(err, &certificate):
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("timeout")
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection closed before the response was complete")
	}
	return errors.New("no valid HTTP response")
}
