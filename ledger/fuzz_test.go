package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// FuzzLedger plays a history that the input spells out, and holds the ledger
// against a model that restates the rules in the simplest way.
func FuzzLedger(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomScript(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) { playScript(t, script) })
}

// TestRandomHistoriesGoByTheRules does what FuzzLedger does, for seeds that
// are the same every time.
func TestRandomHistoriesGoByTheRules(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			playScript(t, randomScript(seed))
		})
	}
}

func randomScript(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	script := make([]byte, 600)
	for i := range script {
		script[i] = byte(r.Uint32())
	}
	return script
}

func playScript(t *testing.T, script []byte) {
	cfg := ledger.Config{
		Window: 3 * time.Hour, MaxMeetingDuration: 2 * time.Hour, MaxCatchUp: 10 * time.Hour,
		StaleAfter: time.Hour, Hold: time.Minute, MaxDepartments: 2,
	}
	w := newWorld(t, cfg)
	m := &model{cfg: cfg, remembered: map[string]meeting.Meeting{}, highest: map[string]ledger.Sums{}, home: map[string]ledger.Labels{}}
	in := input(script)
	for step := 0; len(in) > 0 && !t.Failed(); step++ {
		m.play(w, &in)
		m.compare(w, fmt.Sprint("after step ", step))
	}
}

// input is a source of choices that runs dry.
type input []byte

func (in *input) choose(n int) int {
	if len(*in) == 0 {
		return 0
	}
	b := int((*in)[0])
	*in = (*in)[1:]
	return b % n
}

// model remembers everything by name and adds it up anew whenever asked.
type model struct {
	cfg        ledger.Config
	swept      bool
	horizon    time.Time
	lastPoll   time.Time
	known      []string // departments
	remembered map[string]meeting.Meeting
	home       map[string]ledger.Labels // where a meeting is counted; absent if it never is
	highest    map[string]ledger.Sums
	before     map[ledger.Labels]ledger.Sums // what the last scrape showed
	counted    ledger.Sums                   // over all label sets, held or not
}

// play makes one turn of the poll loop in both worlds.
func (m *model) play(w *world, in *input) {
	steps := []time.Duration{time.Second, time.Minute, 10 * time.Minute, time.Hour, 7 * time.Hour, -time.Minute, -2 * time.Hour, 30 * time.Hour}
	w.pass(steps[in.choose(len(steps))])
	switch in.choose(5) {
	case 0:
		w.idle()
		return
	case 1, 2:
		p, records := ledger.Poll{Sweep: true, From: w.SweepFrom(w.now), Began: w.now, Ended: w.now}, m.records(w.now, in)
		p.Meetings = ledger.BatchOf(records...)
		w.apply(p)
		m.apply(p, records)
	default:
		p, records := ledger.Poll{From: w.now.Add(-time.Hour), Began: w.now, Ended: w.now}, m.records(w.now, in)
		p.Meetings = ledger.BatchOf(records...)
		w.apply(p)
		m.apply(p, records)
	}
}

func (m *model) records(now time.Time, in *input) []meeting.Meeting {
	var list []meeting.Meeting
	for range in.choose(5) {
		end := now.Truncate(time.Minute).Add(-time.Duration(in.choose(256)) * 2 * time.Minute)
		r := meeting.Meeting{
			UUID:         fmt.Sprint(in.choose(24)),
			Start:        end.Add(-time.Duration(in.choose(150)) * time.Minute),
			End:          end,
			Department:   []string{"a", "b", "c", "other", "unknown"}[in.choose(5)],
			Type:         meeting.Types()[in.choose(meeting.TypeCount)],
			Participants: meeting.Count(in.choose(5) - 1),
			Terminals:    meeting.Count(in.choose(5) - 1),
			Recorded:     in.choose(2) == 1,
		}
		if in.choose(8) == 0 {
			r.End = r.End.Add(20 * time.Hour)
		}
		list = append(list, r)
	}
	return list
}

func (m *model) apply(p ledger.Poll, records []meeting.Meeting) {
	baseline := !m.swept
	if baseline {
		if !p.Sweep {
			return
		}
		m.horizon = p.From
	}
	latest := map[string]meeting.Meeting{}
	for _, r := range records {
		latest[r.UUID] = r
	}
	m.learn(latest)
	for uuid, r := range latest {
		r.Department = m.label(r.Department)
		labels, v := ledger.Labels{Department: r.Department, Type: r.Type}, sumsOfOne(r)
		if _, ok := m.remembered[uuid]; !ok && !r.Start.Before(m.horizon) {
			m.home[uuid] = labels
			if baseline {
				m.highest[uuid] = v
			}
		}
		if _, ok := m.home[uuid]; ok {
			h := m.highest[uuid]
			rise := ledger.Sums{
				Meetings:        max(0, v.Meetings-h.Meetings),
				DurationSeconds: max(0, v.DurationSeconds-h.DurationSeconds),
				Participants:    max(0, v.Participants-h.Participants),
				Terminals:       max(0, v.Terminals-h.Terminals),
				Recorded:        max(0, v.Recorded-h.Recorded),
			}
			m.highest[uuid] = plus(h, rise)
			m.counted = plus(m.counted, rise)
		}
		m.remembered[uuid] = r
	}
	m.lastPoll = p.Ended
	if p.Sweep {
		m.swept = true
		m.forget(p.Began)
	}
}

