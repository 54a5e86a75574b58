package simulator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// archive holds the records: those that tests add, and the generated ones of
// the days that requests need. It forgets days that no request has needed
// lately, and generates them again on demand. It never changes a stored record,
// only replaces it, so readers need no lock. It is safe for concurrent use.
type archive struct {
	enterprise *enterprise
	start      time.Time
	retention  time.Duration
	maxKept    int // generated records above which it forgets days

	mu       sync.Mutex
	days     map[day]*generatedDay
	size     int             // records in days
	requests uint64          // how often records were needed
	own      []*Record       // from Add and Edit, the first added first
	replaced map[string]bool // confUUIDs of generated records that Edit or Remove replaced
}

// generatedDay holds the meetings that end on a day.
type generatedDay struct {
	records []*Record // by start, then confUUID
	needed  uint64    // number of the last request that needed them
}

// maxKept is archive.maxKept, except in tests. So many records need about 30 MB.
const maxKept = 20_000

// maxLength is more than any generated meeting lasts.
const maxLength = 24 * time.Hour

// day is a day in UTC, counted from 1970-01-01.
type day int64

func dayOf(t time.Time) day { return day(t.UTC().Truncate(24*time.Hour).Unix() / 86400) }

func (d day) begin() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// endingBetween returns at least the records that end in a range and are still
// retained at an instant, in no order. The caller may change the slice.
func (a *archive) endingBetween(from, to, at time.Time) []*Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append(a.generated(from, to, at), a.own...)
}

// generated is endingBetween without the records from Add and Edit. The caller
// holds the lock.
func (a *archive) generated(from, to, at time.Time) []*Record {
	a.requests++
	for _, least := range []time.Time{a.start, at.Add(-a.retention)} {
		if from.Before(least) {
			from = least
		}
	}
	var records []*Record
	for d := dayOf(from); d <= dayOf(to); d++ {
		records = append(records, a.on(d)...)
	}
	a.forget()
	if len(a.replaced) == 0 {
		return records
	}
	return slices.DeleteFunc(records, func(r *Record) bool { return a.replaced[r.ConfUUID] })
}

// on returns the generated meetings that end on a day.
func (a *archive) on(d day) []*Record {
	g := a.days[d]
	if g == nil {
		g = &generatedDay{records: a.enterprise.endingOn(d)}
		g.records = slices.DeleteFunc(g.records, func(r *Record) bool { return r.Start.Before(a.start) })
		slices.SortFunc(g.records, byStart)
		a.days[d] = g
		a.size += len(g.records)
	}
	g.needed = a.requests
	return g.records
}

// forget drops the days that were not needed for the longest time, until few
// enough records are left. It keeps the days of the current request, so that
// the pages of one listing do not generate them again and again.
func (a *archive) forget() {
	if a.size <= a.maxKept {
		return
	}
	var unneeded []day
	for d, g := range a.days {
		if g.needed < a.requests {
			unneeded = append(unneeded, d)
		}
	}
	slices.SortFunc(unneeded, func(x, y day) int {
		return cmp.Or(cmp.Compare(a.days[x].needed, a.days[y].needed), cmp.Compare(x, y))
	})
	for _, d := range unneeded {
		if a.size <= a.maxKept {
			return
		}
		a.size -= len(a.days[d].records)
		delete(a.days, d)
	}
}

// isListed reports whether a record is in the history at an instant. Records
// from Add may lack some of the times.
func (a *archive) isListed(r *Record, at time.Time) bool {
	oldest := at.Add(-a.retention)
	expired := r.Start.Before(oldest) && r.End.Before(oldest) && r.ListedAt.Before(oldest)
	return !at.Before(r.ListedAt) && !expired
}

// listed returns all records that end after an instant and are listed at
// another, by start. It may also return records that end earlier.
func (a *archive) listed(after, at time.Time) []*Record {
	records := slices.DeleteFunc(a.endingBetween(after, at, at), func(r *Record) bool { return !a.isListed(r, at) })
	slices.SortStableFunc(records, byStart)
	return records
}

func byStart(x, y *Record) int {
	return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.ConfUUID, y.ConfUUID))
}

// Add puts copies of the records into the history. It checks nothing: rows may
// be malformed, and several may have the same confUUID. A record without a
// ListedAt is listed PublicationDelay after its end. Retention counts from the
// latest of its three times.
func (s *Service) Add(records ...Record) {
	s.archive.mu.Lock()
	defer s.archive.mu.Unlock()
	for i := range records {
		r := records[i].clone()
		if r.ListedAt.IsZero() {
			r.ListedAt = r.End.Add(s.cfg.PublicationDelay)
		}
		s.archive.own = append(s.archive.own, r)
	}
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
	now := s.cfg.Now()
	a := &s.archive
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.generated(a.start, now, now) {
		if r.ConfUUID == uuid {
			a.replaced[uuid] = true
			a.own = append(a.own, r)
		}
	}
	found := false
	kept := a.own[:0]
	for _, r := range a.own {
		if r.ConfUUID == uuid {
			found = true
			r = by(r)
		}
		if r != nil {
			kept = append(kept, r)
		}
	}
	clear(a.own[len(kept):])
	a.own = kept
	return found
}

// Records returns copies of all records that are listed at an instant, by start.
func (s *Service) Records(at time.Time) []Record {
	listed := s.archive.listed(s.archive.start, at)
	copies := make([]Record, len(listed))
	for i, r := range listed {
		copies[i] = *r.clone()
	}
	return copies
}
