//go:build !race

// Days of virtual time. The tests of poller run with the race detector.

package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/test/stack"
)

// attendanceShare is the default of --attendance.max-requests-per-minute.
const attendanceShare = 20

// attendanceCost is what the attendance of a volume of meetings costs.
type attendanceCost struct {
	perHour float64       // requests
	outage  time.Duration // until the meetings of an outage of a day are read
}

// computed returns the cost with a share of the limit. Its outage is negative if
// the meetings of an outage are never read, because too many others end.
func computed(perDay, share int) attendanceCost {
	ended, allowed := float64(perDay)/24, float64(60*share)
	if ended >= allowed {
		return attendanceCost{ended, -1}
	}
	return attendanceCost{ended, time.Duration(float64(perDay) / (allowed - ended) * float64(time.Hour))}
}

func TestAttendanceTable(t *testing.T) {
	rows := []struct {
		perDay   int
		measured bool
		advice   string
	}{
		{100, true, "keep the defaults"},
		{2000, true, "keep the defaults"},
		{5000, true, "keep the defaults"},
		{20_000, false, fmt.Sprintf("`--attendance.max-requests-per-minute=30` makes it %.0f h", computed(20_000, 30).outage.Hours())},
		{100_000, false, "`--attendance.max-requests-per-minute=100`, and `--huaweicloud.max-requests-per-minute=150` if the service allows it"},
	}
	costs := make([]attendanceCost, len(rows))
	t.Run("measure", func(t *testing.T) {
		for i, row := range rows {
			costs[i] = computed(row.perDay, attendanceShare)
			if !row.measured {
				continue
			}
			t.Run(fmt.Sprint(row.perDay, " a day"), func(t *testing.T) {
				t.Parallel()
				c := measureAttendance(t, row.perDay)
				// A sweep and the delay of attendance come first, and a round may begin late.
				if late := c.outage - costs[i].outage; late < 0 || late > stack.Defaults(nil).AttendanceDelay+5*time.Minute {
					t.Errorf("worked off in %v, computed are %v", c.outage, costs[i].outage)
				}
				costs[i] = c
			})
		}
	})
	if t.Failed() {
		return
	}
	var text strings.Builder
	text.WriteString("| Meetings a day | | Requests an hour | An outage of a day is worked off in | Advice |\n|---:|---|---:|---:|---|\n")
	for i, row := range rows {
		how, requests, outage := "computed", grouped(int(costs[i].perHour+0.5)), fmt.Sprintf("%.0f min", costs[i].outage.Minutes())
		if row.measured {
			how = "measured"
		}
		if costs[i].outage > 90*time.Minute {
			outage = strings.TrimSuffix(fmt.Sprintf("%.1f", costs[i].outage.Hours()), ".0") + " h"
		}
		if costs[i].outage < 0 {
			requests, outage = requests+", over the share", "never"
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", grouped(row.perDay), how, requests, outage, row.advice)
	}
	wantSection(t, "attendance", text.String())
}

// measureAttendance runs the exporter with the defaults: some hours to count
// requests, a day without an answer, and then until no reading is late.
func measureAttendance(t *testing.T, perDay int) (c attendanceCost) {
	const usual, day = 6 * time.Hour, 24 * time.Hour
	delay := stack.Defaults(nil).AttendanceDelay
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(responseTime) // the service may be about to answer
		service := &evenService{distance: day / time.Duration(perDay), tail: 4 * time.Hour}
		transport, stopService := service.serve()
		defer stopService()
		network := &network{RoundTripper: transport}
		exporter, err := stack.New(stack.Defaults(network))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { exporter.Poller.Run(ctx) })
		running.Go(func() { exporter.Attendance.Run(ctx) })
		defer func() {
			stop()
			running.Wait()
			if err := exporter.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()

		time.Sleep(time.Hour) // until as many are read as end
		before := service.attendances.Load()
		time.Sleep(usual)
		c.perHour = float64(service.attendances.Load()-before) / usual.Hours()

		network.down.Store(true)
		time.Sleep(day)
		network.down.Store(false)
		recovered := time.Now()
		time.Sleep(delay + 3*time.Minute) // the first sweep is over, and its meetings are due
		for pendingFor(exporter.Ledger) > delay+time.Minute {
			if time.Sleep(time.Minute); time.Since(recovered) > day {
				t.Fatal("the meetings of the outage are still pending")
			}
		}
		c.outage = time.Since(recovered)
	})
	return c
}

// pendingFor returns for how long the oldest pending meeting is pending.
func pendingFor(l *ledger.Ledger) time.Duration {
	oldest, _, ok := l.NextPending(func(p ledger.Pending) time.Time { return p.Seen })
	if !ok {
		return 0
	}
	return time.Since(oldest.Seen)
}

// network is down at times.
type network struct {
	http.RoundTripper
	down atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.down.Load() {
		return nil, errors.New("the network is down")
	}
	return n.RoundTripper.RoundTrip(r)
}
