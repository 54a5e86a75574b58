package collector

import (
	"math"
	"time"

	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/client"
)

// need is how many requests a tail and a sweep take.
type need struct{ tail, sweep int }

// perMinute is how many requests a minute it takes to keep to the intervals: a
// tail at every interval, save one in each sweep interval, whose place the
// sweep takes. The tails that a long sweep leaves out are counted as if they
// were made, so that this is never too low. As a sweep takes no less than a
// tail, what stays within the limit also has tails that are done within their
// interval, and sweeps within theirs.
func (n need) perMinute(cfg PollerConfig) int {
	tails := float64(n.tail) * (1/cfg.Interval.Minutes() - 1/cfg.SweepInterval.Minutes())
	sweeps := float64(n.sweep) / cfg.SweepInterval.Minutes()
	return int(math.Ceil(tails + sweeps - 1e-9)) // a sum that is whole but for its rounding stays whole
}

// warnOfNeed says once that the limit cannot be kept to at the volume that a
// sweep saw. It goes by what the next sweep reads, for this one may have caught
// up on an outage.
func (p *Poller) warnOfNeed(sweep *client.Listing, began time.Time) {
	n := need{tail: sweep.PagesSince(began.Add(-p.cfg.Tail)), sweep: sweep.PagesSince(p.ledger.SweepFrom(began))}
	needed, allowed := n.perMinute(p.cfg), p.client.MaxRequestsPerMinute()
	if needed > allowed && !p.short {
		level.Warn(p.cfg.Logger).Log("msg", "So many meetings need more requests than are allowed, so that more polls than those during a sweep will be skipped; "+
			"raise --huaweicloud.max-requests-per-minute, --history.interval or --history.sweep-interval, or lower --history.tail",
			"needed_per_minute", needed, "allowed_per_minute", allowed, "tail_requests", n.tail, "sweep_requests", n.sweep)
	}
	p.short = needed > allowed
}
