package ledger_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// noon is when every test begins.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const owner = "an enterprise"

func defaults() ledger.Config {
	return ledger.Config{
		Window:             24 * time.Hour,
		MaxMeetingDuration: 30 * time.Hour,
		MaxCatchUp:         7 * 24 * time.Hour,
		StaleAfter:         time.Hour,
		Hold:               time.Minute,
		MaxDepartments:     200,
		Attendance:         true,
	}
}

// world is a ledger and the clock of its polls and scrapes.
type world struct {
	*ledger.Ledger
	t     *testing.T
	now   time.Time // of the wall clock
	clock time.Time // of the monotonic clock, by which holds are measured
	path  string    // of the file, if there is one
}

func newWorld(t *testing.T, cfg ledger.Config) *world {
	return &world{Ledger: ledger.New(cfg, noon), t: t, now: noon, clock: noon}
}

// storedWorld returns a world whose ledger is kept in a file.
func storedWorld(t *testing.T, path string, cfg ledger.Config) *world {
	t.Helper()
	w := &world{t: t, now: noon, clock: noon, path: path}
	w.open(cfg)
	t.Cleanup(func() { w.Close() })
	return w
}

func newStoredWorld(t *testing.T) *world {
	t.Helper()
	return storedWorld(t, filepath.Join(t.TempDir(), "ledger.db"), defaults())
}

// open opens the file, and syncs nothing: that would take most of the time.
func (w *world) open(cfg ledger.Config) {
	w.t.Helper()
	l, err := ledger.OpenSyncing(w.path, cfg, owner, noon, noSync)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Ledger = l
}

func noSync(*os.File) error { return nil }

// restart closes the ledger and opens it again, as a new process does.
func (w *world) restart(cfg ledger.Config) {
	w.t.Helper()
	w.close()
	w.open(cfg)
}

func (w *world) close() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets time pass. A negative duration steps the wall clock back.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.clock = w.clock.Add(max(d, 0))
}

func (w *world) sweepPoll(meetings ...meeting.Meeting) ledger.Poll {
	return ledger.Poll{Sweep: true, From: w.SweepFrom(w.now), Began: w.now, Ended: w.now, Meetings: meetings}
}

func (w *world) tailPoll(meetings ...meeting.Meeting) ledger.Poll {
	return ledger.Poll{From: w.now.Add(-4 * time.Hour), Began: w.now, Ended: w.now, Meetings: meetings}
}

func (w *world) sweep(meetings ...meeting.Meeting) {
	w.t.Helper()
	w.apply(w.sweepPoll(meetings...))
}

func (w *world) tail(meetings ...meeting.Meeting) {
	w.t.Helper()
	w.apply(w.tailPoll(meetings...))
}

func (w *world) apply(p ledger.Poll) {
	w.t.Helper()
	if err := w.Apply(p, w.clock); err != nil {
		w.t.Fatal(err)
	}
}

// failedPoll is what the poller does after a poll that failed.
func (w *world) failedPoll() {
	w.t.Helper()
	if err := w.ReleaseHeld(w.clock); err != nil {
		w.t.Fatal(err)
	}
}

// scrape reads the counters as a whole scrape does, which marks them as
// delivered.
func (w *world) scrape() sumsOf {
	s := w.Snapshot()
	s.MarkDelivered(w.clock)
	return bySet(s.Totals())
}

// totals reads the counters, and marks nothing as delivered.
func (w *world) totals() sumsOf { return bySet(w.Snapshot().Totals()) }

// counted returns the counters as they would be if nothing were held.
func (w *world) counted() sumsOf { return bySet(w.Unheld().Totals()) }

func (w *world) recent() sumsOf { return bySet(w.Snapshot().Recent(w.now)) }

// release makes one scrape and lets the hold pass, so that what was counted
// before is published.
func (w *world) release() {
	w.t.Helper()
	w.scrape()
	w.pass(defaults().Hold)
	w.failedPoll()
}

// view is all that a ledger shows.
type view struct {
	Published, Unheld                    counters
	Recent                               sumsOf
	Remembered                           int
	Created, LastPoll, LastSweep, Newest time.Time
	Horizon, SweepFrom                   time.Time
	Peak                                 int64
	PeakShown                            bool
	Pending                              []ledger.Pending
}

// counters are what can be held: as published, or as it would be without holds.
type counters struct {
	Totals                  []ledger.LabeledSums
	Durations, Participants []ledger.Distribution
	Folded, TooLate         int64

	Attended        []ledger.LabeledAttendance
	AttendeeSeconds []ledger.DepartmentSeconds
	Attendees       []ledger.Distribution
	Unread          map[string]int64
}

func viewOf(l *ledger.Ledger, now time.Time) view {
	s := l.Snapshot()
	v := view{
		Published: countersOf(s), Unheld: countersOf(l.Unheld()), Recent: bySet(s.Recent(now)), Remembered: s.Remembered(),
		Created: s.Created(), LastPoll: s.LastPoll(), LastSweep: s.LastSweep(), Horizon: l.Horizon(), SweepFrom: l.SweepFrom(now),
		Pending: l.AllPending(),
	}
	v.Newest, _ = s.NewestEnd()
	v.Peak, v.PeakShown = s.PeakConcurrent(now)
	return v
}

func countersOf(s *ledger.Snapshot) counters {
	c := counters{
		Totals: s.Totals(), Folded: s.Folded(), TooLate: s.TooLate(),
		Attended: s.Attended(), AttendeeSeconds: s.AttendeeSeconds(), Unread: map[string]int64{},
	}
	for _, why := range ledger.UnreadReasons() {
		c.Unread[why.String()] = s.Unread(why)
	}
	for _, typ := range meeting.Types() {
		c.Attendees = append(c.Attendees, s.Attendees(typ))
		c.Durations = append(c.Durations, s.Durations(typ))
		c.Participants = append(c.Participants, s.Participants(typ))
	}
	return c
}

type sumsOf = map[ledger.LabelSet]ledger.Sums

func bySet(sums []ledger.LabeledSums) sumsOf {
	m := sumsOf{}
	for _, s := range sums {
		m[s.LabelSet] = s.Sums
	}
	return m
}

func departmentsOf(s sumsOf) []string {
	names := map[string]bool{}
	for set := range s {
		names[set.Department] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// ended returns an immediate meeting of one hour with 10 participants and 2
// terminals that ended at the given time, with changes.
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
	sales = ledger.LabelSet{Department: "sales", Type: meeting.Immediate}
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
	if reflect.DeepEqual(want, got) { // fast
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
