package soak_test

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-kit/log"

	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
)

// loopsEvery is how often a seed reads meetings in progress and resources too.
const loopsEvery = 2

// runLoops runs the loops of the other collectors beside the polls. Nobody looks
// at what they read: they must not change what the history shows, and keep to the
// limit together with it. In some seeds the service refuses them, and they meet the
// faults of the polls.
func (w *world) runLoops() {
	if !w.loops {
		return
	}
	p := w.process
	config := func(interval time.Duration) poller.OptionalConfig {
		return poller.OptionalConfig{Interval: interval, Delay: between(w.rng, 0, interval), Now: w.clock.wall, Logger: log.NewNopLogger()}
	}
	live := poller.NewLive(config(w.cfg.LiveInterval), p.Client, p.Ledger.Snapshot)
	resources := poller.NewResources(config(w.cfg.ResourcesInterval), p.Client)
	p.loops.Go(func() { live.Run(p.ctx) })
	p.loops.Go(func() { resources.Run(p.ctx) })
}

// ofLoops reports whether a request is one of the loops. They are not traced: two
// of them may come at one instant.
func ofLoops(r *http.Request) bool {
	return slices.Contains([]string{simulator.PathOnline, simulator.PathUsage, simulator.PathQuotas, simulator.PathBought}, r.URL.Path)
}
