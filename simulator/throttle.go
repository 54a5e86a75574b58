package simulator

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// throttle is the gateway's limit on the requests in any minute. Rejected
// requests count too, so a client that does not slow down stays rejected. It
// is safe for concurrent use.
type throttle struct {
	limit int

	mu     sync.Mutex
	recent []time.Time // when the last requests arrived, at most limit of them
}

// admit counts a request and reports whether it is accepted, and how many more
// would be. now must be a reading of the monotonic clock: a step of the wall
// clock must not change the limit.
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

// setRateHeader sets the header that shows how many requests are left.
func setRateHeader(w http.ResponseWriter, left, limit int) {
	w.Header().Set("X-Apig-Ratelimit-Api", fmt.Sprintf("remain:%d,limit:%d,time:1 minute", left, limit))
}

func writeThrottled(w http.ResponseWriter, limit int) {
	setRateHeader(w, 0, limit)
	writeError(w, http.StatusTooManyRequests, "APIGW.0308", fmt.Sprintf(
		"The throttling threshold has been reached: policy api over ratelimit,limit:%d,time:1 minute", limit))
}
