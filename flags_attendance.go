package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"

	"huaweicloud_meeting_exporter/poller"
)

// attendanceOptions are the values of the flags of the collector attendance.
type attendanceOptions struct {
	attendance          bool
	attendanceDelay     time.Duration
	attendancePerMinute int
}

// registerAttendance declares the flags, which set o.
func (o *attendanceOptions) registerAttendance(app *kingpin.Application) {
	app.Flag("collector.attendance", "Read who really joined each counted meeting: one request for each meeting, and one more for every 500 joins. Meetings that are counted while it is off are never read. --no-collector.attendance switches it off.").Default("true").BoolVar(&o.attendance)
	app.Flag("attendance.delay", "Time from the first sight of a meeting to the first reading of its attendance. The service may list attendance later than the meeting.").Default("10m").DurationVar(&o.attendanceDelay)
	app.Flag("attendance.max-requests-per-minute", "Part of --huaweicloud.max-requests-per-minute that attendance may use, for each enterprise. Requests of the history always go first.").Default("20").SetValue((*wholeNumber)(&o.attendancePerMinute))
}

// validateAttendance checks the flags. Meetings are given up after maxCatchUp.
func (o *attendanceOptions) validateAttendance(maxCatchUp time.Duration) error {
	switch {
	case o.attendanceDelay < 0:
		return errors.New("--attendance.delay: must not be negative")
	case o.attendanceDelay > maxCatchUp/2:
		return fmt.Errorf("--attendance.delay: %s is more than half of --history.max-catch-up %s, after which meetings are given up", o.attendanceDelay, maxCatchUp)
	case o.attendancePerMinute <= 0:
		return errors.New("--attendance.max-requests-per-minute: must be positive")
	}
	return nil
}

func (o *options) attendanceConfig(logger log.Logger) poller.AttendanceConfig {
	return poller.AttendanceConfig{Delay: o.attendanceDelay, HistoryInterval: o.interval, MaxRequestsPerMinute: o.attendancePerMinute, Now: time.Now, Logger: logger}
}
