package client

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiterBurst lets a poll of a few pages run without waiting.
const limiterBurst = 5

// Limiter limits the requests of all clients that share it. It serves requests
// in the order in which they arrive. A client that lists a large history waits
// with one request at a time, so the others get their turn after each page. It
// is safe for concurrent use.
type Limiter struct {
	rate      *rate.Limiter
	perMinute int

	mu     sync.Mutex
	demand map[*Client]int // requests per minute, as far as known
}

// NewLimiter returns a limiter of a number of requests per minute, which must be
// positive.
func NewLimiter(perMinute int) *Limiter {
	return &Limiter{
		rate:      newRateLimiter(perMinute),
		perMinute: perMinute,
		demand:    map[*Client]int{},
	}
}

// wait waits until the limit allows a request. A background request takes no
// place in the queue: it takes a token if one is left, and none is while another
// request waits. So it delays a later one by no more than one token.
func (l *Limiter) wait(ctx context.Context, background bool) error {
	if !background {
		return l.rate.Wait(ctx)
	}
	for !l.rate.Allow() {
		select {
		case <-time.After(time.Minute / time.Duration(l.perMinute)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func newRateLimiter(perMinute int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(perMinute)/60), limiterBurst)
}

// Demand notes how many requests per minute this client needs. It returns how
// many all clients that share its limiter need, as far as they have said so, and
// how many they may make.
func (c *Client) Demand(perMinute int) (needed, allowed int) {
	l := c.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demand[c] = perMinute
	for _, n := range l.demand {
		needed += n
	}
	return needed, l.perMinute
}
