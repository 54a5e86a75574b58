package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// online lists the running meetings (API page: list online meetings).
func (s *Service) online(w http.ResponseWriter, r *http.Request) {
	tok, ok := s.holder(w, r)
	v, now := *s.variant.Load(), s.cfg.Now()
	if !ok || v.Access.refuses(w) {
		return
	}
	p := parameters{values: r.URL.Query()}
	offset, limit := int(p.optionalInteger("offset", 0, 0)), int(p.optionalInteger("limit", 1, defaultLimit))
	queryAll, searchKey := p.boolean("queryAll"), p.values.Get("searchKey")
	if p.err != nil {
		writeError(w, http.StatusBadRequest, "MMC.111070001", p.err.Error())
		return
	}
	caller, adminType := s.signedIn(tok)
	all := queryAll && adminType != ordinaryUser
	e := s.archive.enterprise
	records := slices.DeleteFunc(s.running(now), func(r *Record) bool {
		return !all && !e.involves(caller, r) || !r.contains(searchKey)
	})
	writePage(w, v, records, s.cfg.MaxLimit, offset, limit, func(r *Record) ([]byte, error) {
		return r.encodeRunning(v, e.peopleIn(r, now))
	})
}

// running returns the meetings that run at an instant, by start.
func (s *Service) running(at time.Time) []*Record {
	records := slices.DeleteFunc(s.archive.endingBetween(at, at.Add(maxLength), at), func(r *Record) bool { return !r.isRunning(at) })
	slices.SortStableFunc(records, byStart)
	return records
}

// Running returns copies of the records of the meetings that run at an instant,
// by start, and how many people are in each.
func (s *Service) Running(at time.Time) (records []Record, people []int) {
	for _, r := range s.running(at) {
		records = append(records, *r.clone())
		people = append(people, s.archive.enterprise.peopleIn(r, at))
	}
	return records, people
}

// encodeRunning returns the row of a running meeting as JSON. It shows the
// planned end, and more secrets than the row of an ended one.
func (r *Record) encodeRunning(v Variant, people int) ([]byte, error) {
	row := struct {
		*Record
		StartTime            any             `json:"startTime"`
		EndTime              any             `json:"endTime"`
		ConferenceState      string          `json:"conferenceState"`
		IsHasRecordFile      bool            `json:"isHasRecordFile"`
		PasswordEntry        []PasswordEntry `json:"passwordEntry"`
		ChairJoinURI         string          `json:"chairJoinUri"`
		OnlineAttendeeAmount *int            `json:"onlineAttendeeAmount,omitempty"`
	}{
		Record:          r,
		StartTime:       v.Time.encode(r.Start),
		EndTime:         v.Time.encode(r.plannedEnd()),
		ConferenceState: "Created",
		PasswordEntry:   append([]PasswordEntry{{ConferenceRole: "chair", Password: fmt.Sprintf("%06d", hash(r.ConfUUID)%1e6)}}, r.PasswordEntry...),
		ChairJoinURI:    r.GuestJoinURI + "/chair",
	}
	if v.OnlineCount.shows(r) {
		row.OnlineAttendeeAmount = &people
	}
	return marshalRow(row, r.Extra)
}

// shows reports whether the row of a running meeting says how many people are in.
func (f OnlineCountForm) shows(r *Record) bool {
	return f == OnlineCountAlways || f == OnlineCountSometimes && hash(r.ConfUUID)%2 == 0
}

// refuses responds to a request that this form of access refuses, and reports
// whether it did.
func (f AccessForm) refuses(w http.ResponseWriter) bool {
	switch f {
	case AccessForbidden:
		writeError(w, http.StatusForbidden, "MMC.111070002", "No permission")
	case AccessUnknown:
		writeNotFound(w)
	default:
		return false
	}
	return true
}
