package collector

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/ledger"
)

// Gatherer keeps what was gathered of a ledger until a new snapshot is
// published or the minute changes, which is what the sliding sums move by. It
// tells the ledger what was served. It may be used concurrently.
type Gatherer struct {
	source prometheus.Gatherer
	ledger *ledger.Ledger
	now    func() time.Time
	kept   atomic.Pointer[gathered]
}

type gathered struct {
	snapshot *ledger.Snapshot
	minute   int64
	families []*dto.MetricFamily
}

// NewGatherer returns a gatherer of a registry that holds nothing but the
// Collector of the ledger. Now is the wall clock.
func NewGatherer(source prometheus.Gatherer, l *ledger.Ledger, now func() time.Time) *Gatherer {
	return &Gatherer{source: source, ledger: l, now: now}
}

// Gather implements prometheus.Gatherer. The families are shared and must not
// be changed.
func (g *Gatherer) Gather() ([]*dto.MetricFamily, error) {
	// The snapshot and the minute are read before the families are, so that
	// families of a later state are kept for too short a time, never too long.
	fresh := &gathered{snapshot: g.ledger.Snapshot(), minute: g.now().Unix() / 60}
	if kept := g.kept.Load(); kept != nil && kept.snapshot == fresh.snapshot && kept.minute == fresh.minute {
		fresh = kept
	} else {
		var err error
		if fresh.families, err = g.source.Gather(); err != nil {
			return fresh.families, err
		}
		g.kept.Store(fresh)
	}
	fresh.snapshot.Served(time.Now())
	return fresh.families, nil
}
