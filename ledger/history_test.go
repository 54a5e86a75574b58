package ledger_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/test/oracle"
)

// FuzzLedger plays a history that the input spells out, with restarts and
// failed writes, and compares the ledger with the oracle after every step.
func FuzzLedger(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomScript(seed))
	}
	f.Fuzz(playScript)
}

// TestRandomHistories does what FuzzLedger does, for the same seeds every time.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(120) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			playScript(t, randomScript(seed))
		})
	}
}

func randomScript(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	script := make([]byte, 800)
	for i := range script {
		script[i] = byte(r.Uint32())
	}
	return script
}

// history is a ledger and the oracle, which live the same life.
type history struct {
	*world
	oracle    *oracle.Oracle
	cfg       ledger.Config
	choices   []byte // what is left of the script
	published sumsOf // when last compared
	// doubtful is the oracle after a failed write that the file holds
	// nevertheless. It is nil if there is none.
	doubtful *oracle.Oracle
}

func playScript(t *testing.T, script []byte) {
	cfg := ledger.Config{
		Window: 3 * time.Hour, MaxMeetingDuration: 2 * time.Hour, MaxCatchUp: 10 * time.Hour,
		StaleAfter: time.Hour, Hold: time.Minute, MaxDepartments: 2, Attendance: true,
	}
	h := &history{cfg: cfg, choices: script, oracle: oracle.New(oracle.Config(cfg))}
	h.world = storedWorld(t, filepath.Join(t.TempDir(), "ledger.db"), cfg)
	for step := 0; len(h.choices) > 0 && !t.Failed(); step++ {
		h.step()
		h.compare(fmt.Sprint("after step ", step))
	}
}

func (h *history) choose(n int) int {
	if len(h.choices) == 0 {
		return 0
	}
	choice := int(h.choices[0]) % n
	h.choices = h.choices[1:]
	return choice
}

func (h *history) step() {
	steps := []time.Duration{time.Second, time.Minute, 10 * time.Minute, time.Hour, 7 * time.Hour, -time.Minute, -2 * time.Hour, 30 * time.Hour}
	h.pass(steps[h.choose(len(steps))])
	if h.choose(16) == 0 {
		h.RewriteNext()
	}
	switch h.choose(11) {
	case 0:
		before := read(h.path)
		h.failedPoll()
		h.oracle.ReleaseHeld(h.clock)
		if !bytes.Equal(before, read(h.path)) {
			h.doubtful = nil
		}
	case 1:
		h.cfg.MaxDepartments = h.choose(5)
		h.cfg.Window = time.Duration(1+h.choose(4)) * time.Hour
		h.cfg.MaxMeetingDuration = time.Duration(1+h.choose(3)) * time.Hour
		h.cfg.Attendance = h.choose(4) > 0
		h.restart(h.cfg)
		if h.doubtful != nil {
			h.oracle, h.doubtful = h.doubtful, nil
		}
		h.oracle.Restart(oracle.Config(h.cfg), noon)
	case 2:
		if !h.oracle.LastSweep().IsZero() {
			p := h.tailPoll(h.meetings()...)
			h.failedWrite(
				func() error { return h.Apply(p, h.clock) },
				func(o *oracle.Oracle) { o.Apply(oracle.Poll(p), h.clock) },
			)
			break
		}
		fallthrough
	case 3, 4, 5:
		h.poll(h.sweepPoll(h.meetings()...))
	case 6, 7:
		h.poll(h.tailPoll(h.meetings()...))
	default:
		h.settle()
	}
}

// settle counts the attendance of a pending meeting, or gives it up.
func (h *history) settle() {
	h.t.Helper()
	pending := h.oracle.Pending()
	if len(pending) == 0 {
		return
	}
	uuid := pending[h.choose(len(pending))].UUID
	a := meeting.Attendance{Joins: int64(h.choose(5)), Departments: map[string]int64{}}
	for range a.Joins {
		seconds := int64(h.choose(100))
		a.Departments[[]string{"a", "b", "c", "d", "other", "unknown"}[h.choose(6)]] += seconds
		a.Seconds += seconds
		a.People = 1 + a.People*int64(h.choose(2))
	}
	why := ledger.UnreadReasons()[h.choose(2)]
	settle := func() error { return h.CountAttendance(uuid, a, h.now, h.clock) }
	restate := func(o *oracle.Oracle) { o.CountAttendance(uuid, a, h.now, h.clock) }
	if h.choose(4) == 0 {
		settle = func() error { return h.GiveUpAttendance(uuid, why, h.clock) }
		restate = func(o *oracle.Oracle) { o.GiveUpAttendance(uuid, why.String(), h.clock) }
	}
	if h.choose(4) == 0 {
		h.failedWrite(settle, restate)
		return
	}
	ok(h.t, settle())
	restate(h.oracle)
	h.doubtful = nil
	ok(h.t, settle()) // it is not pending any more
}

func (h *history) poll(p ledger.Poll) {
	h.t.Helper()
	if h.choose(4) == 0 {
		p.Upcoming = h.meetings()
	}
	h.apply(p)
	h.oracle.Apply(oracle.Poll(p), h.clock)
	h.doubtful = nil
}

