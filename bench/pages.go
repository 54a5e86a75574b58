// Package bench measures the exporter as a whole: sweeps over loopback HTTP,
// and scrapes. What one package does alone is measured beside it. Every
// benchmark stands beside a baseline in the same run, for only their ratio
// means something on a machine that is shared.
package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// Now is when the pages were read.
var Now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// Rows returns n rows of history of an invented worldwide enterprise, with
// all fields of the API, in the order of their starts.
func Rows(n int) [][]byte {
	records := Records(n, Now)
	rows := make([][]byte, n)
	for i := range records {
		rows[i] = Encode(&records[i])
	}
	return rows
}

// Records returns n records of the 50 hours before an instant, in the order
// of their starts.
func Records(n int, now time.Time) []simulator.Record {
	const (
		history        = 50 * time.Hour
		namedAttendees = 2
	)
	service := simulator.New(simulator.Config{
		Seed: 1, Worldwide: true, History: history, Now: func() time.Time { return now },
		MeetingsPerDay: n * 24 / 45, // more than enough
	})
	records := service.Records(now)[:n]
	for i := range records {
		// So that a row takes 1.2 kB, about what the samples of the API take.
		attendees := &records[i].PartAttendeeInfo
		*attendees = (*attendees)[:min(len(*attendees), namedAttendees)]
	}
	return records
}

// Encode returns the row of a record.
func Encode(r *simulator.Record) []byte {
	text, err := json.Marshal(Row{*r, wireTime(r.Start), wireTime(r.End)})
	if err != nil {
		panic(err)
	}
	return text
}

func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// Page is the answer that holds some rows out of a listing of count.
func Page(rows [][]byte, count int) []byte {
	body := []byte(`{"data":[`)
	for i, row := range rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, row...)
	}
	return fmt.Appendf(body, `],"offset":0,"limit":500,"count":%d}`, count)
}

// Service answers with pages that were made before, by their offset, to whoever
// reads them as the exporter does: each begins with the last row of the one before.
type Service struct {
	Offsets []int
	pages   map[int][]byte
}

// NewService returns a service of a listing.
func NewService(rows [][]byte) *Service {
	const limit = 500
	s := &Service{pages: map[int][]byte{}}
	for offset := 0; ; offset += limit - 1 {
		end := min(offset+limit, len(rows))
		s.Offsets = append(s.Offsets, offset)
		s.pages[offset] = Page(rows[offset:end], len(rows))
		if end == len(rows) {
			return s
		}
	}
}

// Bodies returns all pages in their order.
func (s *Service) Bodies() [][]byte {
	bodies := make([][]byte, len(s.Offsets))
	for i, offset := range s.Offsets {
		bodies[i] = s.pages[offset]
	}
	return bodies
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != simulator.PathHistory {
		SignIn(w)
		return
	}
	offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
	page, ok := s.pages[offset]
	if err != nil || !ok {
		http.Error(w, "no such page", http.StatusBadRequest)
		return
	}
	Send(w, page)
}

// SignIn answers a sign-in.
func SignIn(w http.ResponseWriter) {
	_, _ = fmt.Fprint(w, `{"accessToken":"token","validPeriod":86400,"user":{"adminType":0}}`)
}

// Send answers with a page.
func Send(w http.ResponseWriter, page []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	_, _ = w.Write(page)
}

// Row is a whole row, read with all of its fields.
type Row struct {
	simulator.Record
	StartTime string `json:"startTime"`
	EndTime   string `json:"endTime"`
}

// FullPage is a whole page, read with all of its fields.
type FullPage struct {
	Data   []Row `json:"data"`
	Offset int   `json:"offset"`
	Limit  int   `json:"limit"`
	Count  int   `json:"count"`
}
