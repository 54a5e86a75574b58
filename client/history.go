package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

const (
	// maxReadings is how often a listing is read at the most before it is
	// given up as incomplete.
	maxReadings = 3
	// sparePages is how many pages beyond one for each announced record a
	// reading may take: a guard against a count that runs away.
	sparePages = 1000
)

// Listing is one reading of the history between two instants. It is for one
// use by one goroutine.
type Listing struct {
	client   *Client
	from, to time.Time
	defects  map[meeting.Defect]int

	starts     map[int64]int // how many records started in a minute, by its Unix time
	pageLength int           // rows of a page that is not the last
}

// History returns a listing of the ended meetings that the service files
// between from and to, to included. The API files a meeting under its start,
// as far as is known.
func (c *Client) History(from, to time.Time) *Listing {
	return &Listing{client: c, from: from, to: to}
}

// Meetings reads the whole listing and yields every meeting, page by page. A
// meeting may be yielded more than once; the last one holds. An error is the
// last thing yielded, and takes back all that came before: a listing is
// complete or worth nothing.
//
// Records come and go while pages are read. A page after the first therefore
// begins one row early, to see that no row slipped through, and a reading
// that brought fewer records than its first page announced is made again,
// twice at most, before it fails with Incomplete.
func (l *Listing) Meetings(ctx context.Context) iter.Seq2[meeting.Meeting, error] {
	return func(yield func(meeting.Meeting, error) bool) {
		repeatedBefore := map[rowKey]bool{}
		var r *reading
		for range maxReadings {
			r = l.newReading()
			whole, err := r.read(ctx, func(m meeting.Meeting) bool { return yield(m, nil) })
			switch {
			case errors.Is(err, errStopped):
				return
			case err != nil:
				yield(meeting.Meeting{}, err)
				return
			case whole && r.arrived(repeatedBefore) >= r.announced:
				return
			}
			for key := range r.repeats {
				repeatedBefore[key] = true
			}
		}
		yield(meeting.Meeting{}, &Error{
			Op: opHistory, Reason: Incomplete,
			Err: fmt.Errorf("%d of %d announced records arrived, read %d times", r.arrived(repeatedBefore), r.announced, maxReadings),
		})
	}
}

// Defects counts the records of the listing that were left out, or of which a
// number was, by the reason. It is there once Meetings has ended.
func (l *Listing) Defects() map[meeting.Defect]int { return l.defects }

// Page is the first page of a listing.
type Page struct {
	Meetings []meeting.Meeting
	Defects  map[meeting.Defect]int
	// Total is how many records the whole listing announces.
	Total int
}

// FirstPage returns the first page of the listing that History reads whole.
func (c *Client) FirstPage(ctx context.Context, from, to time.Time) (*Page, error) {
	p, err := c.page(ctx, from, to, 0)
	if err != nil {
		return nil, err
	}
	first := &Page{Total: p.count}
	r := c.History(from, to).newReading()
	r.take(p.rows, 0, func(m meeting.Meeting) bool {
		first.Meetings = append(first.Meetings, m)
		return true
	})
	first.Defects = r.defects
	return first, nil
}

// errStopped tells that whoever ranges over a listing broke off.
var errStopped = errors.New("stopped")

const opHistory = "list history"

// reading is one pass over all pages of a listing.
type reading struct {
	*Listing
	announced int              // the count of the first page
	seen      map[rowKey]int32 // record index at which a row was read last
	repeats   map[rowKey]int   // how often a row came again
}

func (l *Listing) newReading() *reading {
	l.defects = map[meeting.Defect]int{}
	l.starts, l.pageLength = map[int64]int{}, l.client.cfg.PageLimit
	return &reading{Listing: l, seen: map[rowKey]int32{}, repeats: map[rowKey]int{}}
}

// read passes over all pages and reports whether each page went on where the
// one before ended.
func (r *reading) read(ctx context.Context, yield func(meeting.Meeting) bool) (whole bool, err error) {
	next := 0 // record index behind the last row received
	count := 0
	for pages := 0; ; pages++ {
		page, err := r.client.page(ctx, r.from, r.to, max(next-1, 0))
		if err != nil {
			return false, err
		}
		rows := page.rows
		if pages == 0 {
			r.announced = page.count
			if len(rows) < page.count {
				r.pageLength = len(rows) // the service may allow less than was asked for
			}
		} else {
			if !r.joins(rows, next, page.count-count) || pages > r.announced+sparePages {
				return false, nil
			}
			// Read once more, it may have changed, but it has not come twice.
			if !rows[0].yieldTo(yield) {
				return false, errStopped
			}
			rows = rows[1:]
		}
		count = page.count
		fresh, ok := r.take(rows, next, yield)
		if !ok {
			return false, errStopped
		}
		next += len(rows)
		if next >= count {
			return true, nil
		}
		if fresh == 0 {
			return false, nil
		}
	}
}

