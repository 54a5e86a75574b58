package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
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
	// Received is the local clock, Config.Now, when the header of the response
	// arrived: the time to compare Date with. It is zero if no header arrived.
	Received time.Time
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
	// once ends the call with the first request that may have reached the
	// service. Other failed requests may be repeated.
	once bool
	// unlimited makes the call without waiting for the limiter.
	unlimited bool
	// background lets all other calls go first.
	background bool
	// share, if set, is a limiter of its own beside that of the client.
	share *rate.Limiter
}

// attempt makes one request. It returns an *Error, or an error of call.build.
func (c *Client) attempt(ctx context.Context, call call) error {
	if !call.unlimited {
		if call.share != nil {
			if err := call.share.Wait(ctx); err != nil {
				return &Error{Op: call.op, Reason: Network, Err: err}
			}
		}
		if err := c.limiter.wait(ctx, call.background); err != nil {
			return &Error{Op: call.op, Reason: Network, Err: err}
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no complete response within %s", c.cfg.Timeout))
	defer cancel()
	req, err := call.build(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	connected := new(atomic.Bool)
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))

	resp, body, err := c.exchange(call.endpoint, req)
	e := &Error{Op: call.op, Reason: Network, sent: resp != nil || connected.Load()}
	switch {
	case errors.Is(err, errTooLong):
		e.Reason, e.Status, e.Err = Response, resp.StatusCode, err
		return e
	case err != nil && ctx.Err() != nil:
		e.Err = context.Cause(ctx)
		return e
	case err != nil:
		e.Err = networkError(err)
		return e
	case resp.StatusCode != http.StatusOK && (call.decode != nil || resp.StatusCode/100 != 2):
		e.readStatus(resp, body)
		e.retryAfter = parseRetryAfter(resp, c.cfg.Now())
		return e
	case call.decode == nil:
		return nil
	}
	if err := call.decode(body); err != nil {
		e.readDecodeError(resp, err)
		return e
	}
	return nil
}

var errTooLong = fmt.Errorf("response is longer than %d MiB", maxBody>>20)

// exchange sends req, reads the whole response and observes the exchange. If only
// the body fails, it returns both the response and an error, or no body if the
// status alone tells what happened. It calls the transport itself, because an
// http.Client follows redirects: to a page that reads as "0 meetings", or with
// the token to another host.
func (c *Client) exchange(endpoint string, req *http.Request) (resp *http.Response, body []byte, err error) {
	ex := Exchange{Endpoint: endpoint}
	began := time.Now()
	if resp, err = c.cfg.Transport.RoundTrip(req); err == nil {
		ex.Received = c.cfg.Now()
		ex.Date, _ = http.ParseTime(resp.Header.Get("Date"))
		if body, err = readBody(resp); err == nil {
			ex.Status = resp.StatusCode
		}
	}
	ex.Duration = time.Since(began)
	if c.cfg.Observe != nil {
		c.cfg.Observe(ex)
	}
	return resp, body, err
}

// readBody reads and closes the body of a response. It returns nothing if the
// body breaks off and the status alone tells what happened.
func readBody(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), maxBodyBuffer)) + bytes.MinRead)
	switch _, err := body.ReadFrom(io.LimitReader(resp.Body, maxBody+1)); {
	case err != nil && failsByStatus(resp.StatusCode):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if body.Len() > maxBody {
		return nil, errTooLong
	}
	return body.Bytes(), nil
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
