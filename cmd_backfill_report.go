package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
)

// report tells a person how a backfill goes: with a bar on a terminal, with a
// line of the log for each day elsewhere.
type report struct {
	logger            log.Logger
	terminal          bool
	bar               *progressbar.ProgressBar // nil before there is anything to draw
	requests, history atomic.Int64             // sent so far: all, and those for the history
	total             backfill.Progress        // of all days of this run
}

func newReport(logger log.Logger) *report {
	return &report{
		logger: logger, terminal: term.IsTerminal(int(os.Stderr.Fd())),
		total: backfill.Progress{LeftOut: map[meeting.Defect]int{}},
	}
}

func (r *report) observe(e client.Exchange) {
	r.requests.Add(1)
	if e.Endpoint == client.EndpointHistory {
		r.history.Add(1)
	}
}

func (r *report) historyRequests() int { return int(r.history.Load()) }

// failed tells why nothing is read for a while.
func (r *report) failed(err error, wait time.Duration) {
	r.warn("msg", "History could not be read, trying again", "wait", wait.Round(time.Second), "err", err)
}

// storeFailed tells why nothing is sent for a while.
func (r *report) storeFailed(err error) {
	r.warn("msg", "The store did not take samples, trying again", "err", err)
}

func (r *report) warn(keyvals ...any) {
	if r.bar != nil {
		_ = r.bar.Clear() // the line below takes its place
	}
	level.Warn(r.logger).Log(keyvals...)
}

func (r *report) done(p backfill.Progress) {
	r.total.Meetings += p.Meetings
	r.total.Retries += p.Retries
	for defect, n := range p.LeftOut {
		r.total.LeftOut[defect] += n
	}
	days := fmt.Sprintf("%d/%d", p.Days, p.Of)
	switch {
	case r.terminal:
		r.draw(p)
	case p.Day.IsZero():
		level.Info(r.logger).Log("msg", "Backfill started", "days", days)
	default:
		level.Info(r.logger).Log("msg", "Day finished", "day", p.Day.Format(time.DateOnly), "days", days, "meetings", p.Meetings,
			"left_out", leftOut(p.LeftOut), "retries", p.Retries, "requests", r.requests.Load())
	}
}

// draw draws a bar of the remaining days. The errors of the bar only mean that
// it could not be drawn.
func (r *report) draw(p backfill.Progress) {
	switch left := p.Of - p.Days; {
	case r.bar != nil:
		r.bar.Describe(fmt.Sprintf("%s  %d meetings, %d requests, %d retries, %s left out; days",
			p.Day.Format(time.DateOnly), r.total.Meetings, r.requests.Load(), r.total.Retries, leftOut(r.total.LeftOut)))
		_ = r.bar.Add(1)
	case left > 0:
		r.bar = progressbar.NewOptions(left, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }))
		_ = r.bar.RenderBlank()
	}
}

// finished tells the sums of this run.
func (r *report) finished(output, ledger string) {
	level.Info(r.logger).Log("msg", "Backfill finished", "output", output, "meetings", r.total.Meetings,
		"left_out", leftOut(r.total.LeftOut), "retries", r.total.Retries, "requests", r.requests.Load(), "ledger", ledger)
}

// leftOut returns the number of records that were left out for each reason, in
// the order of meeting.Defects.
func leftOut(defects map[meeting.Defect]int) string {
	var parts []string
	for _, d := range meeting.Defects() {
		if n := defects[d]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, d))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}
