package collector_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestCountersAndGaugesEqualTheTruthOverDays(t *testing.T) {
	const interval = 5 * time.Minute
	inBubble(t, func(o *options) { o.poller.Interval, o.ledger.Hold = interval, interval }, func(r *rig) {
		for range 30 {
			for range 12 {
				r.pass(interval)
				r.scrape()
			}
			if diff := cmp.Diff(r.service.Window(time.Now(), 24*time.Hour), r.totals(gauges)); diff != "" {
				t.Fatalf("gauges at %s (-truth +got):\n%s", time.Now(), diff)
			}
			// A label set may be held for two turns when it is new.
			for range 3 {
				if cmp.Equal(r.truth(), r.totals(counters)) {
					break
				}
				r.pass(interval)
			}
			if diff := cmp.Diff(r.truth(), r.totals(counters)); diff != "" {
				t.Fatalf("counters at %s (-truth +got):\n%s", time.Now(), diff)
			}
		}
	})
}

func TestADueSweepWinsAndTailsRunBetween(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for _, want := range []struct {
			pass        time.Duration
			sweep, tail float64
		}{{0, 1, 0}, {29 * time.Minute, 1, 29}, {time.Minute, 2, 29}, {time.Hour, 4, 87}} {
			r.pass(want.pass)
			r.wantValue(want.sweep, "polls_total", "sweep")
			r.wantValue(want.tail, "polls_total", "tail")
		}
	})
}

func TestAFailedSweepStaysDue(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.service.SetFault(simulator.HTML())
		r.pass(45 * time.Minute)
		r.wantValue(1+16, "polls_total", "sweep")
		r.service.SetFault(nil)
		r.pass(2 * time.Minute)
		r.wantValue(1+17, "polls_total", "sweep")
	})
}

func TestPollsThatFallDueDuringAPollAreSkipped(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.service.SetFault(func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			time.Sleep(25 * time.Second) // for each of several pages
			next.ServeHTTP(w, req)
		})
		r.pass(30 * time.Minute)
		r.service.SetFault(nil)
		began := r.service.Requests(simulator.PathHistory)
		r.pass(3 * time.Minute)
		if polls := r.service.Requests(simulator.PathHistory) - began; polls > 4 {
			t.Errorf("%d requests in three minutes: skipped polls were made up for", polls)
		}
	})
}

