package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/bench"
	"huaweicloud_meeting_exporter/simulator"
)

const (
	loadDepartments = 250
	loadTypes       = 4
	loadSets        = loadDepartments * loadTypes
	// loadMeetings is how many meetings each poll reads: 201 pages.
	loadMeetings = 100_000
	// loadFresh is how many of them the poll before did not read, so that every
	// poll has something to count, to commit and to publish. They are remembered
	// beside the others, but all together take less than 1 MB.
	loadFresh = 20
	// loadSupply is enough for 500 polls. Those after them bring nothing new.
	loadSupply = 500 * loadFresh
)

// movingService lists as many meetings at all times: with each listing as many
// new ones come in as old ones fall out. Listings can be held back, so that no
// poll goes on.
type movingService struct {
	rows [][]byte

	mu    sync.Mutex
	first int           // of the rows that are listed
	begun int           // listings
	open  chan struct{} // closed while listings are not held back
	held  int           // requests that are held back
}

// newMovingService returns a service that holds back the second listing.
func newMovingService() *movingService {
	records := bench.Records(loadMeetings+loadSupply, time.Now())
	s := &movingService{rows: make([][]byte, len(records)), open: make(chan struct{})}
	for i := range records {
		r := &records[i]
		r.DeptName = fmt.Sprintf("Department %03d", i%loadDepartments)
		r.ConferenceType, r.Webinar = new(0), nil
		switch i / loadDepartments % loadTypes {
		case 0:
			r.ConfType = "IMMEDIATELY"
		case 1:
			r.ConfType = "FUTURE"
		case 2:
			r.ConfType, r.ConferenceType = "CYCLE", new(2)
		case 3:
			r.ConfType, r.Webinar = "FUTURE", new(true)
		}
		s.rows[i] = bench.Encode(r)
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *movingService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != simulator.PathHistory {
		bench.SignIn(w)
		return
	}
	offset, err := strconv.Atoi(r.FormValue("offset"))
	limit, err2 := strconv.Atoi(r.FormValue("limit"))
	if err != nil || err2 != nil || offset < 0 || offset >= loadMeetings || limit < 1 {
		http.Error(w, "no such page", http.StatusBadRequest)
		return
	}
	if offset == 0 && !s.begin(r) {
		return
	}
	s.mu.Lock()
	listed := s.rows[s.first : s.first+loadMeetings]
	s.mu.Unlock()
	bench.Send(w, bench.Page(listed[offset:min(offset+limit, loadMeetings)], loadMeetings))
}

// begin waits until a listing may be begun, and begins it; false means that
// nobody waits for it any more.
func (s *movingService) begin(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun > 0 {
		if !s.wait(r.Context()) {
			return false
		}
		s.first = min(s.first+loadFresh, len(s.rows)-loadMeetings)
	}
	s.begun++
	return true
}

// wait gives the lock away while listings are held back.
func (s *movingService) wait(ctx context.Context) bool {
	open := s.open
	select {
	case <-open:
		return true
	default:
	}
	s.held++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.held--
	}()
	select {
	case <-open:
		return true
	case <-ctx.Done():
		return false
	}
}

// letPollsGo lets listings be begun.
func (s *movingService) letPollsGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.open)
}

// holdPolls holds further listings back and waits until the one under way is
// read to its end and the next one is asked for.
func (s *movingService) holdPolls(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	s.open = make(chan struct{})
	s.mu.Unlock()
	s.awaitHeld(t)
}

func (s *movingService) awaitHeld(t *testing.T) {
	t.Helper()
	await(t, 2*slowest, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held == 0 {
			return "no poll has come that can be held back"
		}
		return ""
	})
}

// published is how many meetings were listed after the first listing.
func (s *movingService) published() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}
