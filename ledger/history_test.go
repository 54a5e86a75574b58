package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	published sumsOf // by the last scrape
	// behind is set after a failed write. The ledger may know more than it has
	// published then.
	behind bool
}

func playScript(t *testing.T, script []byte) {
	cfg := ledger.Config{
		Window: 3 * time.Hour, MaxMeetingDuration: 2 * time.Hour, MaxCatchUp: 10 * time.Hour,
		StaleAfter: time.Hour, Hold: time.Minute, MaxDepartments: 2,
	}
	h := &history{cfg: cfg, choices: script, oracle: oracle.New(oracle.Config(cfg))}
	h.world = storedWorld(t, filepath.Join(t.TempDir(), "ledger.db"), cfg)
	h.SetSync(noSync)
	for step := 0; len(h.choices) > 0 && !t.Failed(); step++ {
		h.step()
		if !h.behind {
			h.compare(fmt.Sprint("after step ", step))
		}
	}
}

func noSync(*os.File) error { return nil }

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
	switch h.choose(8) {
	case 0:
		h.failedPoll()
		h.oracle.ReleaseHeld(h.now)
	case 1:
		h.cfg.MaxDepartments = h.choose(5)
		h.restart(h.cfg)
		h.SetSync(noSync)
		h.oracle.Restart(oracle.Config(h.cfg))
		h.behind = false
	case 2:
		if !h.oracle.LastSweep().IsZero() {
			h.failedWrite(h.tailPoll(h.meetings()...))
			return
		}
		fallthrough
	case 3, 4, 5:
		h.poll(h.sweepPoll(h.meetings()...))
	default:
		h.poll(h.tailPoll(h.meetings()...))
	}
}

func (h *history) poll(p ledger.Poll) {
	h.t.Helper()
	if h.choose(4) == 0 {
		p.Upcoming = h.meetings()
	}
	h.apply(p)
	h.oracle.Apply(oracle.Poll(p), h.now)
	h.behind = false
}

// failedWrite is a poll whose sync fails. The poll counts if the file shows it
// afterwards.
func (h *history) failedWrite(p ledger.Poll) {
	h.t.Helper()
	before, err := os.Stat(h.path)
	if err != nil {
		h.t.Fatal(err)
	}
	kept := h.choose(2) == 0
	h.SetSync(func(f *os.File) error {
		if info, err := f.Stat(); err == nil && info.IsDir() {
			kept = true // the file is renamed
		} else if !kept {
			err = f.Truncate(before.Size())
			want(h.t, "truncate", err, nil)
		}
		return errors.New("sync failed")
	})
	if err := h.Apply(p, h.now); !errors.Is(err, ledger.ErrStorage) {
		h.t.Errorf("Apply returned %v, want ErrStorage", err)
	}
	h.SetSync(noSync)
	if kept {
		h.oracle.Apply(oracle.Poll(p), h.now)
	}
	h.behind = true
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

// compare compares all that is shown, and makes a scrape.
func (h *history) compare(when string) {
	h.t.Helper()
	o, s := h.oracle, h.Snapshot()
	wanted := view{
		Unheld: converted(o.Counted()), Recent: converted(o.Recent(h.now)), Totals: s.Totals(), Remembered: o.Remembered(), Folded: o.Folded(),
		Created: noon, LastPoll: o.LastPoll(), LastSweep: o.LastSweep(), Horizon: o.Horizon(), SweepFrom: o.SweepFrom(h.now),
	}
	wanted.Newest, _ = o.NewestEnd()
	for _, typ := range meeting.Types() {
		wanted.Durations = append(wanted.Durations, o.Durations(typ))
		wanted.Participants = append(wanted.Participants, o.Participants(typ))
	}
	for i := range wanted.Totals {
		set := wanted.Totals[i].LabelSet
		want(h.t, when+": created", wanted.Totals[i].Created, o.Created(oracle.LabelSet(set)))
	}
	got := viewOf(h.Ledger, h.now)
	if got.Newest.Unix() == 0 {
		got.Newest = time.Time{} // there is none
	}
	want(h.t, when, got, wanted)

	published := h.scrape()
	o.MarkDelivered(h.now)
	want(h.t, when+": totals", published, converted(o.Totals()))
	for set, before := range h.published {
		if now := published[set]; before != oracleMin(before, now) {
			h.t.Errorf("%s: counters of %v fell from %+v to %+v", when, set, before, now)
		}
	}
	h.published = published
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
