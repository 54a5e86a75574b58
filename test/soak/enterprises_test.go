package soak_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/test/stack"
)

// TestTwoEnterprises plays two enterprises that share a limiter, each with a
// service of its own. The service of the large one fails at random. The polls of
// the small one stay on time, and in the end both are counted exactly.
func TestTwoEnterprises(t *testing.T) {
	first := fromEnvironment(t, "FIRST_SEED", 1)
	for seed := first; seed < first+fromEnvironment(t, "SEEDS", 200)/40+1; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { runTwoEnterprises(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func runTwoEnterprises(t *testing.T, rng *rand.Rand) {
	perMinute := 20 + rng.IntN(40)
	limiter := client.NewLimiter(perMinute)
	var stopped atomic.Pointer[time.Time] // when the clock of the services was stopped
	now := func() time.Time {
		if at := stopped.Load(); at != nil {
			return *at
		}
		return time.Now()
	}
	stop := func() { stopped.Store(new(time.Now())) }
	stop() // the baseline is read while nothing changes
	started := func(meetingsPerDay, pageLimit int) *stack.Simulated {
		s := stack.NewSimulated(t, func(o *stack.Options) {
			o.Client.Limiter, o.Client.PageLimit = limiter, pageLimit
			o.Service.Seed, o.Service.MeetingsPerDay, o.Service.Worldwide, o.Service.Now = rng.Uint64(), meetingsPerDay, true, now
			o.Poller.Delay = between(rng, 0, o.Poller.Interval)
		})
		s.Run()
		return s
	}
	large, small := started(100+rng.IntN(400), 20), started(1+rng.IntN(50), 500)
	defer large.Stop()
	defer small.Stop()
	both := []*stack.Simulated{large, small}
	// pass lets both be scraped at every minute. A poll of the small enterprise
	// takes a sign-in and a page at most, and each waits for one of the large one.
	longest := 4 * time.Minute / time.Duration(perMinute)
	pass := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			large.Pass(time.Minute)
			for _, s := range both {
				s.Scrape()
			}
			status := small.Poller.Status()
			age := time.Since(status.Ended)
			if status.Ready && (!status.Up || status.Duration > longest || age > time.Minute+longest) {
				t.Fatalf("the last poll of the small enterprise took %v and ended %v ago; up: %v", status.Duration, age, status.Up)
			}
		}
	}
	pass(20 * time.Minute)
	for range 1 + rng.IntN(4) {
		stopped.Store(nil)
		names := slices.Sorted(maps.Keys(faults(0)))
		fault, rate := oneOf(rng, names...), rng.Float64()
		service := rand.New(rand.NewPCG(rng.Uint64(), 6)) // requests of one enterprise come one by one
		large.Service.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if f := faults(service.IntN(7))[fault]; f != nil && fault != emptyHistory && fault != gzipBomb && chance(service, rate) {
				f(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		})
		pass(between(rng, 10*time.Minute, 2*time.Hour))
	}
	stop()
	large.Service.SetFault(nil)
	pass(2 * time.Hour)
	for i, s := range both {
		if diff := cmp.Diff(s.Truth(), s.Sums(stack.Counters)); diff != "" {
			t.Errorf("counters of enterprise %d (-truth +got):\n%s", i, diff)
		}
	}
	if t.Failed() {
		t.Logf("the log of the large enterprise:\n%s", large.Log)
	}
}
