package fakeservice_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/fakeservice"
)

func newClient(t *testing.T, service http.Handler) *client.Client {
	t.Helper()
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{
		Endpoint: server.URL, Account: "account", Secret: func() (string, error) { return "", nil },
		Timeout: time.Minute, MaxRequestsPerMinute: 1e9, MaxAttempts: 1, Now: fakeservice.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClientReadsAllRows(t *testing.T) {
	for _, n := range []int{0, 1, 500, 501, 999, 1500} {
		service := fakeservice.NewService(fakeservice.Rows(n))
		c := newClient(t, service)
		listing, err := c.History(t.Context(), fakeservice.Now().Add(-50*time.Hour), fakeservice.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(listing.Meetings) != n || len(listing.Defects) != 0 || listing.Pages != len(service.Offsets) || len(service.Bodies()) != len(service.Offsets) {
			t.Errorf("%d meetings, defects %v and %d pages of %d rows on %d pages",
				len(listing.Meetings), listing.Defects, listing.Pages, n, len(service.Offsets))
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestNoSuchPageIsBadRequest(t *testing.T) {
	c := newClient(t, fakeservice.Handler(func(*http.Request) []byte { return nil }))
	_, err := c.FirstPage(t.Context(), fakeservice.Now(), fakeservice.Now())
	if reason, _ := client.ReasonOf(err); reason != client.Response {
		t.Errorf("%v", err)
	}
}

// A row has the fields and values of the simulator's row of the record.
func TestRowsAreTheSimulators(t *testing.T) {
	records := fakeservice.Records(19, fakeservice.Now())
	service := simulator.New(simulator.Config{Account: "account", Now: fakeservice.Now, Start: fakeservice.Now().AddDate(0, 0, -8)})
	rows := make([][]byte, len(records))
	for i := range records {
		records[i].RecordingAt = time.Time{} // which only the simulator considers
		service.Add(records[i])
		rows[i] = fakeservice.Encode(&records[i])
	}
	var got, want map[string]any
	if err := json.Unmarshal(fakeservice.Page(rows, len(rows)), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(pageOf(t, service), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got["data"], want["data"]) || len(rows) != 19 {
		t.Errorf("got  %v\nwant %v", got["data"], want["data"])
	}
}

// pageOf requests the first page of a service.
func pageOf(t *testing.T, service http.Handler) []byte {
	t.Helper()
	var body []byte
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept-Encoding")
		recorder := httptest.NewRecorder()
		service.ServeHTTP(recorder, r)
		body = recorder.Body.Bytes()
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(body)
	}))
	if _, err := c.FirstPage(t.Context(), fakeservice.Now().AddDate(0, 0, -7), fakeservice.Now()); err != nil {
		t.Fatal(err)
	}
	return body
}
