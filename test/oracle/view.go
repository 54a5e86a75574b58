package oracle

import (
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// LabelSet is the labels of one series.
type LabelSet struct {
	Department string
	Type       meeting.Type
}

// Sums are what meetings add up to. Its fields are those of ledger.Sums, so
// that one converts to the other.
type Sums struct {
	Meetings        int64
	DurationSeconds int64
	Participants    int64
	Terminals       int64
	Recorded        int64
}

// SumsOf returns what one meeting adds. A number that is absent adds 0.
func SumsOf(m meeting.Meeting) Sums {
	s := Sums{1, int64(m.Duration().Seconds()), int64(max(m.Participants, 0)), int64(max(m.Terminals, 0)), 0}
	if m.Recorded {
		s.Recorded = 1
	}
	return s
}

// Plus returns the sum, field by field.
func (s Sums) Plus(o Sums) Sums {
	return Sums{s.Meetings + o.Meetings, s.DurationSeconds + o.DurationSeconds, s.Participants + o.Participants, s.Terminals + o.Terminals, s.Recorded + o.Recorded}
}

// Minus returns the difference, field by field.
func (s Sums) Minus(o Sums) Sums {
	return s.Plus(Sums{-o.Meetings, -o.DurationSeconds, -o.Participants, -o.Terminals, -o.Recorded})
}

// Max returns the higher value of each field.
func (s Sums) Max(o Sums) Sums {
	return Sums{max(s.Meetings, o.Meetings), max(s.DurationSeconds, o.DurationSeconds), max(s.Participants, o.Participants), max(s.Terminals, o.Terminals), max(s.Recorded, o.Recorded)}
}

// Recent returns the window gauges at a time of the wall clock, or nil while
// they are withheld: rule 3.
func (o *Oracle) Recent(now time.Time) map[LabelSet]Sums {
	if o.withholds(now) {
		return nil
	}
	recent := map[LabelSet]Sums{}
	for set := range o.shown {
		recent[set] = Sums{}
	}
	for _, i := range o.remembered {
		if m := o.sightings[i].latest; o.inWindow(m.End, now) {
			set := LabelSet{m.Department, m.Type}
			recent[set] = recent[set].Plus(SumsOf(m))
		}
	}
	return recent
}

func (o *Oracle) withholds(now time.Time) bool {
	age := now.Sub(o.lastPoll)
	return o.lastSweep.IsZero() || age > o.cfg.StaleAfter || age < -time.Minute || o.sweptReach < o.cfg.reach()
}

// PeakConcurrent returns the most meetings in any minute that ends within the
// window, or false while the window gauges are withheld: rule 3.
func (o *Oracle) PeakConcurrent(now time.Time) (peak int64, ok bool) {
	if o.withholds(now) {
		return 0, false
	}
	minutes := func(t time.Time) int64 { return t.Unix() / 60 }
	begin := minutes(now.Truncate(time.Minute).Add(-o.cfg.Window))
	inMinute := map[int64]int64{}
	for _, i := range o.remembered {
		m := o.sightings[i].latest
		first, last := minutes(m.Start), max(minutes(m.Start), minutes(m.End)-1)
		for at := max(first, begin); at <= last; at++ {
			inMinute[at]++
			peak = max(peak, inMinute[at])
		}
	}
	return peak, true
}

// Counted returns the counters as they would be if nothing were held: rules 4
// and 5.
func (o *Oracle) Counted() map[LabelSet]Sums {
	counted := map[LabelSet]Sums{}
	for set := range o.counters {
		counted[set] = Sums{}
	}
	for _, s := range o.sightings {
		if s.counts {
			counted[s.set] = counted[s.set].Plus(s.highest.Minus(s.base))
		}
	}
	return counted
}

// Totals returns the counters as they are published: rule 6.
func (o *Oracle) Totals() map[LabelSet]Sums {
	totals := o.Counted()
	for set, c := range o.counters {
		if c.held {
			totals[set] = Sums{}
		}
	}
	return totals
}

// Created returns when the counters of a label set began at 0, zero if it has
// none.
func (o *Oracle) Created(set LabelSet) time.Time { return o.counters[set].created }

// Holding reports whether any counters or histograms are held that are published.
func (o *Oracle) Holding() bool {
	held := false
	note := func(c *counter) { held = held || c.held }
	o.eachCounterOfPolls(note)
	if o.cfg.Attendance {
		o.attendance.eachCounter(note)
	}
	return held
}

// Durations returns how often the published histogram of durations has observed
// each number of seconds: rules 5 and 6.
func (o *Oracle) Durations(t meeting.Type) map[int64]uint64 {
	observed := map[int64]uint64{}
	if o.fixed.held {
		return observed
	}
	for _, s := range o.sightings {
		if s.set.Type == t && s.counts && !s.inBase {
			observed[SumsOf(s.first).DurationSeconds]++
		}
	}
	return observed
}

// Participants returns the same for the numbers of participants.
func (o *Oracle) Participants(t meeting.Type) map[int64]uint64 {
	observed := map[int64]uint64{}
	if o.fixed.held {
		return observed
	}
	for _, s := range o.sightings {
		if s.set.Type == t && s.counts && s.observed {
			observed[int64(s.invited)]++
		}
	}
	return observed
}

// Folded returns how many meetings were counted under meeting.OtherDepartment
// because their department had no label, as published: rule 6.
func (o *Oracle) Folded() int64 {
	return o.publishedCount(func(s sighting) bool { return s.counts && s.folded && !s.inBase })
}

// TooLate returns how many meetings did not count because they were first
// listed too late, as published: rules 6 and 8.
func (o *Oracle) TooLate() int64 {
	return o.publishedCount(func(s sighting) bool { return s.tooLate })
}

func (o *Oracle) publishedCount(matches func(sighting) bool) (n int64) {
	for _, s := range o.sightings {
		if matches(s) && !o.fixed.held {
			n++
		}
	}
	return n
}

// Remembered returns how many meetings are remembered: rule 8.
func (o *Oracle) Remembered() int { return len(o.remembered) }

// NewestEnd returns the latest end among the meetings remembered, and false if
// there are none.
func (o *Oracle) NewestEnd() (newest time.Time, ok bool) {
	for _, i := range o.remembered {
		if end := o.sightings[i].latest.End; !ok || end.After(newest) {
			newest, ok = end, true
		}
	}
	return newest, ok
}

// LastPoll returns when the last complete poll ended, zero before the first.
func (o *Oracle) LastPoll() time.Time { return o.lastPoll }

// LastSweep returns when the last complete sweep ended, zero before the first.
func (o *Oracle) LastSweep() time.Time { return o.lastSweep }

// Horizon returns the start before which nothing is counted any more, zero
// before the baseline: rule 8.
func (o *Oracle) Horizon() time.Time { return o.horizon }

// SweepFrom returns the earliest start that a sweep at the given time must
// read: all that may still count, but no more than MaxCatchUp beyond its reach.
func (o *Oracle) SweepFrom(now time.Time) time.Time {
	from := now.Add(-o.cfg.reach())
	if !o.horizon.IsZero() && o.horizon.Before(from) {
		from = o.horizon
	}
	if earliest := now.Add(-o.cfg.reach() - o.cfg.MaxCatchUp); from.Before(earliest) {
		from = earliest
	}
	return from.Truncate(time.Minute)
}

// CountedTwice returns the UUIDs that the rules counted twice. There must be
// none, unless a meeting moves its start: this checks the rules themselves.
func (o *Oracle) CountedTwice() (uuids []string) {
	counted := map[string]bool{}
	for _, s := range o.sightings {
		if s.counts && counted[s.first.UUID] {
			uuids = append(uuids, s.first.UUID)
		}
		counted[s.first.UUID] = counted[s.first.UUID] || s.counts
	}
	return uuids
}