func TestEveryFailureIsToldByItsReasonAndPassesByItself(t *testing.T) {
	for name, c := range map[string]struct {
		fault  simulator.Fault
		reason string
	}{
		"auth":       {simulator.On(simulator.PathHistory, simulator.Answer(http.StatusUnauthorized, "MMC.111070111", "no token")), "auth"},
		"permission": {simulator.On(simulator.PathHistory, simulator.Answer(http.StatusForbidden, "MMC.111070002", "no")), "permission"},
		"throttled":  {simulator.Throttled(), "throttled"},
		"server":     {simulator.Answer(http.StatusBadGateway, "", ""), "server"},
		"hang":       {simulator.Hang(), "network"},
		"cut":        {simulator.Cut(), "network"},
		"broken off": {simulator.CutBody(), "network"},
		"HTML":       {simulator.HTML(), "response"},
		"no data":    {simulator.NoData(), "response"},
		"redirect":   {simulator.Redirect("/elsewhere"), "response"},
		"incomplete": {simulator.Body(http.StatusOK, "application/json", `{"data":[],"count":3}`), "incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, nil, func(r *rig) {
				r.pass(time.Minute)
				r.wantValue(1, "up")
				meetings := r.totals(counters)
				r.service.SetFault(c.fault)
				r.pass(5 * time.Minute)

				r.wantValue(0, "up")
				if n, _ := r.value("poll_failures_total", c.reason); n == 0 {
					t.Errorf("no failure with reason %s", c.reason)
				}
				if diff := cmp.Diff(meetings, r.totals(counters)); diff != "" {
					t.Errorf("counters moved (-before +after):\n%s", diff)
				}
				success, _ := r.value("last_success_timestamp_seconds")
				last, _ := r.value("last_poll_timestamp_seconds")
				if success >= last {
					t.Errorf("last success %v is not before the last poll %v", success, last)
				}
				polls, _ := r.value("poll_failures_total", c.reason)
				if lines := r.log.lines("level=error", "reason="+c.reason); len(lines) != int(polls) {
					t.Errorf("%d log lines for %v failures:\n%s", len(lines), polls, lines)
				}

				r.service.SetFault(nil)
				r.pass(20 * time.Minute) // sign-ins may be held back for 15
				r.wantValue(1, "up")
				if lines := r.log.lines("succeeded again"); len(lines) != 1 {
					t.Errorf("recovery was told %d times", len(lines))
				}
				r.scrape()
				r.pass(2 * time.Minute)
				if diff := cmp.Diff(r.truth(), r.totals(counters)); diff != "" {
					t.Errorf("counters after the recovery (-truth +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAPanicInsideAPollIsAnInternalFailureAndPollingGoesOn(t *testing.T) {
	var panics atomic.Bool
	inBubble(t, func(o *options) {
		o.client.Observe = func(client.Exchange) {
			if panics.Load() {
				panic("out of paper")
			}
		}
	}, func(r *rig) {
		panics.Store(true)
		r.pass(time.Minute)
		r.wantValue(1, "poll_failures_total", "internal")
		if lines := r.log.lines("level=error", "out of paper", "poller_test.go"); len(lines) != 1 {
			t.Errorf("the panic and its stack stand in %d lines:\n%s", len(lines), r.log.String())
		}
		panics.Store(false)
		r.pass(time.Minute)
		r.wantValue(1, "up")
	})
}

func TestReadyOnlyAfterTheFirstCompleteSweep(t *testing.T) {
	inBubble(t, func(o *options) { o.fault = simulator.HTML() }, func(r *rig) {
		if r.poller.Ready() {
			t.Error("ready without a sweep")
		}
		r.wantValue(0, "up")
		r.wantNone("last_success_timestamp_seconds")
		r.wantNone("newest_meeting_end_timestamp_seconds")
		r.wantNone("token_expiry_timestamp_seconds")
		if got := r.totals(gauges); len(got) != 0 {
			t.Errorf("gauges without a sweep: %v", got)
		}
		r.service.SetFault(nil)
		r.pass(20 * time.Minute)
		if !r.poller.Ready() {
			t.Error("not ready after a sweep")
		}
	})
}

func TestStoppingInterruptsAPollThatHangs(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.service.SetFault(simulator.On(simulator.PathHistory, simulator.Hang()))
		r.pass(time.Minute + time.Second)
		failures := r.log.lines("level=error")
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %s", took)
		}
		if lines := r.log.lines("level=error"); !slices.Equal(lines, failures) {
			t.Errorf("stopping was told as a failure: %s", lines)
		}
		if n := r.service.LiveTokens(); n != 0 {
			t.Errorf("%d tokens are left", n)
		}
		r.stop = func() {}
	})
}

func TestAUserWhoSeesOnlyTheirOwnMeetingsIsToldOnce(t *testing.T) {
	inBubble(t, func(o *options) { o.service.Admin = simulator.User }, func(r *rig) {
		r.pass(time.Hour)
		if lines := r.log.lines("level=warn", "not an administrator"); len(lines) != 1 {
			t.Errorf("told %d times", len(lines))
		}
	})
}

func TestRecordsLeftOutAreToldOfTheLastSweep(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		end := time.Now().Add(-time.Hour)
		r.service.Add(
			simulator.Record{Start: end, End: end, ListedAt: end},
			simulator.Record{ConfUUID: "order", Start: end, End: end.Add(-time.Hour), ListedAt: end},
			simulator.Record{ConfUUID: "time", Start: end.Add(-40 * 24 * time.Hour), End: end, ListedAt: end},
			simulator.Record{ConfUUID: "number", Start: end, End: end, ListedAt: end, NormalCount: new(-1), TerminalCount: new(2_000_000)},
		)
		r.pass(time.Minute)
		r.wantValue(0, "invalid_records", "uuid") // a tail tells nothing
		r.pass(29 * time.Minute)
		r.wantValue(1, "invalid_records", "uuid")
		r.wantValue(1, "invalid_records", "order")
		r.wantValue(0, "invalid_records", "time") // it starts before what a sweep reads
		r.wantValue(2, "invalid_records", "number")
		r.wantValue(1, "up")
	})
}

func TestAnOutageIsCaughtUpAndWhatIsBeyondIsNamed(t *testing.T) {
	inBubble(t, func(o *options) { o.poller.Interval, o.service.MeetingsPerDay = 20*time.Minute, 50 }, func(r *rig) {
		r.pass(time.Hour)
		r.service.SetFault(simulator.HTML())
		r.pass(6 * 24 * time.Hour)
		r.service.SetFault(nil)
		r.pass(20 * time.Minute)
		r.scrape()
		r.pass(20 * time.Minute)
		if diff := cmp.Diff(r.truth(), r.totals(counters)); diff != "" {
			t.Errorf("counters after six days (-truth +got):\n%s", diff)
		}
		if lines := r.log.lines("gap"); len(lines) != 0 {
			t.Errorf("a gap was told: %s", lines)
		}
		r.service.SetFault(simulator.HTML())
		r.pass(8 * 24 * time.Hour)
		if lines := r.log.lines("level=error", "gap", "from=2026-03-0", "to=2026-03-0"); len(lines) == 0 {
			t.Error("the gap was not told")
		}
	})
}

func TestAClientThatIsThrottledNeverAsksFasterThanAllowed(t *testing.T) {
	inBubble(t, func(o *options) {
		o.service.RateLimit = 70
		o.service.MeetingsPerDay = 800
		o.client.PageLimit = 10
	}, func(r *rig) {
		r.pass(35 * time.Minute)
		r.wantValue(0, "poll_failures_total", "throttled")
		r.wantValue(1, "up")
	})
}
