package collector_test

import (
	"fmt"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const tooFewRequests = "need more requests than are allowed"

// begun returns n records of meetings that began so long ago, and have ended
// and been listed since.
func begun(n int, ago time.Duration) []simulator.Record {
	records := make([]simulator.Record, n)
	start := time.Now().Add(-ago).Truncate(time.Minute)
	for i := range records {
		records[i] = simulator.Record{
			ConfUUID: fmt.Sprintf("%s after %d minutes", start, i), Subject: "secret plans", DeptName: "R&D",
			Start: start, End: start, ListedAt: start,
		}
	}
	return records
}

// few makes pages of 10 rows and few requests, and lists meetings of an hour
// ago and of two days ago.
func few(requests, young, old int) func(*options) {
	return func(o *options) {
		o.service.MeetingsPerDay = 0
		o.client.PageLimit, o.client.MaxRequestsPerMinute = 10, requests
		o.records = append(begun(young, time.Hour), begun(old, 48*time.Hour)...)
	}
}

func TestALimitTooLowForTheVolumeIsForetoldWithNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		requests, young, old    int
		interval, sweepInterval time.Duration
		want                    string // nothing if the limit will do
	}{
		// 40 rows take 5 pages: 10 rows, then 9 new ones in each.
		// A sweep of 35 pages has one tail less beside it in 30 minutes.
		"tails and sweeps, and none to spare": {requests: 6, young: 40, old: 270},
		"tails and sweeps, a page too many": {
			requests: 6, young: 40, old: 277,
			want: "needed_per_minute=7 allowed_per_minute=6 tail_requests=5 sweep_requests=36",
		},
		"tails alone are too many": {
			requests: 4, young: 40,
			want: "needed_per_minute=5 allowed_per_minute=4 tail_requests=5 sweep_requests=5",
		},
		"sweeps make it too many": {
			requests: 3, old: 900,
			want: "needed_per_minute=5 allowed_per_minute=3 tail_requests=1 sweep_requests=100",
		},
		"a longer interval helps":       {requests: 3, young: 40, interval: 2 * time.Minute},
		"a longer sweep interval helps": {requests: 3, old: 900, sweepInterval: time.Hour},
		"a shorter one does not": {
			requests: 5, young: 40, sweepInterval: 15 * time.Minute, old: 60,
			want: "needed_per_minute=6 allowed_per_minute=5 tail_requests=5 sweep_requests=11",
		},
		"a sweep at every interval, and no tails": {
			requests: 10, young: 40, old: 60, sweepInterval: time.Minute,
			want: "needed_per_minute=11 allowed_per_minute=10 tail_requests=5 sweep_requests=11",
		},
		"a sum that is whole but for its rounding": {
			requests: 62, young: 280, interval: 30 * time.Second, sweepInterval: 15 * time.Minute,
		},
		"no meetings": {requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(o *options) {
				few(c.requests, c.young, c.old)(o)
				if c.interval > 0 {
					o.poller.Interval = c.interval
				}
				if c.sweepInterval > 0 {
					o.poller.SweepInterval = c.sweepInterval
				}
			}, func(r *rig) {
				for !r.poller.Ready() {
					r.pass(time.Second)
				}
				r.wantValue(0, "polls_total", "tail")
				lines := r.log.lines("level=warn", tooFewRequests, c.want)
				if c.want == "" {
					if len(lines) != 0 {
						t.Errorf("told, though the limit will do: %s", lines)
					}
				} else if len(lines) != 1 {
					t.Errorf("not told as %q:\n%s", c.want, r.log.String())
				}
			})
		})
	}
}

func TestALimitTooLowIsToldOnceUntilItHasBeenFine(t *testing.T) {
	inBubble(t, few(4, 40, 0), func(r *rig) {
		wantTold := func(times int, when string) {
			t.Helper()
			if lines := r.log.lines("level=warn", tooFewRequests); len(lines) != times {
				t.Errorf("told %d times %s, want %d", len(lines), when, times)
			}
		}
		r.pass(2 * time.Hour)
		if sweeps, _ := r.value("polls_total", "sweep"); sweeps < 3 {
			t.Fatalf("only %v sweeps", sweeps)
		}
		wantTold(1, "by several sweeps")
		r.pass(2 * time.Hour) // out of the tail
		wantTold(1, "while fine")
		r.service.Add(begun(40, time.Hour)...)
		r.pass(time.Hour)
		wantTold(2, "with a new rush")
		if lines := r.log.lines("secret plans"); len(lines) != 0 {
			t.Errorf("the log holds what meetings are about: %s", lines)
		}
	})
}

// A sweep that catches up reads more than those that follow.
func TestCatchingUpAloneNeedsNoHigherLimit(t *testing.T) {
	const outage = 3 * 24 * time.Hour
	inBubble(t, func(o *options) {
		few(5, 0, 0)(o)
		for ago := 54 * time.Hour; ago > -outage-time.Hour; ago -= 10 * time.Minute {
			o.records = append(o.records, begun(1, ago)...)
		}
	}, func(r *rig) {
		r.pass(time.Hour)
		r.service.SetFault(simulator.HTML())
		r.pass(outage)
		r.service.SetFault(nil)
		before := r.service.Requests(simulator.PathHistory)
		r.pass(20 * time.Minute)
		r.wantValue(1, "up")
		// More than 5 a minute, if every sweep took as many.
		if n := r.service.Requests(simulator.PathHistory) - before; n < 80 {
			t.Fatalf("only %d requests to catch up", n)
		}
		if lines := r.log.lines("level=warn", tooFewRequests); len(lines) != 0 {
			t.Errorf("told: %s", lines)
		}
	})
}
