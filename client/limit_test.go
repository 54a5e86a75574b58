package client_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// inRate tells whether requests kept to a rate and a burst in any stretch.
func inRate(t *testing.T, times []time.Time, perMinute, burst int) {
	t.Helper()
	for i := range times {
		for j := i; j < len(times); j++ {
			if n := j - i + 1; float64(n) > float64(perMinute)*times[j].Sub(times[i]).Minutes()+float64(burst)+1e-6 {
				t.Fatalf("%d requests in %v, with %d a minute and a burst of %d", n, times[j].Sub(times[i]), perMinute, burst)
			}
		}
	}
}

// allArrivals returns when requests came, for whatever path.
func (s *site) allArrivals() []time.Time {
	var times []time.Time
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		times = append(times, r.at)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

func slowly(_ *simulator.Config, cfg *client.Config) { cfg.MaxRequestsPerMinute = 30 }

func TestRequestsKeepToTheRateRetriesIncluded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slowly, pageLimit(4))
		s.addRecords(10)
		// Each page fails twice, and every 50th request finds the token dead.
		requests := 0
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			s.mu.Lock()
			requests++
			n := requests
			s.mu.Unlock()
			switch {
			case n%50 == 0:
				s.RevokeTokens()
				next.ServeHTTP(w, r)
			case n%3 != 0:
				simulator.Answer(503, "MMC.1", "")(w, r, next)
			default:
				next.ServeHTTP(w, r)
			}
		}))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					_, _ = s.poll(t.Context())
					time.Sleep(20 * time.Second) // lets the burst fill up again
				}
			})
		}
		wg.Wait()
		times := s.allArrivals()
		inRate(t, times, 30, 5)
		if len(times) < 100 {
			t.Errorf("only %d requests", len(times))
		}
	})
}

func TestAnIdleClientMayAskFiveTimesAtOnceAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slowly, pageLimit(3))
		s.addRecords(21) // 10 pages
		s.mustPoll(t)
		want := []time.Duration{0, 0, 0, 0} // a sign-in and four pages
		for range 6 {
			want = append(want, 2*time.Second)
		}
		if got := gaps(s.allArrivals()); !slices.Equal(got, want) {
			t.Errorf("requests after %v, want %v", got, want)
		}
	})
}

// A poll may take as long as its pages need at the limit, be the wait for one
// request longer than the time that the request itself may take.
func TestWaitingForTheLimiterIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, pageLimit(3), func(_ *simulator.Config, cfg *client.Config) { cfg.MaxRequestsPerMinute = 1 })
		s.addRecords(21) // 10 pages, of which four need not wait
		s.mustPoll(t)
		if took := time.Since(s.began); took != 6*time.Minute {
			t.Errorf("took %v, want 6m", took)
		}
	})
}

// net/http repeats a request by itself where a connection that was used
// before is cut without an answer. The service counts that request, too.
func TestTheLimiterCountsWhatTheTransportRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slowly)
		s.mustPoll(t)
		time.Sleep(time.Minute)
		requests := 0
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if requests++; requests%2 == 1 {
				simulator.Cut()(w, r, next)
			}
			next.ServeHTTP(w, r)
		}))
		began := len(s.allArrivals())
		for range 20 {
			s.mustPoll(t)
		}
		inRate(t, s.allArrivals()[began:], 30, 5)
	})
}