// failedWrite is a turn whose sync fails: that of the journal, of the new
// journal of a rewrite, or of the directory. The ledger is as before, but a
// restart may find the turn in the file.
func (h *history) failedWrite(change func() error, restate func(*oracle.Oracle)) {
	h.t.Helper()
	before, err := os.Stat(h.path)
	ok(h.t, err)
	kept := h.choose(2) == 0
	h.SetSync(func(f *os.File) error {
		if strings.Contains(f.Name(), ".rewrite-") && kept {
			return nil // the directory comes next
		}
		if f.Name() == h.path && !kept {
			ok(h.t, f.Truncate(before.Size()))
		}
		return errors.New("sync failed")
	})
	if err := change(); !errors.Is(err, ledger.ErrStorage) {
		h.t.Errorf("got error %v, want ErrStorage", err)
	}
	h.SetSync(noSync)
	if kept {
		h.doubtful = h.oracle.Clone()
		restate(h.doubtful)
	}
}

func (h *history) meetings() []meeting.Meeting {
	var list []meeting.Meeting
	for range h.choose(5) {
		end := h.now.Truncate(time.Minute).Add(-time.Duration(h.choose(256)) * 2 * time.Minute)
		m := meeting.Meeting{
			UUID:         fmt.Sprint(h.choose(24)),
			Start:        end.Add(-time.Duration(h.choose(150)) * time.Minute),
			End:          end,
			Department:   []string{"a", "b", "c", "other", "unknown"}[h.choose(5)],
			Type:         meeting.Types()[h.choose(meeting.TypeCount)],
			Participants: meeting.Count(h.choose(5) - 1),
			Terminals:    meeting.Count(h.choose(5) - 1),
			Recorded:     h.choose(2) == 1,
		}
		if h.choose(8) == 0 {
			m.End = m.End.Add(20 * time.Hour)
		}
		list = append(list, m)
	}
	return list
}

// compare compares all that is shown, and perhaps makes a scrape.
func (h *history) compare(when string) {
	h.t.Helper()
	o := h.oracle
	wanted := view{
		Published: countersOfOracle(o), Unheld: countersOfOracle(o.Unheld()), Recent: converted(o.Recent(h.now)), Remembered: o.Remembered(),
		Created: noon, LastPoll: o.LastPoll(), LastSweep: o.LastSweep(), Horizon: o.Horizon(), SweepFrom: o.SweepFrom(h.now),
	}
	wanted.Newest, _ = o.NewestEnd()
	wanted.Peak, wanted.PeakShown = o.PeakConcurrent(h.now)
	for _, p := range o.Pending() {
		wanted.Pending = append(wanted.Pending, ledger.Pending{UUID: p.UUID, Seen: p.Seen, End: p.End, Lasted: p.Lasted})
	}
	got := viewOf(h.Ledger, h.now)
	if got.Newest.Unix() == 0 {
		got.Newest = time.Time{} // there is none
	}
	want(h.t, when, got, wanted)

	published := h.totals()
	if h.choose(2) == 0 {
		h.scrape()
		o.MarkDelivered(h.clock)
	}
	for set, before := range h.published {
		if now := published[set]; before != oracleMin(before, now) {
			h.t.Errorf("%s: counters of %v fell from %+v to %+v", when, set, before, now)
		}
	}
	h.published = published
}

func countersOfOracle(o *oracle.Oracle) counters {
	c := counters{Folded: o.Folded(), TooLate: o.TooLate()}
	for set, sums := range o.Totals() {
		c.Totals = append(c.Totals, ledger.LabeledSums{LabelSet: ledger.LabelSet(set), Sums: ledger.Sums(sums), Created: o.Created(set)})
	}
	slices.SortFunc(c.Totals, func(a, b ledger.LabeledSums) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Type, b.Type))
	})
	for set, sums := range o.Attended() {
		c.Attended = append(c.Attended, ledger.LabeledAttendance{LabelSet: ledger.LabelSet(set), AttendanceSums: ledger.AttendanceSums(sums), Created: o.AttendedCreated(set)})
	}
	slices.SortFunc(c.Attended, func(a, b ledger.LabeledAttendance) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Type, b.Type))
	})
	seconds, created := o.AttendeeSeconds()
	for _, department := range slices.Sorted(maps.Keys(seconds)) {
		c.AttendeeSeconds = append(c.AttendeeSeconds, ledger.DepartmentSeconds{Department: department, Seconds: seconds[department], Created: created[department]})
	}
	c.Unread = map[string]int64{}
	for _, why := range ledger.UnreadReasons() {
		c.Unread[why.String()] = o.Unread(why.String())
	}
	for _, typ := range meeting.Types() {
		c.Attendees = append(c.Attendees, o.Attendees(typ))
		c.Durations = append(c.Durations, o.Durations(typ))
		c.Participants = append(c.Participants, o.Participants(typ))
	}
	return c
}

// oracleMin returns the lower value of each field.
func oracleMin(a, b ledger.Sums) ledger.Sums {
	high := oracle.Sums(a).Max(oracle.Sums(b))
	return ledger.Sums(oracle.Sums(a).Plus(oracle.Sums(b)).Minus(high))
}

func converted(sums map[oracle.LabelSet]oracle.Sums) sumsOf {
	m := sumsOf{}
	for set, s := range sums {
		m[ledger.LabelSet(set)] = ledger.Sums(s)
	}
	return m
}
