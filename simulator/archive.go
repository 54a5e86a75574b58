package simulator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// archive holds the records: those that tests add, and the generated ones of
// all days that a request has needed. It never changes a stored record, only
// replaces it, so readers need no lock. It is safe for concurrent use.
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

func dayOf(t time.Time) day { return day(t.UTC().Truncate(24*time.Hour).Unix() / 86400) }

func (d day) begin() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// endingBetween returns at least the records that end in a range, by start.
// The caller may change the slice.
func (a *archive) endingBetween(from, to time.Time) []*Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	if from.Before(a.start) {
		from = a.start
	}
	for d := dayOf(from); d <= dayOf(to); d++ {
		a.generate(d)
	}
	a.sort()
	return slices.Clone(a.records)
}

// listed returns all records that are listed at an instant, by start.
func (a *archive) listed(at time.Time) []*Record {
	return slices.DeleteFunc(a.endingBetween(a.start, at), func(r *Record) bool { return !r.isListed(at) })
}

// generate adds the meetings that end on a day, unless they are there.
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
	return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.ConfUUID, y.ConfUUID))
}

// Add puts copies of the records into the history. It checks nothing: rows may
// be malformed, and several may have the same confUUID. A record without a
// ListedAt is listed PublicationDelay after its end.
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

// Remove deletes the records with a confUUID and reports whether there were
// any. It finds generated meetings that have ended. Listed and Window no longer
// see a removed record at any instant.
func (s *Service) Remove(uuid string) bool {
	return s.replace(uuid, func(*Record) *Record { return nil })
}

// Edit changes the records with a confUUID and reports whether there were any.
// It finds generated meetings that have ended. Listed and Window see the change
// at every instant; call them before Edit to get the old values. The function
// must not call the service.
func (s *Service) Edit(uuid string, change func(*Record)) bool {
	return s.replace(uuid, func(r *Record) *Record {
		r = r.clone()
		change(r)
		return r
	})
}

// replace puts the result of a function in the place of each record with a
// confUUID; nil deletes the record.
func (s *Service) replace(uuid string, by func(*Record) *Record) bool {
	a := &s.archive
	a.endingBetween(a.start, s.cfg.Now()) // generates the meetings up to now
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

// Records returns copies of all records that are listed at an instant, by start.
func (s *Service) Records(at time.Time) []Record {
	listed := s.archive.listed(at)
	copies := make([]Record, len(listed))
	for i, r := range listed {
		copies[i] = *r.clone()
	}
	return copies
}
