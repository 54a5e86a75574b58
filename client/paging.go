package client

import "context"

// Paging is what the service takes the parameter offset for. API texts call it
// a record index in one place and a page index in another. The client finds it
// out from the second page of a listing.
type Paging int32

// The meanings of offset. In each of them, 0 is the offset of the first page.
const (
	PagingUnknown   Paging = iota // no listing had two pages
	PagingRecord                  // the index of the page's first record
	PagingWholePage               // the index of any record of the page
	PagingFrom0                   // the number of the page; the first page is 0
	PagingFrom1                   // the number of the page; the first page is 1
)

// minPageSize is the size of the smallest pages that tell the meanings apart.
// Shorter pages are read only if offset is a record index.
const minPageSize = 3

// String returns the meaning in plain words.
func (p Paging) String() string {
	return [...]string{
		"the meaning of offset is unknown",
		"offset is a record index",
		"offset is a record index rounded down to a whole page",
		"offset is a page number that counts from 0",
		"offset is a page number that counts from 1",
	}[p]
}

// overlap returns how many records the client reads again with the next page:
// the last one if offset is a record index.
func (p Paging) overlap() int {
	if p <= PagingRecord {
		return 1
	}
	return 0
}

// offset returns the offset of the page after the first pages of a size, which
// hold the records up to the index next.
func (p Paging) offset(next, pages, size int) int {
	switch p {
	case PagingWholePage:
		return pages * size
	case PagingFrom0:
		return pages
	case PagingFrom1:
		return pages + 1
	}
	return next - 1
}

// detectPaging reads the second page, and finds out by it what offset means. It
// returns no page if the responses fit no meaning: records came or went between
// them, or the service pages in yet another way. If no second page exists, the
// meaning may stay unknown.
func (r *reading) detectPaging(ctx context.Context) (*page, error) {
	p, err := r.readPage(ctx, PagingRecord.offset(r.next, r.pages, r.size))
	switch {
	case err != nil:
		return nil, err
	case r.continues(p):
		r.paging = PagingRecord
		return p, nil
	case r.size < minPageSize:
		return nil, nil
	case r.beginsAgain(p):
		return r.tryPaging(ctx, PagingWholePage)
	case r.known(p) > 0:
		return nil, nil
	}
	// The offset led far behind the second page, or past the end.
	isBehind := len(p.rows) > 0
	p, err = r.tryPaging(ctx, PagingFrom0)
	if p != nil && r.beginsAgain(p) {
		p, err = r.tryPaging(ctx, PagingFrom1)
	}
	if p != nil && isBehind && r.known(p) == len(p.rows) {
		return nil, nil // records were seen behind a second page that is not there
	}
	return p, err
}

// tryPaging reads the second page as if offset had a meaning. It confirms that
// meaning if every record is new. It returns no page if only some are.
func (r *reading) tryPaging(ctx context.Context, paging Paging) (*page, error) {
	p, err := r.readPage(ctx, paging.offset(r.next, r.pages, r.size))
	if err != nil {
		return nil, err
	}
	switch known := r.known(p); {
	case r.shrinks(p):
		return nil, nil
	case known == len(p.rows): // no second page
		return p, nil
	case known == 0:
		r.paging = paging
		return p, nil
	}
	return nil, nil
}

// fits reports whether a page may be the next one. A page that fits shows no
// sign of a record that slipped through.
func (r *reading) fits(p *page) bool {
	if r.paging.overlap() > 0 {
		return r.continues(p)
	}
	// Many known records show that offset means something else, except at the
	// end, where the last page may come again.
	known := r.known(p)
	return !r.shrinks(p) && (known == len(p.rows) || 2*known < len(p.rows))
}

// shrinks reports whether the listing has become shorter. Without an overlap,
// nothing else shows that a record was removed. Past the end, the count may be 0.
func (r *reading) shrinks(p *page) bool {
	return p.count < r.count && (p.count > 0 || len(p.rows) > 0)
}

// continues reports whether a page begins with the last record that was read. If
// records were added to the listing meanwhile, they may have moved an earlier
// record there. Any other record shows that some slipped through.
func (r *reading) continues(p *page) bool {
	if len(p.rows) == 0 {
		return false
	}
	first, known := r.records[p.rows[0].key]
	return known && r.next-1-first.index <= max(p.count-r.count, 0)
}

// beginsAgain reports whether a page begins with the first record.
func (r *reading) beginsAgain(p *page) bool {
	return len(p.rows) > 0 && p.rows[0].key == r.first
}

// known returns how many rows of a page were read before.
func (r *reading) known(p *page) int {
	known := 0
	for i := range p.rows {
		if _, ok := r.records[p.rows[i].key]; ok {
			known++
		}
	}
	return known
}
