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

// query holds the parameters of a request for the history.
type query struct {
	from, to  time.Time // both inclusive
	offset    int
	limit     int // as asked for
	queryAll  bool
	searchKey string
	order     order
}

// order compares two records as they are at an instant.
type order func(x, y *Record, at time.Time) int

// orders are the values of sortType. Those by recording put the meetings
// without one first (ASC) or last (DSC), and sort the rest by start.
var orders = map[string]order{
	"ASC_StartTIME":  func(x, y *Record, _ time.Time) int { return byStart(x, y) },
	"DSC_StartTIME":  func(x, y *Record, _ time.Time) int { return byStart(y, x) },
	"ASC_RecordTYPE": byRecording,
	"DSC_RecordTYPE": func(x, y *Record, at time.Time) int { return byRecording(y, x, at) },
}

func byRecording(x, y *Record, at time.Time) int {
	switch hasX, hasY := x.hasRecording(at), y.hasRecording(at); {
	case hasX == hasY:
		return byStart(x, y)
	case hasY:
		return -1
	default:
		return 1
	}
}

func (s *Service) history(w http.ResponseWriter, r *http.Request) {
	tok, ok := s.holder(w, r)
	if !ok {
		return
	}
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, "MMC.111070001", err.Error())
		return
	}
	now, v := s.cfg.Now(), *s.variant.Load()
	writePage(w, v, s.selectRecords(q, tok, v, now), s.cfg.MaxLimit, q.offset, q.limit, func(record *Record) ([]byte, error) {
		return record.encode(now, v, s.archive.isListed(record, now))
	})
}

// writePage sends a page of rows, of which it has most at most.
func writePage[T any](w http.ResponseWriter, v Variant, rows []T, most, offset, limit int, encode func(T) ([]byte, error)) {
	size, shown := v.pageSize(limit, most)
	var body bytes.Buffer
	before, after := v.Empty.listing(len(rows))
	body.WriteString("{" + before)
	for i, one := range pageOf(v, rows, offset, size) {
		row, err := encode(one)
		if err != nil {
			writeError(w, http.StatusInternalServerError, "MMC.111070003", err.Error())
			return
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(row)
	}
	body.WriteString(after)
	fmt.Fprintf(&body, `"offset":%d,"limit":%d,"count":%d}`, offset, shown, v.count(len(rows)))
	w.Header().Set("Cache-Control", "no-cache")
	writeBody(w, http.StatusOK, contentTypeJSON, body.Bytes())
}

// parseQuery parses the parameters. The API page does not state the default
// order; its sample shows the newest meeting first.
func parseQuery(values url.Values) (query, error) {
	p := parameters{values: values}
	q := query{
		from:      time.UnixMilli(p.integer("startDate", 0)),
		to:        time.UnixMilli(p.integer("endDate", 0)),
		offset:    int(p.optionalInteger("offset", 0, 0)),
		limit:     int(p.optionalInteger("limit", 1, defaultLimit)),
		queryAll:  p.boolean("queryAll"),
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

// parameters parses query parameters and keeps the first error.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) integer(name string, least int64) int64 {
	n, err := strconv.ParseInt(p.values.Get(name), 10, 64)
	if p.err == nil && (err != nil || n < least) {
		p.err = fmt.Errorf("%s is missing or invalid", name)
	}
	return n
}

func (p *parameters) optionalInteger(name string, least, byDefault int64) int64 {
	if p.values.Get(name) == "" {
		return byDefault
	}
	return p.integer(name, least)
}

func (p *parameters) boolean(name string) bool {
	text := p.values.Get(name)
	b := strings.EqualFold(text, "true")
	if p.err == nil && text != "" && !b && !strings.EqualFold(text, "false") {
		p.err = fmt.Errorf("%s is invalid", name)
	}
	return b
}

// selectRecords returns the records that a query of the holder of a token finds
// at an instant, in the order that it asks for.
func (s *Service) selectRecords(q query, tok token, v Variant, at time.Time) []*Record {
	caller, adminType := s.signedIn(tok)
	all := q.queryAll && adminType != ordinaryUser
	last := q.to.Add(maxLength)
	if now := at.Add(maxLength); now.Before(last) {
		last = now
	}
	records := slices.DeleteFunc(s.archive.endingBetween(q.from, last, at), func(r *Record) bool {
		found := s.inRange(r, q) &&
			(s.archive.isListed(r, at) || v.ListRunning && r.isRunning(at)) &&
			(all || s.archive.enterprise.involves(caller, r)) &&
			r.contains(q.searchKey)
		return !found
	})
	slices.SortStableFunc(records, func(x, y *Record) int { return q.order(x, y, at) })
	return records
}

func (s *Service) inRange(r *Record, q query) bool {
	switch s.cfg.Range {
	case RangeEnd:
		return !r.End.Before(q.from) && !r.End.After(q.to)
	case RangeOverlap:
		return !r.End.Before(q.from) && !r.Start.After(q.to)
	default:
		return !r.Start.Before(q.from) && !r.Start.After(q.to)
	}
}

func (r *Record) contains(searchKey string) bool {
	return strings.Contains(r.Subject, searchKey) ||
		strings.Contains(r.SchedulerName, searchKey) ||
		strings.Contains(r.ConferenceID, searchKey)
}
