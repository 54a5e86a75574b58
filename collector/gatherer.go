package collector

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/ledger"
)

// Gatherer gathers the metrics of a ledger once for each snapshot and minute:
// the window moves by the minute. It may be used concurrently.
type Gatherer struct {
	source prometheus.Gatherer
	ledger *ledger.Ledger
	now    func() time.Time
	cache  atomic.Pointer[gathered]
}

type gathered struct {
	snapshot *ledger.Snapshot
	minute   int64
	families []*dto.MetricFamily
}

// NewGatherer returns a gatherer of a registry that contains only the Collector
// of the ledger. Now is the wall clock.
func NewGatherer(source prometheus.Gatherer, l *ledger.Ledger, now func() time.Time) *Gatherer {
	return &Gatherer{source: source, ledger: l, now: now}
}

// Gather implements prometheus.Gatherer. The families are shared and must not
// be changed. They are of the snapshot that the ledger has published when Gather
// is called, or of a later one.
func (g *Gatherer) Gather() ([]*dto.MetricFamily, error) {
	// The snapshot and the minute are read first. If they change meanwhile, the
	// families are newer than their mark, and are gathered again too soon.
	current := &gathered{snapshot: g.ledger.Snapshot(), minute: g.now().Unix() / 60}
	if cached := g.cache.Load(); cached != nil && cached.snapshot == current.snapshot && cached.minute == current.minute {
		return cached.families, nil
	}
	var err error
	if current.families, err = g.source.Gather(); err == nil {
		g.cache.Store(current)
	}
	return current.families, err
}
