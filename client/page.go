package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// OpHistory is the Error.Op of History and FirstPage.
const OpHistory = "list history"

// history returns the list of the meetings that the service files in a range.
func (c *Client) history(from, to time.Time) list {
	return list{
		op: OpHistory, limit: c.cfg.PageLimit, paging: &c.paging,
		page: func(ctx context.Context, offset int) (*page, error) { return c.fetchPage(ctx, from, to, offset) },
	}
}

// fetchPage returns the page at an offset. If the service rejects the token, it
// signs in and tries again, once.
func (c *Client) fetchPage(ctx context.Context, from, to time.Time, offset int) (*page, error) {
	token, err := c.token(ctx, "")
	if err != nil {
		return nil, err
	}
	p, err := c.requestPage(ctx, token, from, to, offset)
	var e *Error
	if errors.As(err, &e) && e.deadToken() {
		if token, err = c.token(ctx, token); err != nil {
			return nil, err
		}
		p, err = c.requestPage(ctx, token, from, to, offset)
	}
	switch {
	case err == nil:
		c.acceptedToken(ctx)
	case !errors.As(err, &e):
	case e.deadToken() && e.Status != http.StatusForbidden:
		e.Reason, e.Err = Auth, errors.New("the service rejects the token of a new sign-in")
		c.rejectedToken(ctx, e)
	case e.Status == http.StatusForbidden && e.Reason != Throttled:
		e.Reason, e.Err = Permission, errors.New("this user may not list history")
		if e.deadToken() {
			c.rejectedToken(ctx, e)
		}
	}
	return p, err
}

// requestPage requests a page with a token (API page: history list).
func (c *Client) requestPage(ctx context.Context, token string, from, to time.Time, offset int) (*page, error) {
	var p *page
	err := c.do(ctx, call{
		op:       OpHistory,
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
			p, err = decodePage(body, pageRequest{limit: c.cfg.PageLimit, first: offset == 0, now: c.cfg.Now(), row: (*decoder).historyRow})
			return err
		},
	})
	return p, err
}
