package poller

import (
	"math"
	"time"

	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/client"
)

// demand is how many requests a tail and a sweep take.
type demand struct{ tail, sweep int }

// perMinute returns how many requests a minute the configured intervals take:
// a tail at every interval, except for the one in each sweep interval that a
// sweep replaces. Tails that are skipped during a long sweep count as if they
// were made, so the result is never too low.
func (d demand) perMinute(cfg Config) int {
	tails := float64(d.tail) * (1/cfg.Interval.Minutes() - 1/cfg.SweepInterval.Minutes())
	sweeps := float64(d.sweep) / cfg.SweepInterval.Minutes()
	return int(math.Ceil(tails + sweeps - 1e-9)) // without the rounding error of a whole sum
}

// warnOfLimit logs once that the limit of requests is too low for the volume
// of a sweep, together with the volumes of the enterprises that share the limit.
// It counts what the next sweep reads, since this one may have caught up after an
// outage.
func (p *Poller) warnOfLimit(sweep *client.Listing, began time.Time) {
	d := demand{tail: sweep.PagesSince(began.Add(-p.cfg.Tail)), sweep: sweep.PagesSince(p.ledger.SweepFrom(began))}
	needed, allowed := p.client.Demand(d.perMinute(p.cfg))
	if needed > allowed && !p.warnedOfLimit {
		level.Warn(p.cfg.Logger).Log("msg", "The limit of requests is too low for this many meetings, so polls will be skipped; "+
			"raise --huaweicloud.max-requests-per-minute or an interval, or lower --history.tail",
			"needed_per_minute", needed, "allowed_per_minute", allowed, "tail_requests", d.tail, "sweep_requests", d.sweep)
	}
	p.warnedOfLimit = needed > allowed
}
