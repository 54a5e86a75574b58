package client

import (
	"context"
	"fmt"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

const (
	// maxReadings is how often History reads a listing before it fails with
	// Incomplete.
	maxReadings = 3
	// sparePages is how many pages a reading may take beyond one page for each
	// announced record. It ends a reading whose count keeps growing.
	sparePages = 1000
)

// Listing is one complete reading of the history. Its zero value is an empty one.
type Listing struct {
	// Meetings holds each UUID once, by its last record, in the order of the
	// first records.
	Meetings []meeting.Meeting
	// Defects counts the records that were left out. Its meeting.BadNumber
	// counts numbers that were left out of a record.
	Defects map[meeting.Defect]int
	// Announced is the number of records that the first page announced.
	Announced int
	// Pages is the number of pages read, those of repeated readings included.
	Pages int
	// PageSize is the number of records in a full page. The service may send
	// fewer than the client asks for.
	PageSize int
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
	rest := max(meetings-l.PageSize, 0)
	step := max(l.PageSize-1, 1) // a page begins with the last record of the page before
	return 1 + (rest+step-1)/step
}

// History lists the ended meetings that the service files between from and to,
// both included. It appears to file a meeting under its start.
//
// Records come and go while pages are read. Each page after the first therefore
// begins one record early, which shows that no record slipped through. A
// reading with a gap, or with fewer records than its first page announced, is
// dropped and repeated up to two times. After that History fails with
// Incomplete. Its other errors are those of the requests, or the cause of the
// end of ctx.
func (c *Client) History(ctx context.Context, from, to time.Time) (*Listing, error) {
	repeatedBefore := map[string]bool{}
	pages, arrived, announced := 0, 0, 0
	for range maxReadings {
		r := newReading(c, from, to)
		whole, err := r.readAll(ctx)
		if err != nil {
			return nil, err
		}
		pages += r.listing.Pages
		arrived, announced = r.arrived(repeatedBefore), r.listing.Announced
		if whole && arrived >= announced {
			r.listing.Pages = pages
			return r.listing, nil
		}
		for key := range r.repeats {
			repeatedBefore[key] = true
		}
	}
	return nil, &Error{
		Op: opHistory, Reason: Incomplete,
		Err: fmt.Errorf("%d of %d announced records arrived in the last of %d readings", arrived, announced, maxReadings),
	}
}

// FirstPage returns the first page of a listing. Announced tells the size of
// the whole listing. Errors are those of the request.
func (c *Client) FirstPage(ctx context.Context, from, to time.Time) (*Listing, error) {
	r := newReading(c, from, to)
	if _, err := r.readFirst(ctx); err != nil {
		return nil, err
	}
	return r.listing, nil
}
