package poller

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/client"
)

const (
	// refusedInterval is the time between two attempts at what is refused.
	refusedInterval = time.Hour
	// maxRefusals is how many refusals since the last success it takes to believe
	// them. The first may come from a dead token, which a poll of the history
	// replaces before the second attempt. A single 404 is enough.
	maxRefusals = 2
)

// refusal remembers whether the service refuses something.
type refusal struct {
	count    int // refusals since the last success
	believed bool
}

// note takes in the result of an attempt. It reports whether that is a refusal,
// and logs when refusals are first believed. What was attempted is for a collector.
func (r *refusal) note(err error, what, collector string, logger log.Logger) (refused bool) {
	switch {
	case err == nil:
		*r = refusal{}
		return false
	case !isRefusal(err):
		return false
	}
	r.count++
	if e, _ := errors.AsType[*client.Error](err); !r.believed && (r.count >= maxRefusals || e.Status == http.StatusNotFound) {
		r.believed = true
		level.Warn(logger).Log("msg", fmt.Sprintf("The service does not offer %s, or not to this user; the next attempts are an hour apart; --no-collector.%s ends them", what, collector), "err", err)
	}
	return true
}

// isRefusal reports whether the service refuses what was attempted.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Refused()
}

// attempt calls read. It turns a panic into an error.
func attempt(read func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return read()
}
