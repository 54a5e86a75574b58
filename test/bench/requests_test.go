//go:build !race

// The race detector makes this test ten times slower. The tests of poller and
// client run with it.

package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/test/stack"
)

// The defaults of the flags that bound requests and sweeps.
const (
	allowedPerMinute = 60
	burst            = 5
	wholeWindow      = 54 * time.Hour // with the longest meeting
)

// setting is a volume of meetings, and the flags with which it is polled.
type setting struct {
	perDay                        int
	flags                         string // those that differ from the defaults
	interval, tail, sweepInterval time.Duration
}

func defaultsAt(perDay int) setting {
	return setting{perDay, "defaults", time.Minute, 4 * time.Hour, 30 * time.Minute}
}

// cost is what a setting costs after the first sweep: the tails that follow it,
// and the next sweep.
type cost struct {
	requests    int
	cycle       time.Duration // from one sweep to the next
	inAnyMinute int           // most requests in any minute
	sweep       time.Duration // duration of a sweep
	longestGap  time.Duration // longest time between the ends of two polls
	skipped     int           // tails that were skipped although no sweep ran
	warned      bool          // the exporter logged a warning
}

func (c cost) perHour() float64 { return float64(c.requests) / c.cycle.Hours() }

func TestRequestsTable(t *testing.T) {
	moreOften, lessOften := defaultsAt(100), defaultsAt(100_000)
	moreOften.flags, moreOften.interval = "`--history.interval=30s`", 30*time.Second
	lessOften.flags = "`--history.interval=2m --history.tail=2h --history.sweep-interval=1h`"
	lessOften.interval, lessOften.tail, lessOften.sweepInterval = 2*time.Minute, 2*time.Hour, time.Hour

	settings := []setting{defaultsAt(100), moreOften, defaultsAt(2000), defaultsAt(20_000), defaultsAt(100_000), lessOften}
	costs := make([]cost, len(settings))
	t.Run("measure", func(t *testing.T) {
		for i, s := range settings {
			t.Run(fmt.Sprintf("%d a day, every %s", s.perDay, s.interval), func(t *testing.T) {
				t.Parallel()
				c := measure(t, s)
				if c.warned || c.skipped > 0 || c.perHour() >= 60*allowedPerMinute || c.inAnyMinute > allowedPerMinute+burst {
					t.Errorf("the limit is too low or not kept: %+v", c)
				}
				costs[i] = c
			})
		}
	})
	if t.Failed() {
		return
	}
	var text strings.Builder
	text.WriteString("| Meetings a day | Flags | Requests an hour | The whole window at every poll | Most in any minute | A sweep takes | Longest between two polls |\n" +
		"|---:|---|---:|---:|---:|---:|---:|\n")
	for i, s := range settings {
		c := costs[i]
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %d | %s | %s |\n", grouped(s.perDay), s.flags, grouped(int(c.perHour()+0.5)),
			wholeWindowCost(s), c.inAnyMinute, seconds(c.sweep), seconds(c.longestGap))
	}
	fmt.Fprintf(&text, `
- **100 meetings a day:** the defaults leave room. `+"`--history.interval=30s`"+` shows meetings sooner, for twice as many requests.
- **2,000:** keep the defaults. A tail is %d page, and no flag makes it less.
- **20,000:** keep the defaults. A sweep takes longer than the interval, so that the tail that falls due meanwhile is skipped.
- **100,000:** the defaults are enough if meetings are spread evenly, but leave little room. If they all fall into ten hours of
  the day, a tail of 4 hours is %d pages, which do not fit into a minute; polls are skipped, and the exporter warns. Set the
  flags of the last line: a tail is %d pages then, for which there are two minutes. In return meetings show a minute later, and
  those of more than two hours may show with the next sweep only. Where the service allows more requests, a higher
  `+"`--huaweicloud.max-requests-per-minute`"+` makes sweeps shorter.
`, pages(2000/6), pages(100_000*4/10), pages(100_000*2/10))
	wantSection(t, "requests", text.String())
}

// wholeWindowCost returns the requests per hour if every poll read the whole
// window.
func wholeWindowCost(s setting) string {
	each := pages(s.perDay * int(wholeWindow/time.Hour) / 24)
	text := grouped(each * int(time.Hour/s.interval))
	if float64(each) > allowedPerMinute*s.interval.Minutes() {
		text += ", over the limit"
	}
	return text
}

// pages returns how many requests it takes to read the rows: 500 in the first
// page, and 499 in each further page, which begins with the last row of the page
// before it.
func pages(rows int) int { return 1 + (max(rows-500, 0)+498)/499 }

// grouped formats a number below a million with a comma.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// measure polls up to the end of the second sweep.
func measure(t *testing.T, s setting) (c cost) {
	synctest.Test(t, func(t *testing.T) {
		service := &evenService{distance: 24 * time.Hour / time.Duration(s.perDay), tail: s.tail}
		transport, stopService := service.serve()
		defer stopService()
		cfg := stack.Defaults(transport)
		cfg.SetInterval(s.interval)
		cfg.Poller.SweepInterval, cfg.Poller.Tail = s.sweepInterval, s.tail
		logged := &stack.Log{}
		cfg.Poller.Logger = level.NewFilter(log.NewLogfmtLogger(logged), level.AllowWarn())
		exporter, err := stack.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		polls := pollTwoSweeps(t, exporter.Poller, s.interval)
		if err := exporter.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(service.sweeps) != 2 {
			t.Fatalf("%d sweeps were requested", len(service.sweeps))
		}
		c = costOf(s, service, polls)
		c.warned = logged.String() != ""
	})
	return c
}

// pollEnds holds the times at which polls ended.
type pollEnds struct{ all, sweeps []time.Time }

// pollTwoSweeps polls at the times at which Poller.Run does.
func pollTwoSweeps(t *testing.T, p *poller.Poller, interval time.Duration) (ends pollEnds) {
	for due := time.Now(); ; {
		r, err := p.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends.all = append(ends.all, time.Now())
		if r.Kind == poller.Sweep {
			ends.sweeps = append(ends.sweeps, time.Now())
		}
		if len(ends.sweeps) == 2 {
			return ends
		}
		due = due.Add(interval * (time.Since(due)/interval + 1))
		time.Sleep(time.Until(due))
	}
}

func costOf(s setting, service *evenService, ends pollEnds) cost {
	requests := slices.DeleteFunc(service.requests, func(at time.Time) bool { return !at.After(ends.sweeps[0]) })
	c := cost{
		requests: len(requests),
		cycle:    service.sweeps[1].Sub(service.sweeps[0]).Round(time.Second), // a sign-in came before the first one
		sweep:    ends.sweeps[1].Sub(service.sweeps[1]),
	}
	oldest := 0
	for i, at := range requests {
		for at.Sub(requests[oldest]) >= time.Minute {
			oldest++
		}
		c.inAnyMinute = max(c.inAnyMinute, i-oldest+1)
	}
	for i, at := range ends.all[1:] {
		c.longestGap = max(c.longestGap, at.Sub(ends.all[i]))
	}
	betweenSweeps := service.sweeps[1].Sub(ends.sweeps[0])
	c.skipped = int(betweenSweeps/s.interval) - (len(ends.all) - 2)
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }
