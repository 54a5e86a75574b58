package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

const (
	// maxReadings is how often History reads a listing before it fails with
	// Incomplete.
	maxReadings = 3
	// sparePages is how many pages a reading may take beyond one page for each
	// announced record. It ends a reading to which the service always adds.
	sparePages = 1000
)

// Listing is one complete reading of a list. Its zero value is an empty one.
type Listing struct {
	// Meetings holds each UUID once, by its last record, in the order of the
	// first records.
	Meetings []meeting.Meeting
	// Defects counts the records that were left out. Its meeting.BadNumber
	// counts numbers that were left out of a record.
	Defects map[meeting.Defect]int
	// Announced is the number of records that the first page announced. It may
	// be too low.
	Announced int
	// Pages is the number of pages read, those of repeated readings included.
	Pages int
	// Readings is the number of readings that it took. Dropped says why the one
	// before the last was dropped; it is nil if there was none.
	Readings int
	Dropped  error
	// PageSize is the number of records in a full page. The service may send
	// fewer than the client asks for.
	PageSize int
	// Paging is how the service pages, as far as the client knows.
	Paging Paging

	joins []meeting.Join // of an attendance
}

// PagesSince returns how many pages it takes to list again the meetings that
// started at from or later. Starts are cut to the minute.
func (l *Listing) PagesSince(from time.Time) int {
	from = from.Truncate(time.Minute)
	meetings := 0
	for i := range l.Meetings {
		if !l.Meetings[i].Start.Before(from) {
			meetings++
		}
	}
	if meetings < l.PageSize {
		if meetings > 0 && isRound(meetings) {
			return 2
		}
		return 1
	}
	// A reading does not end on a full page.
	return 2 + (meetings-l.PageSize)/max(l.PageSize-l.Paging.overlap(), 1)
}

// History lists the ended meetings that the service files between from and to,
// both included. It appears to file a meeting under its start.
//
// Records come and go while pages are read. If offset is a record index, each
// page after the first begins one record early, which shows that no record
// slipped through. Otherwise only the counts and records that come again show
// it. A reading with a gap, or with fewer records than its first page announced,
// is dropped and repeated up to two times. After that History fails with
// Incomplete. It fails with Response if no record of the listing is usable. Its
// other errors are those of the requests, or the cause of the end of ctx.
func (c *Client) History(ctx context.Context, from, to time.Time) (*Listing, error) {
	listing, err := c.history(from, to).read(ctx)
	c.judgeToken(ctx, err)
	return listing, err
}

// read reads the list as History says.
func (l list) read(ctx context.Context) (*Listing, error) {
	repeatedBefore := map[string]bool{}
	pages := 0
	var dropped error
	for readings := range maxReadings {
		r := newReading(l)
		fitted, err := r.readAll(ctx)
		if err != nil {
			return nil, err
		}
		pages += r.listing.Pages
		switch arrived, announced := r.arrived(repeatedBefore), r.listing.Announced; {
		case arrived < announced:
			dropped = fmt.Errorf("%d of %d announced records arrived", arrived, announced)
		case !fitted, r.moved(repeatedBefore) > 0:
			dropped = errors.New("the pages did not fit together")
		default:
			r.listing.Pages, r.listing.Readings, r.listing.Dropped = pages, readings+1, dropped
			r.listing.joins = r.joins(repeatedBefore)
			return r.finish()
		}
		l.paging.Store(int32(PagingUnknown)) // it may have been wrong
		for key := range r.repeats {
			repeatedBefore[key] = true
		}
	}
	return nil, &Error{Op: l.op, Reason: Incomplete, Err: fmt.Errorf("%w in the last of %d readings", dropped, maxReadings)}
}

// FirstPage returns the first page of a listing. Announced tells the size of
// the whole listing. If more pages follow, FirstPage also requests the second
// one to find out the Paging. Errors are those of the requests, or Response if
// no record of the first page is usable.
func (c *Client) FirstPage(ctx context.Context, from, to time.Time) (*Listing, error) {
	r := newReading(c.history(from, to))
	first, err := r.readFirst(ctx)
	if err == nil && len(first.rows) > 0 && r.expectsMore(first) {
		_, err = r.readNext(ctx)
	}
	if err != nil {
		return nil, err
	}
	return r.finish()
}

// finish returns the listing of a reading and keeps what it found out.
func (r *reading) finish() (*Listing, error) {
	r.listing.Paging = r.paging
	r.list.paging.Store(int32(r.paging))
	if err := r.listing.unusable(); err != nil {
		return nil, &Error{Op: r.list.op, Reason: Response, Err: err}
	}
	return r.listing, nil
}

// unusable returns an error if the listing has records, but none that is
// usable. Then the service has probably changed, and the listing must not pass
// for an empty one.
func (l *Listing) unusable() error {
	var defects []string
	for _, d := range meeting.Defects() {
		if n := l.Defects[d]; n > 0 && d != meeting.NotEnded {
			defects = append(defects, fmt.Sprintf("%s %d", d, n))
		}
	}
	if len(l.Meetings) > 0 || len(defects) == 0 {
		return nil
	}
	return fmt.Errorf("no record is usable (%s), so the service may have changed its format", strings.Join(defects, ", "))
}
