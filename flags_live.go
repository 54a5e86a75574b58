package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// liveOptions are the values of the flags of the collectors live and resources.
type liveOptions struct {
	live, resources                 bool
	liveInterval, resourcesInterval time.Duration
}

// registerLive declares the flags, which set o.
func (o *liveOptions) registerLive(app *kingpin.Application) {
	app.Flag("collector.live", "Read the meetings in progress. --no-collector.live switches it off.").Default("true").BoolVar(&o.live)
	app.Flag("live.interval", "Time between two readings of the meetings in progress. Each takes one request for every 500 meetings. Their gauges have no samples after five of these intervals without success.").Default("1m").DurationVar(&o.liveInterval)
	app.Flag("collector.resources", "Read what the enterprise uses and what it has bought. Only an administrator may read it. --no-collector.resources switches it off.").Default("true").BoolVar(&o.resources)
	app.Flag("resources.interval", "Time between two readings of what the enterprise uses. Quotas and expiry dates are read every tenth time. Gauges have no samples after five readings without success.").Default("5m").DurationVar(&o.resourcesInterval)
}

// validateLive checks the flags.
func (o *liveOptions) validateLive() error {
	for _, one := range []struct {
		flag     string
		interval time.Duration
	}{{"live.interval", o.liveInterval}, {"resources.interval", o.resourcesInterval}} {
		const year = 365 * 24 * time.Hour // so that fifty of them do not overflow
		switch {
		case one.interval <= 0:
			return fmt.Errorf("--%s: must be positive", one.flag)
		case one.interval > year:
			return fmt.Errorf("--%s: %s is more than a year", one.flag, one.interval)
		}
	}
	return nil
}
