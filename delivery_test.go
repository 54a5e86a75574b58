package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// heldLedger is a ledger that has counted a meeting of one department, and
// holds it until its 0 was delivered.
type heldLedger struct{ *ledger.Ledger }

func newHeldLedger(t *testing.T) heldLedger {
	h := heldLedger{ledger.New(ledger.Config{MaxDepartments: 2}, time.Now())}
	h.apply(t, ledger.Poll{Sweep: true, From: time.Now().Add(-time.Hour)})
	h.count(t, "held")
	return h
}

func (h heldLedger) snapshots() []*ledger.Snapshot { return []*ledger.Snapshot{h.Snapshot()} }

func (h heldLedger) apply(t *testing.T, p ledger.Poll) {
	p.Began, p.Ended = time.Now(), time.Now()
	if err := h.Apply(p, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// count counts a meeting of a department.
func (h heldLedger) count(t *testing.T, department string) {
	h.apply(t, ledger.Poll{Meetings: []meeting.Meeting{{UUID: department, Department: department, Start: time.Now(), End: time.Now()}}})
}

// released makes a turn, which releases what was delivered. It reports whether
// the department held shows its meeting.
func (h heldLedger) released(t *testing.T) bool {
	t.Helper()
	if err := h.ReleaseHeld(time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, s := range h.Snapshot().Totals() {
		if s.Department == "held" {
			return s.Meetings == 1
		}
	}
	t.Fatal("the department held has no counters")
	return false
}

func (h heldLedger) handler(t *testing.T, gather prometheus.GathererFunc, logger log.Logger) http.Handler {
	t.Helper()
	return newHandler(&options{telemetryPath: "/metrics"}, http.NotFoundHandler(), func() bool { return true }, prometheus.NewRegistry(), gather, h.snapshots, logger)
}

// gatherSome returns one family.
func gatherSome() ([]*dto.MetricFamily, error) {
	own := prometheus.NewRegistry()
	own.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "some", Help: "H."}))
	return own.Gather()
}

// brokenWriter fails to write or to flush.
type brokenWriter struct {
	*httptest.ResponseRecorder
	writeErr, flushErr error
}

func (w brokenWriter) Write(b []byte) (int, error) {
	if w.writeErr != nil {
		return 0, w.writeErr
	}
	return w.ResponseRecorder.Write(b)
}

func (w brokenWriter) FlushError() error { return w.flushErr }

func TestDelivery(t *testing.T) {
	errGone := errors.New("the connection is gone")
	for name, c := range map[string]struct {
		method, target     string
		gather             prometheus.GathererFunc
		writeErr, flushErr error
		gone               bool // the scraper, before the end
		want               bool
	}{
		"a whole scrape":            {method: http.MethodGet, target: "/metrics", want: true},
		"another parameter":         {method: http.MethodGet, target: "/metrics?names=up", want: true},
		"HEAD":                      {method: http.MethodHead, target: "/metrics"},
		"POST":                      {method: http.MethodPost, target: "/metrics"},
		"one name":                  {method: http.MethodGet, target: "/metrics?name[]=some"},
		"an escaped name":           {method: http.MethodGet, target: "/metrics?name%5B%5D=other"},
		"another page":              {method: http.MethodGet, target: "/"},
		"a write that fails":        {method: http.MethodGet, target: "/metrics", writeErr: errGone},
		"a last write that fails":   {method: http.MethodGet, target: "/metrics", flushErr: errGone},
		"a scraper that is gone":    {method: http.MethodGet, target: "/metrics", gone: true},
		"a server error":            {method: http.MethodGet, target: "/metrics", gather: func() ([]*dto.MetricFamily, error) { return nil, errors.New("no metrics") }},
		"a server error with names": {method: http.MethodGet, target: "/metrics?name[]=", gather: func() ([]*dto.MetricFamily, error) { return nil, errors.New("no metrics") }},
	} {
		t.Run(name, func(t *testing.T) {
			if c.gather == nil {
				c.gather = gatherSome
			}
			held := newHeldLedger(t)
			w := brokenWriter{httptest.NewRecorder(), c.writeErr, c.flushErr}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.gone {
				cancel()
			}
			held.handler(t, c.gather, log.NewNopLogger()).ServeHTTP(w, httptest.NewRequestWithContext(ctx, c.method, c.target, nil))
			if got := held.released(t); got != c.want {
				t.Errorf("delivered: %v, want %v; the answer is %d %s", got, c.want, w.Code, w.Body)
			}
		})
	}
}

// What is published while the metrics are gathered may not be among them.
func TestDeliveryIsOfTheSnapshotBefore(t *testing.T) {
	held := newHeldLedger(t)
	gather := func() ([]*dto.MetricFamily, error) {
		held.count(t, "later")
		return gatherSome()
	}
	held.handler(t, gather, log.NewNopLogger()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !held.released(t) {
		t.Error("what was published before is held")
	}
	for _, s := range held.Snapshot().Totals() {
		if s.Department == "later" && s.Meetings != 0 {
			t.Error("what was published later is released")
		}
	}
}
