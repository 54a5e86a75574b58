package client

import (
	"context"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// maxListingBuffer limits the meetings that a listing is allocated for before
// they arrive.
const maxListingBuffer = 100_000

// reading is one pass over the pages of a listing.
type reading struct {
	client      *Client
	from, to    time.Time
	listing     *Listing
	records     map[string]place  // by row.key
	repeats     map[string]int    // how often a record came again, by row.key
	departments map[string]string // one copy of each name
}

// place says where a record is.
type place struct {
	index   int // the record index at which it was last read
	meeting int // the index in Listing.Meetings, or -1 if it has none
}

func newReading(c *Client, from, to time.Time) *reading {
	return &reading{
		client: c, from: from, to: to,
		listing: &Listing{Defects: map[meeting.Defect]int{}, PageSize: c.cfg.PageLimit},
		records: map[string]place{}, repeats: map[string]int{}, departments: map[string]string{},
	}
}

// readAll reads every page. It reports whether each page continued where the
// page before it ended.
func (r *reading) readAll(ctx context.Context) (whole bool, err error) {
	p, err := r.readFirst(ctx)
	if err != nil {
		return false, err
	}
	next, count := len(p.rows), p.count // next is the index after the last record read
	fresh := next
	for next < count {
		if fresh == 0 || r.listing.Pages > r.listing.Announced+sparePages {
			return false, nil
		}
		p, err := r.readPage(ctx, next-1)
		if err != nil {
			return false, err
		}
		if !r.continues(p.rows, next, p.count-count) {
			return false, nil
		}
		first := &p.rows[0]
		r.keep(first, r.records[first.key]) // it may have changed, but it is no repeat
		fresh = r.add(p.rows[1:], next)
		next, count = next+len(p.rows)-1, p.count
	}
	return true, nil
}

func (r *reading) readFirst(ctx context.Context) (*page, error) {
	p, err := r.readPage(ctx, 0)
	if err != nil {
		return nil, err
	}
	r.listing.Announced = p.count
	r.listing.Meetings = make([]meeting.Meeting, 0, min(p.count, maxListingBuffer))
	if len(p.rows) < p.count {
		r.listing.PageSize = len(p.rows)
	}
	r.add(p.rows, 0)
	return p, nil
}

func (r *reading) readPage(ctx context.Context, offset int) (*page, error) {
	p, err := r.client.fetchPage(ctx, r.from, r.to, offset)
	if err == nil {
		r.listing.Pages++
	}
	return p, err
}

// continues reports whether a page begins with the record before the record
// index next. If records were added to the listing meanwhile, they may have
// moved an earlier record there. Any other record shows that some slipped
// through.
func (r *reading) continues(rows []row, next, added int) bool {
	if len(rows) == 0 {
		return false
	}
	first, known := r.records[rows[0].key]
	return known && next-1-first.index <= max(added, 0)
}

// add adds rows that begin at a record index. It returns how many of their
// records are new to the reading.
func (r *reading) add(rows []row, index int) (fresh int) {
	for i := range rows {
		row := &rows[i]
		at, known := r.records[row.key]
		if known {
			r.repeats[row.key]++
		} else {
			fresh++
			at.meeting = -1
			r.countDefects(row)
		}
		at.index = index + i
		r.keep(row, at)
	}
	return fresh
}

func (r *reading) countDefects(row *row) {
	if row.defect != meeting.Valid {
		r.listing.Defects[row.defect]++
	}
	if row.badNumbers > 0 {
		r.listing.Defects[meeting.BadNumber] += row.badNumbers
	}
}

// keep notes the place of a row's record, and puts its meeting, if usable, into
// the listing.
func (r *reading) keep(row *row, at place) {
	if row.usable() {
		m := row.meeting
		m.Department = r.intern(m.Department)
		if at.meeting < 0 {
			at.meeting = len(r.listing.Meetings)
			r.listing.Meetings = append(r.listing.Meetings, m)
		} else {
			r.listing.Meetings[at.meeting] = m
		}
	}
	r.records[row.key] = at
}

// intern returns the reading's copy of a department's name.
func (r *reading) intern(name string) string {
	if known, ok := r.departments[name]; ok {
		return known
	}
	r.departments[name] = name
	return name
}

// arrived returns how many records the reading brought. A record that came
// twice counts twice only if it also did in an earlier reading: then the service
// really lists it twice. A single repeat is a record that moved between two
// pages, and may hide another one that was missed.
func (r *reading) arrived(repeatedBefore map[string]bool) int {
	n := len(r.records)
	for key, times := range r.repeats {
		if repeatedBefore[key] {
			n += times
		}
	}
	return n
}
