// Package fakeservice is a stand-in for the Huawei Cloud Meeting service that
// sends prepared pages. It costs little CPU, so it suits measurements, and it
// can send what no service should, so it suits tests of the client's paging.
// Package simulator is the stand-in that behaves like the service.
package fakeservice

import (
	"fmt"
	"net/http"
	"strconv"

	"huaweicloud_meeting_exporter/simulator"
)

// pageLimit is the largest page of history (API page: limit).
const pageLimit = 500

// Service sends the pages of one listing to a client that begins each page with
// the last row of the page before it, and that asks for another page after a
// full one. It may be used concurrently.
type Service struct {
	// Offsets are the record indices at which the pages begin, in order.
	Offsets []int
	pages   map[int][]byte
	handler http.Handler
}

// NewService returns a service that lists rows in pages of 500.
func NewService(rows [][]byte) *Service {
	s := &Service{pages: map[int][]byte{}}
	s.handler = Handler(func(r *http.Request) []byte { return s.pages[int(Number(r, "offset"))] })
	for offset := 0; ; offset += pageLimit - 1 {
		end := min(offset+pageLimit, len(rows))
		s.Offsets = append(s.Offsets, offset)
		s.pages[offset] = Page(rows[offset:end], len(rows))
		if end-offset < pageLimit {
			return s
		}
	}
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Bodies returns the bodies of all pages in order.
func (s *Service) Bodies() [][]byte {
	bodies := make([][]byte, len(s.Offsets))
	for i, offset := range s.Offsets {
		bodies[i] = s.pages[offset]
	}
	return bodies
}

// Handler returns a service that lets anybody sign in and out, and sends the
// body that page returns for a request for history, or a 400 if that is nil.
func Handler(page func(r *http.Request) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := []byte(`{"accessToken":"token","validPeriod":86400,"user":{"adminType":0}}`)
		if r.URL.Path == simulator.PathHistory {
			if body = page(r); body == nil {
				http.Error(w, "no such page", http.StatusBadRequest)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

// Number returns a number of a request's query, such as offset, limit or
// startDate. It panics if there is none, because the client always sends it.
func Number(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("query %s: %v", r.URL.RawQuery, err))
	}
	return n
}
