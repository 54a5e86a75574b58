package client_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// A large listing and small ones share a limiter. Each small one waits for its
// turn, and not for the end of the large one.
func TestSharedLimiterIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute, small = 60, 5
		limiter := client.NewLimiter(perMinute)
		shared := func(_ *simulator.Config, cfg *client.Config) { cfg.Limiter = limiter }
		large := newSetup(t, shared, pageLimit(3))
		large.addRecords(300) // 150 pages, since pages overlap by a row
		var wg sync.WaitGroup
		wg.Go(func() { large.mustList(t) })
		time.Sleep(30 * time.Second)
		for range small {
			s := newSetup(t, shared)
			wg.Go(func() {
				began := time.Now()
				s.mustList(t) // a sign-in and a page
				if took, turn := time.Since(began), (small+1)*time.Minute/perMinute; took > 2*turn {
					t.Errorf("a small listing took %v, more than two turns of %v", took, turn)
				}
			})
		}
		wg.Wait()
		if took := time.Since(large.began); took < 2*time.Minute {
			t.Errorf("the large listing took only %v", took)
		}
	})
}

func TestSharedDemand(t *testing.T) {
	limiter := client.NewLimiter(20)
	shared := func(_ *simulator.Config, cfg *client.Config) { cfg.Limiter = limiter }
	one, other := newSetup(t, shared).client, newSetup(t, shared).client
	for _, step := range []struct {
		client       *client.Client
		demand, want int
	}{{one, 15, 15}, {other, 10, 25}, {one, 5, 15}} {
		if needed, allowed := step.client.Demand(step.demand); needed != step.want || allowed != 20 {
			t.Errorf("%d of %d needed, want %d of 20", needed, allowed, step.want)
		}
	}
}
