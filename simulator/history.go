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
	from, to      time.Time // both inclusive
	offset, limit int
	queryAll      bool
	searchKey     string
	order         order
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
	now := s.cfg.Now()
	if !s.tokens.isValid(r.Header.Get("X-Access-Token"), now) {
		writeInvalidToken(w)
		return
	}
	q, err := s.parseQuery(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, "MMC.111070001", err.Error())
		return
	}
	records := s.selectRecords(q, now)
	var body bytes.Buffer
	body.WriteString(`{"data":[`)
	for i, record := range page(records, q.offset, q.limit) {
		row, err := record.encode(now)
		if err != nil {
			writeError(w, http.StatusInternalServerError, "MMC.111070003", err.Error())
			return
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(row)
	}
	fmt.Fprintf(&body, `],"offset":%d,"limit":%d,"count":%d}`, q.offset, q.limit, len(records))
	w.Header().Set("Cache-Control", "no-cache")
	writeBody(w, http.StatusOK, contentTypeJSON, body.Bytes())
}

// parseQuery parses the parameters. The API page does not state the default
// order; its sample shows the newest meeting first.
func (s *Service) parseQuery(values url.Values) (query, error) {
	p := parameters{values: values}
	q := query{
		from:      time.UnixMilli(p.integer("startDate", 0)),
		to:        time.UnixMilli(p.integer("endDate", 0)),
		offset:    int(p.optionalInteger("offset", 0, 0)),
		limit:     int(min(p.optionalInteger("limit", 1, 20), int64(s.cfg.MaxLimit))),
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

// selectRecords returns the records that a query finds at an instant, in the
// order that it asks for.
func (s *Service) selectRecords(q query, at time.Time) []*Record {
	all := q.queryAll && Role(s.role.Load()) == Administrator
	records := slices.DeleteFunc(s.archive.endingBetween(q.from, at), func(r *Record) bool {
		found := s.inRange(r, q) && r.isListed(at) && (all || s.involvesCaller(r)) && r.contains(q.searchKey)
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

// involvesCaller reports whether the signed-in person scheduled a meeting or
// was invited to it.
func (s *Service) involvesCaller(r *Record) bool {
	caller := s.archive.enterprise.caller()
	return r.UserUUID == caller.uuid ||
		slices.ContainsFunc(r.PartAttendeeInfo, func(a Attendee) bool { return a.Name == caller.name })
}

func (r *Record) contains(searchKey string) bool {
	return strings.Contains(r.Subject, searchKey) ||
		strings.Contains(r.SchedulerName, searchKey) ||
		strings.Contains(r.ConferenceID, searchKey)
}

// page returns one page of the records. Past the end it returns the last page
// again, as the sister endpoints of the API do.
func page(records []*Record, offset, limit int) []*Record {
	if len(records) == 0 {
		return nil
	}
	if offset >= len(records) {
		offset = (len(records) - 1) / limit * limit
	}
	return records[offset:min(offset+limit, len(records))]
}
