package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/go-json-experiment/json"
)

const (
	// maxBody bounds an answer; a full page of 500 records is about 600 kB.
	maxBody = 64 << 20
	// maxForeseen bounds the room that is made for an answer before it came, by
	// what its header says of its length.
	maxForeseen = 1 << 20
	// maxRetryAfter bounds what the service may ask the client to wait.
	maxRetryAfter = 2 * time.Minute
)

// call is one request of the API: how to build it, and how to read the body
// of a 200. Building anew for every attempt keeps nonces and bodies fresh.
type call struct {
	op       string
	endpoint string
	build    func(ctx context.Context) (*http.Request, error)
	decode   func(body []byte) error
}

// do makes a call, with up to MaxAttempts for what may pass: throttling,
// failures of the server or the network, and answers that break off.
func (c *Client) do(ctx context.Context, call call) error {
	wait := &waits{random: c.cfg.Random}
	wait.InitialInterval = 2 * time.Second // the vendor advises 2 to 5 s after a 429
	wait.Multiplier = 2
	wait.MaxInterval = 30 * time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		retryAfter, err := c.attempt(ctx, call)
		wait.retryAfter = retryAfter
		if err != nil && !mayPass(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(c.cfg.MaxAttempts), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s: %w", call.op, context.Cause(ctx))
	}
	return err
}

// mayPass tells whether another attempt at the same request makes sense.
func mayPass(err error) bool {
	switch reason, _ := ReasonOf(err); reason {
	case Throttled, Server, Network:
		return true
	}
	return false
}

// attempt makes one request and returns how long the service asks to wait
// before the next, if it does.
func (c *Client) attempt(ctx context.Context, call call) (retryAfter time.Duration, err error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return 0, &Error{Op: call.op, Reason: Network, Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no complete answer within %s", c.cfg.Timeout))
	defer cancel()
	req, err := call.build(ctx)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)

	began := time.Now()
	resp, body, err := c.exchange(req)
	ex := Exchange{Endpoint: call.endpoint, Duration: time.Since(began)}
	if resp != nil {
		ex.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	}
	if err == nil {
		ex.Status = resp.StatusCode
	}
	if c.cfg.Observe != nil {
		c.cfg.Observe(ex)
	}

	switch {
	case errors.Is(err, errTooLong):
		return 0, &Error{Op: call.op, Reason: Response, Status: resp.StatusCode, Err: err}
	case err != nil && ctx.Err() != nil:
		return 0, &Error{Op: call.op, Reason: Network, Err: context.Cause(ctx)}
	case err != nil:
		return 0, &Error{Op: call.op, Reason: Network, Err: speakable(err)}
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
		return 0, &Error{Op: call.op, Reason: reason, Status: resp.StatusCode, RequestID: requestID(resp, nil), Err: err}
	}
	return 0, nil
}

var errTooLong = fmt.Errorf("answer is longer than %d MiB", maxBody>>20)

// exchange sends req and reads the whole answer. The response is returned
// with an error where its header came but not its body. The transport is used
// directly, and not through an http.Client, which would follow redirects: to a
// page that reads as "0 meetings", or with the token to another host.
func (c *Client) exchange(req *http.Request) (*http.Response, []byte, error) {
	resp, err := c.cfg.Transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), maxForeseen)) + bytes.MinRead)
	if _, err := body.ReadFrom(io.LimitReader(resp.Body, maxBody+1)); err != nil {
		return resp, nil, err
	}
	if body.Len() > maxBody {
		return resp, nil, errTooLong
	}
	return resp, body.Bytes(), nil
}

// speakable returns what may be told of a failed exchange. Errors that come
// from reading the answer quote it, and are told in general.
func speakable(err error) error {
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
		return errors.New("the connection broke off")
	}
	return errors.New("the answer is not one of HTTP")
}

// errNotJSON stands for the errors of the decoder, which may quote the body.
var errNotJSON = errors.New("answer is not the JSON of this API")

// unmarshal is json.Unmarshal with errors as jsonError returns them.
func unmarshal(body []byte, v any) error {
	return jsonError(body, json.Unmarshal(body, v, jsonOptions()))
}

// jsonError returns what may be told of an error of reading a body: that it
// broke off, io.ErrUnexpectedEOF, or else errNotJSON.
func jsonError(body []byte, err error) error {
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(body)) > 0 && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("answer broke off: %w", io.ErrUnexpectedEOF)
	}
	return errNotJSON
}

// serviceError is the body of an answer that tells of a failure, by the API
// page and, for some calls, by the older returnCode.
type serviceError struct {
	ErrorCode  word `json:"error_code"`
	RequestID  word `json:"request_id"`
	ReturnCode word `json:"returnCode"`
}

func parseServiceError(body []byte) *serviceError {
	var e serviceError
	if err := unmarshal(body, &e); err != nil {
		return &serviceError{} // a proxy's page or nothing: the status must do
	}
	if e.ErrorCode == "" {
		e.ErrorCode = e.ReturnCode
	}
	return &e
}

func requestID(resp *http.Response, e *serviceError) string {
	if id := newWord(resp.Header.Get("X-Request-Id")); id != "" || e == nil {
		return string(id)
	}
	return string(e.RequestID)
}

// statusError says what an answer other than success means. The reasons that
// depend on the endpoint are the callers' to give.
func statusError(op string, resp *http.Response, body []byte) *Error {
	said := parseServiceError(body)
	e := &Error{Op: op, Status: resp.StatusCode, Code: string(said.ErrorCode), RequestID: requestID(resp, said)}
	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests:
		e.Reason, e.Err = Throttled, errors.New("the service says that it is asked too often")
	case s >= 500:
		e.Reason, e.Err = Server, errors.New("the service failed")
	case s/100 == 3:
		e.Reason, e.Err = Response, errors.New("redirected, so this is not the API's address")
	default:
		e.Reason, e.Err = Response, errors.New("unexpected answer")
	}
	return e
}

// parseRetryAfter reads the header Retry-After, in seconds or as a date.
func parseRetryAfter(resp *http.Response, now time.Time) time.Duration {
	value := resp.Header.Get("Retry-After")
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
}

// waits is exponential backoff with jitter from a given source, which never
// waits less than the service asked for.
type waits struct {
	backoff.ExponentialBackOff
	random     io.Reader
	retryAfter time.Duration
}

// NextBackOff returns the time to wait before the next attempt: the
// exponential interval, give or take half of it.
func (w *waits) NextBackOff() time.Duration {
	interval := w.ExponentialBackOff.NextBackOff()
	var b [8]byte
	if _, err := io.ReadFull(w.random, b[:]); err != nil {
		return max(interval, w.retryAfter)
	}
	jitter := time.Duration(binary.NativeEndian.Uint64(b[:]) % uint64(interval))
	return max(interval/2+jitter, w.retryAfter)
}

func (c *Client) newRequest(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	// A body that cannot be rewound keeps net/http from repeating a request
	// by itself, past the limiter.
	req.Body, req.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	req.Header.Set("Accept", "application/json")
	return req, nil
}
