package simulator

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is what a request for the history asks.
type query struct {
	from, to      time.Time // both inclusive
	offset, limit int
	all           bool
	searchKey     string
	order         func(at time.Time) func(x, y *Record) int
}

// orders are the values of sortType. Those by recording put meetings without
// one first or last, and go by the start among equals.
var orders = map[string]func(at time.Time) func(x, y *Record) int{
	"ASC_StartTIME":  func(time.Time) func(x, y *Record) int { return byStart },
	"DSC_StartTIME":  func(time.Time) func(x, y *Record) int { return descending(byStart) },
	"ASC_RecordTYPE": byRecording,
	"DSC_RecordTYPE": func(at time.Time) func(x, y *Record) int { return descending(byRecording(at)) },
}

func byRecording(at time.Time) func(x, y *Record) int {
	rank := func(r *Record) int {
		if r.recorded(at) {
			return 1
		}
		return 0
	}
	return func(x, y *Record) int {
		if c := cmp.Compare(rank(x), rank(y)); c != 0 {
			return c
		}
		return byStart(x, y)
	}
}

func descending(order func(x, y *Record) int) func(x, y *Record) int {
	return func(x, y *Record) int { return order(y, x) }
}

func (s *Service) history(w http.ResponseWriter, r *http.Request) {
	now := s.cfg.Now()
	if !s.tokens.valid(r.Header.Get("X-Access-Token"), now) {
		refuseToken(w)
		return
	}
	q, err := s.parseQuery(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, "MMC.111070001", err.Error())
		return
	}
	matching := s.match(q, now)
	var body bytes.Buffer
	body.WriteString(`{"data":[`)
	for i, rec := range page(matching, q.offset, q.limit) {
		row, err := rec.encode(now)
		if err != nil {
			fail(w, http.StatusInternalServerError, "MMC.111070003", err.Error())
			return
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(row)
	}
	fmt.Fprintf(&body, `],"offset":%d,"limit":%d,"count":%d}`, q.offset, q.limit, len(matching))
	w.Header().Set("Cache-Control", "no-cache")
	send(w, http.StatusOK, "application/json;charset=UTF-8", body.Bytes())
}

// parseQuery reads the parameters. The API page leaves the default order
// open; its sample shows the newest first.
func (s *Service) parseQuery(values url.Values) (query, error) {
	p := parameters{values: values}
	q := query{
		from:      time.UnixMilli(p.number("startDate", true, 0, 0)),
		to:        time.UnixMilli(p.number("endDate", true, 0, 0)),
		offset:    int(p.number("offset", false, 0, 0)),
		limit:     int(min(p.number("limit", false, 1, 20), int64(s.cfg.MaxLimit))),
		all:       p.boolean("queryAll"),
		searchKey: values.Get("searchKey"),
		order:     orders[cmp.Or(values.Get("sortType"), "DSC_StartTIME")],
	}
	switch {
	case p.err != nil:
		return q, p.err
	case q.to.Before(q.from):
		return q, errors.New("endDate is before startDate")
	case q.order == nil:
		return q, errors.New("sortType is invalid")
	}
	return q, nil
}

// parameters reads query parameters and remembers the first that is wrong.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) number(name string, required bool, least, byDefault int64) int64 {
	text := p.values.Get(name)
	if text == "" && !required {
		return byDefault
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if p.err == nil && (err != nil || n < least) {
		p.err = fmt.Errorf("%s is missing or invalid", name)
	}
	return n
}

func (p *parameters) boolean(name string) bool {
	text := p.values.Get(name)
	b := strings.EqualFold(text, "true")
	if p.err == nil && text != "" && !b && !strings.EqualFold(text, "false") {
		p.err = fmt.Errorf("%s is invalid", name)
	}
	return b
}

// match returns all the records that a query may see, in its order.
func (s *Service) match(q query, at time.Time) []*Record {
	all := q.all && Role(s.role.Load()) == Administrator
	matching := slices.DeleteFunc(s.archive.since(q.from, at), func(r *Record) bool {
		wanted := s.inRange(r, q) && r.listed(at) && (all || s.own(r)) && r.mentions(q.searchKey)
		return !wanted
	})
	slices.SortStableFunc(matching, q.order(at))
	return matching
}

func (s *Service) inRange(r *Record, q query) bool {
	switch s.cfg.RangeMeans {
	case RangeEnd:
		return !r.End.Before(q.from) && !r.End.After(q.to)
	case RangeOverlap:
		return !r.End.Before(q.from) && !r.Start.After(q.to)
	default:
		return !r.Start.Before(q.from) && !r.Start.After(q.to)
	}
}

// own tells whether whoever signed in scheduled a meeting or was invited.
func (s *Service) own(r *Record) bool {
	me := s.archive.enterprise.people[0]
	return r.UserUUID == me.uuid || slices.ContainsFunc(r.PartAttendeeInfo, func(a Attendee) bool { return a.Name == me.name })
}

func (r *Record) mentions(key string) bool {
	return strings.Contains(r.Subject, key) || strings.Contains(r.SchedulerName, key) || strings.Contains(r.ConferenceID, key)
}

// page cuts a page out of the records. Past the end it is the last page again.
func page(records []*Record, offset, limit int) []*Record {
	if len(records) == 0 {
		return nil
	}
	if offset >= len(records) {
		offset = (len(records) - 1) / limit * limit
	}
	return records[offset:min(offset+limit, len(records))]
}
