package ledger_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// noon is when every test begins.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func defaults() ledger.Config {
	return ledger.Config{
		Window:             24 * time.Hour,
		MaxMeetingDuration: 30 * time.Hour,
		MaxCatchUp:         7 * 24 * time.Hour,
		StaleAfter:         time.Hour,
		Hold:               time.Minute,
		MaxDepartments:     200,
	}
}

// world is a ledger and the clock by which it is polled and scraped.
type world struct {
	*ledger.Ledger
	t   *testing.T
	now time.Time
}

func newWorld(t *testing.T, cfg ledger.Config) *world {
	return &world{Ledger: ledger.New(cfg, noon), t: t, now: noon}
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) sweep(meetings ...meeting.Meeting) {
	w.t.Helper()
	w.apply(ledger.Poll{Sweep: true, From: w.SweepFrom(w.now), Began: w.now, Ended: w.now, Meetings: ledger.BatchOf(meetings...)})
}

func (w *world) tail(meetings ...meeting.Meeting) {
	w.t.Helper()
	w.apply(ledger.Poll{From: w.now.Add(-4 * time.Hour), Began: w.now, Ended: w.now, Meetings: ledger.BatchOf(meetings...)})
}

func (w *world) apply(p ledger.Poll) {
	w.t.Helper()
	if err := w.Apply(p, w.now); err != nil {
		w.t.Fatal(err)
	}
}

// idle is a turn of the poll loop whose poll failed.
func (w *world) idle() {
	w.t.Helper()
	if err := w.Idle(w.now); err != nil {
		w.t.Fatal(err)
	}
}

// scrape reads the counters as a scrape would, and says so to the ledger.
func (w *world) scrape() map[ledger.Labels]ledger.Sums {
	s := w.Snapshot()
	s.Served(w.now)
	return byLabels(s.Totals())
}

func (w *world) recent() map[ledger.Labels]ledger.Sums { return byLabels(w.Snapshot().Recent(w.now)) }

// release makes one scrape and lets the hold pass, so that all is published.
func (w *world) release() {
	w.scrape()
	w.pass(defaults().Hold)
	w.idle()
}

func byLabels(sums []ledger.LabeledSums) map[ledger.Labels]ledger.Sums {
	m := map[ledger.Labels]ledger.Sums{}
	for _, s := range sums {
		m[s.Labels] = s.Sums
	}
	return m
}

// ended returns an immediate meeting of one hour with 10 participants and 2
// terminals that ended at the given time, changed as said.
func ended(uuid string, end time.Time, changes ...func(*meeting.Meeting)) meeting.Meeting {
	m := meeting.Meeting{
		UUID: uuid, Start: end.Add(-time.Hour), End: end,
		Department: "sales", Type: meeting.Immediate, Participants: 10, Terminals: 2,
	}
	for _, change := range changes {
		change(&m)
	}
	return m
}

func department(name string) func(*meeting.Meeting) {
	return func(m *meeting.Meeting) { m.Department = name }
}

func participants(n meeting.Count) func(*meeting.Meeting) {
	return func(m *meeting.Meeting) { m.Participants = n }
}

func lasting(d time.Duration) func(*meeting.Meeting) {
	return func(m *meeting.Meeting) { m.Start = m.End.Add(-d) }
}

func recorded(m *meeting.Meeting) { m.Recorded = true }

func webinar(m *meeting.Meeting) { m.Type = meeting.Webinar }

var (
	sales = ledger.Labels{Department: "sales", Type: meeting.Immediate}
	one   = ledger.Sums{Meetings: 1, DurationSeconds: 3600, Participants: 10, Terminals: 2}
	zero  = ledger.Sums{}
)

func times(n int64, s ledger.Sums) ledger.Sums {
	return ledger.Sums{
		Meetings: n * s.Meetings, DurationSeconds: n * s.DurationSeconds, Participants: n * s.Participants,
		Terminals: n * s.Terminals, Recorded: n * s.Recorded,
	}
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

type sumsOf = map[ledger.Labels]ledger.Sums

func names(s sumsOf) []string {
	var list []string
	for l := range s {
		list = append(list, l.Department)
	}
	slices.Sort(list)
	return list
}
