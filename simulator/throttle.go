package simulator

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
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

// admit counts a request and returns how many more would be accepted. A positive
// wait means that it is rejected, and the next one too unless it comes that much
// later. now must be a reading of the monotonic clock: a step of the wall clock
// must not change the limit.
func (t *throttle) admit(now time.Time) (left int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.recent) > 0 && now.Sub(t.recent[0]) >= time.Minute {
		t.recent = t.recent[1:]
	}
	rejected := len(t.recent) >= t.limit
	if rejected {
		t.recent = t.recent[1:]
	}
	t.recent = append(t.recent, now)
	if rejected {
		wait = time.Minute - now.Sub(t.recent[0])
	}
	return t.limit - len(t.recent), wait
}

// setRateHeader sets the header that shows how many requests are left.
func setRateHeader(w http.ResponseWriter, left, limit int) {
	w.Header().Set("X-Apig-Ratelimit-Api", fmt.Sprintf("remain:%d,limit:%d,time:1 minute", left, limit))
}

// writeThrottled responds to a request that is rejected. wait is the time until
// the next one is accepted.
func (f ThrottleForm) writeThrottled(w http.ResponseWriter, limit int, wait time.Duration) {
	const code = "APIGW.0308"
	message := fmt.Sprintf("The throttling threshold has been reached: policy api over ratelimit,limit:%d,time:1 minute", limit)
	setRateHeader(w, 0, limit)
	switch f {
	case ThrottleForbidden:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		writeError(w, http.StatusForbidden, code, message)
	case ThrottleCut:
		w.Header().Set("Content-Type", contentTypeJSON)
		writeHalf(w, http.StatusTooManyRequests, errorBody(w, code, message))
	default:
		writeError(w, http.StatusTooManyRequests, code, message)
	}
}
