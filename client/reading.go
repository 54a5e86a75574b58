package client

import (
	"context"
	"slices"
	"sync/atomic"

	"huaweicloud_meeting_exporter/meeting"
)

// maxListingBuffer limits the meetings that a listing is allocated for before
// they arrive.
const maxListingBuffer = 100_000

// list is what the service lists page by page.
type list struct {
	op     string        // names the operation in errors
	limit  int           // the number of records to ask for in one page
	paging *atomic.Int32 // the Paging, as far as known
	// keyless says that rows have no identity: equal ones may be different records.
	keyless bool
	// page requests the page at an offset.
	page func(ctx context.Context, offset int) (*page, error)
}

// reading is one pass over the pages of a listing.
type reading struct {
	list    list
	listing *Listing

	paging Paging
	size   int    // rows of a full page, as far as known
	pages  int    // pages that were added
	next   int    // the record index after the last record that was added
	count  int    // of the listing, as the last page says
	first  string // the key of the first record

	records     map[string]place  // by row.key
	doubles     int               // records that came again on the same page
	repeats     map[string]int    // how often a record came again on a later page, by row.key
	departments map[string]string // one copy of each name
	rows        []readRow         // of an attendance, without overlaps
	last        *page             // that was added
}

// readRow is a row of an attendance.
type readRow struct {
	key  string
	join *meeting.Join
	// again says that the same row was on an earlier page.
	again bool
}

// place says where a record is.
type place struct {
	index   int // the record index at which it was last read
	meeting int // the index in Listing.Meetings, or -1 if it has none
}

func newReading(l list) *reading {
	return &reading{
		list:    l,
		listing: &Listing{Defects: map[meeting.Defect]int{}},
		paging:  Paging(l.paging.Load()),
		records: map[string]place{}, repeats: map[string]int{}, departments: map[string]string{},
	}
}

// readAll reads every page. It reports whether each page fitted to the one
// before it. A full page is never the last one, because count may be too low:
// the reading ends with a page that is not full or brings no new record.
func (r *reading) readAll(ctx context.Context) (fitted bool, err error) {
	p, err := r.readFirst(ctx)
	if err != nil {
		return false, err
	}
	fresh := len(r.records)
	for fresh > 0 && r.expectsMore(p) {
		if r.listing.Pages > r.listing.Announced+sparePages {
			return false, nil
		}
		if p, err = r.readNext(ctx); p == nil {
			return false, err
		}
		fresh = r.addNext(p)
	}
	// A page without a new record is the end, unless added records moved the
	// others there.
	return fresh > 0 || r.next >= p.count, nil
}

// expectsMore reports whether another page may follow the last one.
func (r *reading) expectsMore(p *page) bool {
	return len(p.rows) >= r.size || r.next < p.count
}

func (r *reading) readFirst(ctx context.Context) (*page, error) {
	p, err := r.readPage(ctx, 0)
	if err != nil {
		return nil, err
	}
	r.listing.Announced = p.count
	r.listing.Meetings = make([]meeting.Meeting, 0, min(p.count, maxListingBuffer))
	r.size, r.listing.PageSize = pageSize(p, r.list.limit)
	if len(p.rows) > 0 {
		r.first = p.rows[0].key
	}
	r.add(p, 0)
	return p, nil
}

// pageSize returns how many rows a full page has, for the first page of a
// listing: at most the limit that was asked for or a smaller one that the page
// names, or fewer if the service sends fewer than it announces. If count is too
// low, the first page may be full in spite of it: if it has more rows than that,
// or a round number of rows. assumed is the size of a full page in that case.
func pageSize(p *page, limit int) (assumed, size int) {
	if p.limit > 0 {
		limit = min(limit, p.limit)
	}
	rows := len(p.rows)
	switch {
	case rows >= limit, rows > 0 && rows < p.count:
		return rows, rows
	case rows > 0 && (rows > p.count || isRound(rows)):
		return rows, limit
	}
	return limit, limit
}

