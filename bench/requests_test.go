//go:build !race

// The race detector makes this test, which is one long computation, ten times
// slower. The tests of collector and client run under it.

package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
)

// The defaults of the flags that bound requests and sweeps.
const (
	allowedPerMinute = 60
	burst            = 5
	wholeWindow      = 54 * time.Hour // with the longest meeting
)

// setting is a volume of meetings, and the flags that it is polled with.
type setting struct {
	perDay                        int
	flags                         string // those that are not at their defaults
	interval, tail, sweepInterval time.Duration
}

func defaultsAt(perDay int) setting {
	return setting{perDay, "defaults", time.Minute, 4 * time.Hour, 30 * time.Minute}
}

// cost is what a setting costs once the first sweep is done: all tails that
// follow it, and the next sweep.
type cost struct {
	requests    int
	cycle       time.Duration // from one sweep to the next
	inAnyMinute int           // the most requests
	sweep       time.Duration // how long one takes
	silence     time.Duration // the longest from the end of a poll to the end of the next
	skipped     int           // tails, though no sweep was under way
	warned      bool          // that the limit is too low
}

func (c cost) perHour() float64 { return float64(c.requests) / c.cycle.Hours() }

func TestTheTableOfRequestsIsTrue(t *testing.T) {
	moreOften, muchRarer := defaultsAt(100), defaultsAt(100_000)
	moreOften.flags, moreOften.interval = "`--history.interval=30s`", 30*time.Second
	muchRarer.flags = "`--history.interval=2m --history.tail=2h --history.sweep-interval=1h`"
	muchRarer.interval, muchRarer.tail, muchRarer.sweepInterval = 2*time.Minute, 2*time.Hour, time.Hour

	settings := []setting{defaultsAt(100), moreOften, defaultsAt(2000), defaultsAt(20_000), defaultsAt(100_000), muchRarer}
	costs := make([]cost, len(settings))
	t.Run("measure", func(t *testing.T) {
		for i, s := range settings {
			t.Run(fmt.Sprintf("%d a day, every %s", s.perDay, s.interval), func(t *testing.T) {
				t.Parallel()
				c := measure(t, s)
				if c.warned || c.skipped > 0 || c.perHour() >= 60*allowedPerMinute || c.inAnyMinute > allowedPerMinute+burst {
					t.Errorf("the limit is too low, or is not kept: %+v", c)
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
			everything(s), c.inAnyMinute, seconds(c.sweep), seconds(c.silence))
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

// everything is what it costs to read the whole window at every poll.
func everything(s setting) string {
	each := pages(s.perDay * int(wholeWindow/time.Hour) / 24)
	text := grouped(each * int(time.Hour/s.interval))
	if float64(each) > allowedPerMinute*s.interval.Minutes() {
		text += ", over the limit"
	}
	return text
}

// pages is how many requests it takes to read so many rows: 500 in the first
// page and 499 in each after it, which begins with the last row of the one
// before.
func pages(rows int) int { return 1 + (max(rows-500, 0)+498)/499 }

// grouped writes thousands apart, for numbers below a million.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// measure runs a poller up to the end of its second sweep.
func measure(t *testing.T, s setting) (c cost) {
	synctest.Test(t, func(t *testing.T) {
		service := &evenly{distance: 24 * time.Hour / time.Duration(s.perDay), tail: s.tail}
		transport, stopService := service.serve()
		defer stopService()
		history, err := client.New(client.Config{
			Endpoint: "http://service", Account: "account", Secret: func() (string, error) { return "", nil }, Transport: transport,
			Timeout: 30 * time.Second, MaxRequestsPerMinute: allowedPerMinute, SignInInterval: s.interval,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cfg := ledgerConfig()
		cfg.Hold = s.interval
		listener := &pollListener{stop: stop}
		poller := collector.NewPoller(collector.PollerConfig{
			Interval: s.interval, SweepInterval: s.sweepInterval, Tail: s.tail, Now: time.Now, Logger: listener,
		}, history, ledger.New(cfg, time.Now()), collector.NewHealth(time.Now))
		poller.Run(ctx)
		if err := history.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		if len(listener.odd) > 0 || len(service.sweeps) != 2 || len(listener.sweeps) != 2 {
			t.Fatalf("%d sweeps asked for, %d complete; in the log: %s", len(service.sweeps), len(listener.sweeps), listener.odd)
		}
		c = costOf(s, service, listener)
	})
	return c
}

func costOf(s setting, service *evenly, heard *pollListener) cost {
	asked := slices.DeleteFunc(service.asked, func(at time.Time) bool { return !at.After(heard.sweeps[0]) })
	c := cost{
		requests: len(asked),
		cycle:    service.sweeps[1].Sub(service.sweeps[0]).Round(time.Second), // the first one signed in before
		sweep:    heard.sweeps[1].Sub(service.sweeps[1]),
		warned:   heard.warned,
	}
	oldest := 0
	for i, at := range asked {
		for at.Sub(asked[oldest]) >= time.Minute {
			oldest++
		}
		c.inAnyMinute = max(c.inAnyMinute, i-oldest+1)
	}
	for i, at := range heard.polls[1:] {
		c.silence = max(c.silence, at.Sub(heard.polls[i]))
	}
	betweenSweeps := service.sweeps[1].Sub(heard.sweeps[0])
	c.skipped = int(betweenSweeps/s.interval) - (len(heard.polls) - 2)
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }

// pollListener is the logger of a poller, and hears there when polls end. It
// stops the poller after the second sweep.
type pollListener struct {
	polls, sweeps []time.Time // their ends
	warned        bool
	odd           []string // what else was said
	stop          func()
}

// Log implements log.Logger.
func (l *pollListener) Log(keyvals ...any) error {
	said := map[string]string{}
	for i := 0; i+1 < len(keyvals); i += 2 {
		said[fmt.Sprint(keyvals[i])] = fmt.Sprint(keyvals[i+1])
	}
	switch {
	case said["msg"] == "Poll complete":
		l.polls = append(l.polls, time.Now())
		if said["sweep"] == "true" {
			l.sweeps = append(l.sweeps, time.Now())
		}
		if len(l.sweeps) == 2 {
			l.stop()
		}
	case said["needed_per_minute"] != "":
		l.warned = true
	default:
		l.odd = append(l.odd, fmt.Sprint(keyvals...))
		l.stop()
	}
	return nil
}

var _ log.Logger = (*pollListener)(nil)
