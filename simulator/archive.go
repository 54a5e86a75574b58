package simulator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// archive holds the history: records of tests, and generated ones as far as
// they were asked for. A stored record is never written to, only replaced, so
// that it can be read without the lock.
type archive struct {
	enterprise *enterprise
	start      time.Time

	mu        sync.Mutex
	generated map[day]bool
	records   []*Record // by start, then confUUID
	unsorted  bool
}

// day is a day in UTC, counted from 1970-01-01.
type day int64

func dayOf(t time.Time) day {
	seconds := t.Unix()
	d := seconds / 86400
	if seconds%86400 < 0 {
		d--
	}
	return day(d)
}

func (d day) begin() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// since returns all records that may be listed at an instant and end at or
// after from, and perhaps others, by start. The slice is the caller's.
func (a *archive) since(from, at time.Time) []*Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	if from.Before(a.start) {
		from = a.start
	}
	for d := dayOf(from); d <= dayOf(at); d++ {
		a.generate(d)
	}
	a.sort()
	return slices.Clone(a.records)
}

// listed returns all records listed at an instant, by start.
func (a *archive) listed(at time.Time) []*Record {
	return slices.DeleteFunc(a.since(a.start, at), func(r *Record) bool { return !r.listed(at) })
}

// generate adds the meetings that end on a day.
func (a *archive) generate(d day) {
	if a.generated[d] {
		return
	}
	if a.generated == nil {
		a.generated = make(map[day]bool)
	}
	a.generated[d] = true
	for _, r := range a.enterprise.endingOn(d) {
		if !r.Start.Before(a.start) {
			a.records = append(a.records, r)
			a.unsorted = true
		}
	}
}

func (a *archive) sort() {
	if a.unsorted {
		slices.SortStableFunc(a.records, byStart)
		a.unsorted = false
	}
}

func byStart(x, y *Record) int {
	if c := x.Start.Compare(y.Start); c != 0 {
		return c
	}
	return cmp.Compare(x.ConfUUID, y.ConfUUID)
}

// Add puts records of the caller's own into the history. One that does not
// say when it is listed appears PublicationDelay after its end. Nothing is
// checked: rows may be malformed, and several may have the same confUUID.
func (s *Service) Add(records ...Record) {
	s.archive.mu.Lock()
	defer s.archive.mu.Unlock()
	for i := range records {
		r := records[i].clone()
		if r.ListedAt.IsZero() {
			r.ListedAt = r.End.Add(s.cfg.PublicationDelay)
		}
		s.archive.records = append(s.archive.records, r)
	}
	s.archive.unsorted = true
}

// Remove takes the records with a confUUID out of the history, for the past
// as well, and tells whether there was one. It finds generated meetings that
// ended up to now.
func (s *Service) Remove(uuid string) bool {
	return s.replace(uuid, func(*Record) *Record { return nil })
}

// Edit changes the records with a confUUID, for the past as well, and tells
// whether there was one: for what was listed before an edit, ask Listed before
// it. It finds generated meetings that ended up to now. The function must not
// call the service.
func (s *Service) Edit(uuid string, change func(*Record)) bool {
	return s.replace(uuid, func(r *Record) *Record {
		r = r.clone()
		change(r)
		return r
	})
}

func (s *Service) replace(uuid string, by func(*Record) *Record) bool {
	a := &s.archive
	a.since(a.start, s.cfg.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	found := false
	kept := a.records[:0]
	for _, r := range a.records {
		if r.ConfUUID == uuid {
			found = true
			r = by(r)
		}
		if r != nil {
			kept = append(kept, r)
		}
	}
	clear(a.records[len(kept):])
	a.records = kept
	a.unsorted = true
	return found
}

// Records returns a copy of every record listed at an instant, by start.
func (s *Service) Records(at time.Time) []Record {
	listed := s.archive.listed(at)
	copies := make([]Record, len(listed))
	for i, r := range listed {
		copies[i] = *r.clone()
	}
	return copies
}
