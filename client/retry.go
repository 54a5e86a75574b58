package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryAfter limits how long the service may ask the client to wait.
const maxRetryAfter = 2 * time.Minute

// do makes a call, with up to MaxAttempts requests if an error is retryable. If
// ctx ends, do returns the cause of that, which is no Error.
func (c *Client) do(ctx context.Context, call call) error {
	wait := newCallBackoff(c.cfg.Random)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := c.attempt(ctx, call)
		var e *Error
		if errors.As(err, &e) {
			wait.retryAfter = e.retryAfter
		}
		if err != nil && (!retryable(err) || call.once && e.sent) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(c.cfg.MaxAttempts), backoff.WithMaxElapsedTime(0))
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s: %w", call.op, context.Cause(ctx))
	}
	return err
}

// retryable reports whether another attempt may succeed.
func retryable(err error) bool {
	switch reason, _ := ReasonOf(err); reason {
	case Throttled, Server, Network:
		return true
	}
	return false
}

// callBackoff is the backoff of one call: exponential, with jitter, and never
// shorter than the service asked for.
type callBackoff struct {
	backoff.ExponentialBackOff
	random     io.Reader
	retryAfter time.Duration
}

func newCallBackoff(random io.Reader) *callBackoff {
	return &callBackoff{
		ExponentialBackOff: backoff.ExponentialBackOff{
			InitialInterval: 2 * time.Second, // the vendor advises 2 to 5 s after a 429
			Multiplier:      2,
			MaxInterval:     30 * time.Second,
		},
		random: random,
	}
}

// NextBackOff returns the time to wait before the next attempt: the exponential
// interval, plus or minus up to half of it.
func (b *callBackoff) NextBackOff() time.Duration {
	interval := b.ExponentialBackOff.NextBackOff()
	var random [8]byte
	if _, err := io.ReadFull(b.random, random[:]); err != nil {
		return max(interval, b.retryAfter)
	}
	jitter := time.Duration(binary.NativeEndian.Uint64(random[:]) % uint64(interval))
	return max(interval/2+jitter, b.retryAfter)
}

// parseRetryAfter reads the header Retry-After, which holds seconds or a date.
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
