package fakeservice

import (
	"encoding/json"
	"fmt"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// Row is one row of history with all of its fields.
type Row struct {
	simulator.Record
	StartTime string `json:"startTime"`
	EndTime   string `json:"endTime"`
}

// FullPage is one page of history with all of its fields.
type FullPage struct {
	Data   []Row `json:"data"`
	Offset int   `json:"offset"`
	Limit  int   `json:"limit"`
	Count  int   `json:"count"`
}

// Now returns the instant at which Rows are listed. It never changes, so it is
// a clock for those who read them.
func Now() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// Rows returns the encoded Records of the 50 hours before Now.
func Rows(n int) [][]byte {
	records := Records(n, Now())
	rows := make([][]byte, n)
	for i := range records {
		rows[i] = Encode(&records[i])
	}
	return rows
}

// Records returns n records of an invented worldwide enterprise, from the 50
// hours before an instant, in the order of their starts.
func Records(n int, now time.Time) []simulator.Record {
	const (
		history        = 50 * time.Hour
		namedAttendees = 2
	)
	service := simulator.New(simulator.Config{
		Seed: 1, Worldwide: true, History: history, Now: func() time.Time { return now },
		MeetingsPerDay: max(n*24/45, 100), // more than enough
	})
	records := service.Records(now)[:n]
	for i := range records {
		// A row then takes 1.2 kB, about as much as the samples on the API page.
		attendees := &records[i].PartAttendeeInfo
		*attendees = (*attendees)[:min(len(*attendees), namedAttendees)]
	}
	return records
}

// Encode returns the JSON of a record's row. It panics if the record has Extra
// fields, which it does not encode.
func Encode(r *simulator.Record) []byte {
	if len(r.Extra) > 0 {
		panic("extra fields")
	}
	text, err := json.Marshal(Row{*r, wireTime(r.Start), wireTime(r.End)})
	if err != nil {
		panic(err)
	}
	return text
}

func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// Page returns the body of a page that holds some rows of a listing of count.
func Page[T []byte | string](rows []T, count int) []byte {
	body := []byte(`{"data":[`)
	for i, row := range rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, row...)
	}
	return fmt.Appendf(body, `],"offset":0,"limit":500,"count":%d}`, count)
}