// learn takes in new departments, the busiest first.
func (m *model) learn(latest map[string]meeting.Meeting) {
	for {
		count := map[string]int{}
		for _, r := range latest {
			if m.label(r.Department) == "other" && r.Department != "other" {
				count[r.Department]++
			}
		}
		if len(count) == 0 || len(m.known) >= m.cfg.MaxDepartments {
			return
		}
		best := ""
		for name, n := range count {
			if best == "" || n > count[best] || n == count[best] && name < best {
				best = name
			}
		}
		m.known = append(m.known, best)
	}
}

func (m *model) label(department string) string {
	for _, name := range append(m.known, "unknown", "other") {
		if name == department {
			return name
		}
	}
	return "other"
}

func (m *model) forget(began time.Time) {
	limit := time.Time{}
	for _, r := range m.remembered {
		if r.End.After(limit) {
			limit = r.End
		}
	}
	if limit.IsZero() {
		return
	}
	if began.Before(limit) {
		limit = began
	}
	limit = limit.Add(-m.cfg.Window - m.cfg.MaxMeetingDuration).Truncate(time.Minute)
	if limit.After(m.horizon) {
		m.horizon = limit
	}
	for uuid, r := range m.remembered {
		if r.End.Before(m.horizon) && !r.End.After(began.Truncate(time.Minute).Add(-m.cfg.Window)) {
			delete(m.remembered, uuid)
			delete(m.home, uuid)
			delete(m.highest, uuid)
		}
	}
}

func (m *model) compare(w *world, when string) {
	w.t.Helper()
	got := w.scrape()
	for labels, before := range m.before {
		if falls(before, got[labels]) {
			w.t.Errorf("%s: counters of %v fell from %+v to %+v", when, labels, before, got[labels])
		}
	}
	for labels, sums := range got {
		if _, known := m.before[labels]; !known && sums != (ledger.Sums{}) {
			w.t.Errorf("%s: counters of %v began at %+v, not at 0", when, labels, sums)
		}
	}
	m.before = got

	want(w.t, when+": remembered", w.Snapshot().Size(), len(m.remembered))
	wantGauges := sumsOf{}
	if m.swept && w.now.Sub(m.lastPoll) <= m.cfg.StaleAfter {
		for _, r := range m.remembered {
			if r.End.After(w.now.Truncate(time.Minute).Add(-m.cfg.Window)) {
				l := ledger.Labels{Department: r.Department, Type: r.Type}
				wantGauges[l] = plus(wantGauges[l], sumsOfOne(r))
			}
		}
	}
	gotGauges := sumsOf{}
	for l, s := range w.recent() {
		if s != (ledger.Sums{}) {
			gotGauges[l] = s
		}
	}
	if diff := cmp.Diff(wantGauges, gotGauges); diff != "" {
		w.t.Errorf("%s: gauges (-want +got):\n%s", when, diff)
	}

	var total ledger.Sums
	for _, s := range w.Unheld() {
		total = plus(total, s)
	}
	want(w.t, when+": counted in all", total, m.counted)
	var observed int64
	for _, t := range meeting.Types() {
		for _, n := range w.Snapshot().Durations(t) {
			observed += int64(n)
		}
	}
	want(w.t, when+": durations observed", observed, m.counted.Meetings)
}

func sumsOfOne(r meeting.Meeting) ledger.Sums {
	s := ledger.Sums{Meetings: 1, DurationSeconds: int64(r.Duration().Seconds()), Participants: int64(max(r.Participants, 0)), Terminals: int64(max(r.Terminals, 0))}
	if r.Recorded {
		s.Recorded = 1
	}
	return s
}

func plus(a, b ledger.Sums) ledger.Sums {
	return ledger.Sums{
		Meetings: a.Meetings + b.Meetings, DurationSeconds: a.DurationSeconds + b.DurationSeconds,
		Participants: a.Participants + b.Participants, Terminals: a.Terminals + b.Terminals, Recorded: a.Recorded + b.Recorded,
	}
}

func falls(a, b ledger.Sums) bool {
	return b.Meetings < a.Meetings || b.DurationSeconds < a.DurationSeconds || b.Participants < a.Participants ||
		b.Terminals < a.Terminals || b.Recorded < a.Recorded
}
