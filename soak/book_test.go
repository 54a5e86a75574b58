package soak_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// book restates the rules of counting in the plainest way: it adds everything
// up anew whenever it is asked. It is fed with what the service answered to
// the polls that were complete, and foretells every sample of a scrape. One
// book is one life of a storage.
type book struct {
	horizon, lastPoll, lastSweep time.Time
	names                        map[string]bool  // departments admitted
	known                        map[string]*fact // by UUID
	series                       map[labels]*hold // that have counters
	shown                        map[labels]bool  // that have gauges
	settled                      map[labels]amounts
	distributions                map[string]tally // by metric and kind
	folded                       int64
	ever                         map[string]bool // UUIDs counted in this life
	twice                        []string        // those the rules would count again
}

// fact is what is remembered of one meeting.
type fact struct {
	home    labels // of the first sight
	counts  bool   // false if it started before the horizon then
	base    amounts
	highest amounts
	invited bool // that a number of participants was seen
	latest  row  // with labels as shown
}

// hold tells since when a new series may be released.
type hold struct {
	held   bool
	served time.Time // when its 0 was, by this process
}

type tally struct {
	count uint64
	sum   float64
}

// reading is a complete poll.
type reading struct {
	sweep                     bool
	from, began, ended, clock time.Time // clock is monotonic
	rows                      []row     // in the order they came
}

func newBook() *book {
	return &book{
		names: map[string]bool{"unknown": true, "other": true}, known: map[string]*fact{}, series: map[labels]*hold{},
		shown: map[labels]bool{}, settled: map[labels]amounts{}, distributions: map[string]tally{}, ever: map[string]bool{},
	}
}

// clone is the book as it is now, for a crash that takes the next poll back.
func (b *book) clone() *book {
	c := *b
	c.names, c.shown, c.settled = maps.Clone(b.names), maps.Clone(b.shown), maps.Clone(b.settled)
	c.distributions, c.ever = maps.Clone(b.distributions), maps.Clone(b.ever)
	c.known, c.series = map[string]*fact{}, map[labels]*hold{}
	for uuid, f := range b.known {
		c.known[uuid] = new(*f)
	}
	for l, h := range b.series {
		c.series[l] = new(*h)
	}
	return &c
}

// restart forgets what is not stored: which zeros were served.
func (b *book) restart() {
	for _, h := range b.series {
		h.served = time.Time{}
	}
}

// served notes a scrape.
func (b *book) scraped(at time.Time) {
	for _, h := range b.series {
		if h.held && h.served.IsZero() {
			h.served = at
		}
	}
}

// turn is a turn of the poll loop, with a reading or after a failed one: rule 6.
func (b *book) turn(f flags, at time.Time) {
	for _, h := range b.series {
		if h.held && !h.served.IsZero() && at.Sub(h.served) >= f.interval {
			h.held = false
		}
	}
}

func (b *book) holds() bool {
	for _, h := range b.series {
		if h.held {
			return true
		}
	}
	return false
}

// take takes in a complete poll.
func (b *book) take(f flags, r reading) {
	b.turn(f, r.clock)
	baseline := b.lastSweep.IsZero()
	if baseline && !r.sweep {
		return
	}
	if baseline {
		b.horizon = r.from.Truncate(time.Minute)
	}
	last := map[string]row{}
	for _, row := range r.rows {
		last[row.uuid] = row
	}
	b.admit(f, last)
	for _, row := range last {
		b.see(row, baseline)
	}
	b.lastPoll = r.ended
	if r.sweep {
		b.lastSweep = r.ended
		b.advance(f, r.began)
	}
}

// admit gives new departments a label while there is room, the busiest first.
func (b *book) admit(f flags, last map[string]row) {
	arrivals := map[string]int{}
	for _, row := range last {
		if !b.names[row.department] {
			arrivals[row.department]++
		}
	}
	names := slices.SortedFunc(maps.Keys(arrivals), func(x, y string) int {
		return cmp.Or(cmp.Compare(arrivals[y], arrivals[x]), cmp.Compare(x, y))
	})
	for _, name := range names {
		if len(b.names)-2 < f.departments {
			b.names[name] = true
		}
	}
}

// see restates rules 1, 4, 5 and, for what started before the horizon, 8.
func (b *book) see(r row, baseline bool) {
	folded := !b.names[r.department]
	if folded {
		r.department = "other"
	}
	b.shown[r.labels] = true
	fact, known := b.known[r.uuid]
	if !known {
		fact = b.meet(r, baseline, folded)
		b.known[r.uuid] = fact
	}
	for i := range r.amounts {
		fact.highest[i] = max(fact.highest[i], r.amounts[i])
	}
	if r.invited && !fact.invited && fact.counts {
		if known || !baseline {
			b.observe("ended_participants", fact.home.kind, r.amounts[participants])
		}
		fact.invited = true
	}
	fact.latest = r
}

// meet makes the first sight of a meeting that is not remembered.
func (b *book) meet(r row, baseline, folded bool) *fact {
	fact := &fact{home: r.labels, counts: !r.start.Before(b.horizon)}
	if baseline {
		fact.base = r.amounts
	}
	if !fact.counts {
		return fact
	}
	if b.series[r.labels] == nil {
		b.series[r.labels] = &hold{held: !baseline}
	}
	if !baseline {
		b.observe("ended_duration_seconds", r.kind, r.amounts[seconds])
		if folded {
			b.folded++
		}
	}
	if b.ever[r.uuid] {
		b.twice = append(b.twice, r.uuid)
	}
	b.ever[r.uuid] = true
	return fact
}