// joins tells whether a page begins with the row before the record index
// next, as it was asked to. Rows that were added to the listing meanwhile may
// have pushed another row there, which stood that much before; but a row that
// is new there, or from further ahead, tells that rows slipped through.
func (r *reading) joins(rows []row, next, added int) bool {
	if len(rows) == 0 {
		return false
	}
	index, known := r.seen[rows[0].key]
	return known && next-1-int(index) <= max(added, 0)
}

// take counts rows that begin at a record index, yields the meetings among
// them, and returns how many rows were not seen before.
func (r *reading) take(rows []row, index int, yield func(meeting.Meeting) bool) (fresh int, ok bool) {
	for i := range rows {
		row := &rows[i]
		if _, known := r.seen[row.key]; known {
			r.repeats[row.key]++
		} else {
			fresh++
			r.starts[row.meeting.Start.Unix()]++
			if row.defect != meeting.Valid {
				r.defects[row.defect]++
			}
			r.defects[meeting.BadNumber] += row.badNumbers
		}
		r.seen[row.key] = int32(index + i)
		if !row.yieldTo(yield) {
			return fresh, false
		}
	}
	return fresh, true
}

// yieldTo yields the meeting of a row, if it is one.
func (r *row) yieldTo(yield func(meeting.Meeting) bool) bool {
	return r.defect != meeting.Valid || r.running || yield(r.meeting)
}

// arrived counts the records that the reading brought. A row that came twice
// counts twice only if it did so in an earlier reading too: the service then
// really lists it twice, while a single repeat is a row that moved between
// two pages, and may stand for another one that was missed.
func (r *reading) arrived(repeatedBefore map[rowKey]bool) int {
	n := len(r.seen)
	for key, times := range r.repeats {
		if repeatedBefore[key] {
			n += times
		}
	}
	return n
}

// page gets the page that begins at a record index. A 401 is answered by one
// new sign-in and one more attempt.
func (c *Client) page(ctx context.Context, from, to time.Time, offset int) (*page, error) {
	token, err := c.token(ctx, "")
	if err != nil {
		return nil, err
	}
	p, err := c.pageWith(ctx, token, from, to, offset)
	if isUnauthorized(err) {
		if token, err = c.token(ctx, token); err != nil {
			return nil, err
		}
		p, err = c.pageWith(ctx, token, from, to, offset)
	}
	var e *Error
	switch {
	case isUnauthorized(err):
		errors.As(err, &e)
		e.Reason, e.Err = Auth, errors.New("the service rejects the token of a fresh sign-in")
		c.distrust(ctx, e)
	case errors.As(err, &e) && e.Status == http.StatusForbidden:
		e.Reason, e.Err = Permission, errors.New("this user may not list history")
	case err == nil:
		c.trust(ctx)
	}
	return p, err
}

func isUnauthorized(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized
}

func (c *Client) pageWith(ctx context.Context, token string, from, to time.Time, offset int) (*page, error) {
	var p *page
	err := c.do(ctx, call{
		op:       opHistory,
		endpoint: EndpointHistory,
		build: func(ctx context.Context) (*http.Request, error) {
			req, err := c.newRequest(ctx, http.MethodGet, "/v1/mmc/management/conferences/history", url.Values{
				"startDate": {strconv.FormatInt(from.UnixMilli(), 10)},
				"endDate":   {strconv.FormatInt(to.UnixMilli(), 10)},
				"offset":    {strconv.Itoa(offset)},
				"limit":     {strconv.Itoa(c.cfg.PageLimit)},
				"queryAll":  {"true"},
				"sortType":  {"ASC_StartTIME"},
			}, nil)
			if err == nil {
				req.Header.Set("X-Access-Token", token)
			}
			return req, err
		},
		decode: func(body []byte) (err error) {
			p, err = decodePage(body, c.cfg.Now())
			return err
		},
	})
	return p, err
}
