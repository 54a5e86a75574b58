package simulator

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// throttle is the gateway's limit on requests in any minute. A rejected
// request counts like any other, so a client that keeps knocking stays out.
type throttle struct {
	limit int

	mu     sync.Mutex
	recent []time.Time // when the last requests came, at most limit of them
}

// admit counts a request that comes now, on the monotonic clock: a step of
// the wall clock must not open or close the gate. It returns how many more
// would be let through, and whether this one is.
func (t *throttle) admit(now time.Time) (left int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.recent) > 0 && now.Sub(t.recent[0]) >= time.Minute {
		t.recent = t.recent[1:]
	}
	ok = len(t.recent) < t.limit
	if !ok {
		t.recent = t.recent[1:]
	}
	t.recent = append(t.recent, now)
	return t.limit - len(t.recent), ok
}

// setRate sets the header in which the gateway says what is left.
func setRate(w http.ResponseWriter, left, limit int) {
	w.Header().Set("X-Apig-Ratelimit-Api", fmt.Sprintf("remain:%d,limit:%d,time:1 minute", left, limit))
}

func throttled(w http.ResponseWriter, limit int) {
	setRate(w, 0, limit)
	fail(w, http.StatusTooManyRequests, "APIGW.0308", fmt.Sprintf(
		"The throttling threshold has been reached: policy api over ratelimit,limit:%d,time:1 minute", limit))
}
