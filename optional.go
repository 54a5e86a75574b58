package main

import (
	"context"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
)

// optional holds what serve runs and shows beside the history.
type optional struct {
	loops   []func(context.Context)
	metrics []prometheus.Collector
	// Each is nil if it is switched off.
	live       *poller.Live
	resources  *poller.Resources
	attendance *poller.Attendance
}

// newOptional returns the collectors that are switched on, for the enterprise of a
// name.
func (o *options) newOptional(name string, c *client.Client, l *ledger.Ledger, logger log.Logger) (all optional) {
	config := func(interval time.Duration) poller.OptionalConfig {
		return poller.OptionalConfig{Interval: interval, HistoryInterval: o.interval, Delay: pollDelay(name, interval), Now: time.Now, Logger: logger}
	}
	var statuses []func() *poller.OptionalStatus
	if o.live {
		all.live = poller.NewLive(config(o.liveInterval), c, l.Snapshot)
		all.loops, statuses = append(all.loops, all.live.Run), append(statuses, all.live.Status)
		all.metrics = append(all.metrics, collector.NewLive(all.live, time.Now))
	}
	if o.resources {
		all.resources = poller.NewResources(config(o.resourcesInterval), c)
		all.loops, statuses = append(all.loops, all.resources.Run), append(statuses, all.resources.Status)
		all.metrics = append(all.metrics, collector.NewResources(all.resources, time.Now))
	}
	if o.attendance {
		all.attendance = poller.NewAttendance(o.attendanceConfig(logger), c, l)
		all.loops, statuses = append(all.loops, all.attendance.Run), append(statuses, all.attendance.Status)
	}
	all.metrics = append(all.metrics, collector.NewOptional(statuses...))
	return all
}