func (b *book) observe(metric, kind string, value int64) {
	t := b.distributions[metric+"/"+kind]
	b.distributions[metric+"/"+kind] = tally{t.count + 1, t.sum + float64(value)}
}

// advance restates how the horizon moves and what is forgotten: rule 8.
func (b *book) advance(f flags, began time.Time) {
	newest, some := b.newest()
	if !some {
		return
	}
	if began.Before(newest) {
		newest = began
	}
	if h := newest.Add(-f.reach()).Truncate(time.Minute); h.After(b.horizon) {
		b.horizon = h
	}
	for uuid, fact := range b.known {
		if end := fact.latest.end; end.Before(b.horizon) && !inWindow(f, end, began) {
			b.settled[fact.home] = add(b.settled[fact.home], fact.counted())
			delete(b.known, uuid)
		}
	}
}

func (b *book) newest() (newest time.Time, some bool) {
	for _, fact := range b.known {
		if end := fact.latest.end; !some || end.After(newest) {
			newest, some = end, true
		}
	}
	return newest, some
}

// inWindow counts in whole minutes, as the service does.
func inWindow(f flags, end, now time.Time) bool {
	return end.After(now.Truncate(time.Minute).Add(-f.window))
}

// counted is what the counters have of a meeting.
func (f *fact) counted() (sum amounts) {
	for i := range sum {
		if f.counts {
			sum[i] = f.highest[i] - f.base[i]
		}
	}
	return sum
}

func add(a, b amounts) amounts {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

var (
	recentNames = amountNames{"recent_meetings", "recent_duration_seconds", "recent_participants", "recent_terminals", "recent_recorded_meetings"}
	totalNames  = amountNames{"ended_meetings_total", "duration_seconds_total", "participants_total", "terminals_total", "recorded_meetings_total"}
)

type amountNames [5]string

var newestEnd = series{name: "newest_meeting_end_timestamp_seconds"}

// put writes the sums of a label set into samples.
func (n amountNames) put(into samples, l labels, sums amounts) {
	for i, name := range n {
		into[series{name, l}] = float64(sums[i])
	}
}

// foretell returns what a scrape must show at a wall-clock time.
func (b *book) foretell(f flags, now time.Time) samples {
	expected := samples{}
	recent, totals := map[labels]amounts{}, maps.Clone(b.settled)
	for _, fact := range b.known {
		if inWindow(f, fact.latest.end, now) {
			recent[fact.latest.labels] = add(recent[fact.latest.labels], fact.latest.amounts)
		}
		totals[fact.home] = add(totals[fact.home], fact.counted())
	}
	if !b.lastSweep.IsZero() && now.Sub(b.lastPoll) <= f.staleAfter {
		for l := range b.shown {
			recentNames.put(expected, l, recent[l])
		}
	}
	for l, h := range b.series {
		if h.held {
			totals[l] = amounts{}
		}
		totalNames.put(expected, l, totals[l])
	}
	for _, kind := range []string{"immediate", "scheduled", "recurring", "webinar", "other"} {
		for _, metric := range []string{"ended_duration_seconds", "ended_participants"} {
			t := b.distributions[metric+"/"+kind]
			expected[series{metric + "_count", labels{kind: kind}}] = float64(t.count)
			expected[series{metric + "_sum", labels{kind: kind}}] = t.sum
		}
	}
	single := func(name string, value float64) { expected[series{name: name}] = value }
	single("folded_meetings_total", float64(b.folded))
	single("ledger_meetings", float64(len(b.known)))
	single("history_window_seconds", f.window.Seconds())
	if newest, some := b.newest(); some {
		expected[newestEnd] = float64(newest.Unix())
	}
	if !b.lastPoll.IsZero() {
		single("last_success_timestamp_seconds", float64(b.lastPoll.UnixMilli())/1000)
	}
	return expected
}

// compare tells where a scrape is not what the rules say, in order. Two things
// they leave open.
func (b *book) compare(got samples, f flags, now time.Time) []string {
	got, want := maps.Clone(got), b.foretell(f, now)
	ignore := func(open func(series) bool) {
		for _, s := range []samples{got, want} {
			maps.DeleteFunc(s, func(key series, _ float64) bool { return open(key) })
		}
	}
	if age := now.Sub(b.lastPoll); age > f.staleAfter && age <= f.staleAfter+time.Minute {
		// What was gathered is kept up to the end of the minute.
		ignore(func(s series) bool { return strings.HasPrefix(s.name, "recent_") })
	}
	if len(b.known) == 0 {
		// Whether the end of a meeting just forgotten still shows.
		ignore(func(s series) bool { return s == newestEnd })
	}
	return differences(got, want)
}

// checkRange restates from when to when a poll reads: section 4 of the rules.
func (b *book) checkRange(f flags, sweep bool, p page) error {
	want := p.to.Add(-f.tail)
	if sweep {
		want = p.to.Add(-f.reach())
		if !b.lastSweep.IsZero() && b.horizon.Before(want) {
			want = b.horizon
		}
		if earliest := p.to.Add(-f.reach() - f.catchUp); want.Before(earliest) {
			want = earliest
		}
	}
	if late := p.from.Sub(want); late > 0 || late <= -time.Minute {
		return fmt.Errorf("a poll (sweep: %v) read from %v to %v; it must begin at %v, or less than a minute earlier", sweep, p.from, p.to, want)
	}
	return nil
}