// isRound reports whether a page of that many rows may be full although it has
// fewer than its limit, because a smaller limit is likely to be round.
func isRound(rows int) bool { return rows%10 == 0 }

// readNext returns the next page, or no page if it does not fit.
func (r *reading) readNext(ctx context.Context) (*page, error) {
	if r.paging == PagingUnknown {
		return r.detectPaging(ctx)
	}
	p, err := r.readPage(ctx, r.paging.offset(r.next, r.pages, r.size))
	if err != nil || !r.fits(p) {
		return nil, err
	}
	return p, nil
}

func (r *reading) readPage(ctx context.Context, offset int) (*page, error) {
	p, err := r.list.page(ctx, offset)
	if err == nil {
		r.listing.Pages++
	}
	return p, err
}

// addNext adds a page that fits. It returns how many records are new.
func (r *reading) addNext(p *page) (fresh int) {
	if r.paging != PagingRecord && r.isEnd(p) {
		return 0
	}
	if fresh = r.add(p, r.paging.overlap()); fresh > 0 {
		r.listing.PageSize = r.size
	}
	return fresh
}

// isEnd reports whether a page is empty or the last one again. Rows without an
// identity may be known although they are other records.
func (r *reading) isEnd(p *page) bool {
	if r.list.keyless {
		return len(p.rows) == 0 || slices.EqualFunc(p.rows, r.last.rows, func(a, b row) bool { return a.key == b.key })
	}
	return r.known(p) == len(p.rows)
}

// add adds a page whose first rows are an overlap. It returns how many records
// are new.
func (r *reading) add(p *page, overlap int) (fresh int) {
	for i := range p.rows[:overlap] { // it may have changed, but it is no repeat
		r.keep(&p.rows[i], r.records[p.rows[i].key])
	}
	rows := p.rows[overlap:]
	for i := range rows {
		row := &rows[i]
		at, known := r.records[row.key]
		switch {
		case !known:
			fresh++
			at.meeting = -1
			r.countDefects(row)
		case at.index >= r.next:
			r.doubles++
		default:
			r.repeats[row.key]++
		}
		if row.join != nil {
			r.rows = append(r.rows, readRow{row.key, row.join, known && at.index < r.next})
		}
		at.index = r.next + i
		r.keep(row, at)
	}
	if r.list.keyless {
		fresh = len(rows)
	}
	r.pages++
	r.last = p
	r.next += len(rows)
	r.count = p.count
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
	if row.usable() && row.join == nil {
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

// arrived returns how many records the reading brought. A record that comes
// twice on one page is listed twice. One that comes again on a later page counts
// again only if it also did in an earlier reading, and pages overlap or rows have
// no identity: then the service really lists it twice. Otherwise it moved between
// two pages, and may hide another one that was missed.
func (r *reading) arrived(repeatedBefore map[string]bool) int {
	n := len(r.records) + r.doubles
	for key, times := range r.repeats {
		if r.isTwice(key, repeatedBefore) {
			n += times
		}
	}
	return n
}

// isTwice reports whether a record that came again on a later page is listed
// twice.
func (r *reading) isTwice(key string, repeatedBefore map[string]bool) bool {
	return repeatedBefore[key] && (r.paging.overlap() > 0 || r.list.keyless)
}

// joins returns the joins of an attendance: one for each row that arrived counts.
func (r *reading) joins(repeatedBefore map[string]bool) []meeting.Join {
	var joins []meeting.Join
	for _, row := range r.rows {
		if !row.again || r.isTwice(row.key, repeatedBefore) {
			joins = append(joins, *row.join)
		}
	}
	return joins
}

// moved returns how many records came again on a later page for no known
// reason: they did not in an earlier reading, and the listing did not grow by as
// many.
func (r *reading) moved(repeatedBefore map[string]bool) int {
	n := 0
	for key, times := range r.repeats {
		if !repeatedBefore[key] {
			n += times
		}
	}
	return max(n-max(r.count-r.listing.Announced, 0), 0)
}
