package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/poller"
)

// Live shows the meetings in progress. It implements prometheus.Collector, and
// may be used concurrently.
type Live struct {
	live *poller.Live
	now  func() time.Time

	running, online, withoutCount *prometheus.Desc
}

// NewLive returns a collector of the meetings in progress. Now is the wall clock.
func NewLive(live *poller.Live, now func() time.Time) *Live {
	return &Live{
		live: live, now: now,
		running:      newDesc("running_meetings", "Meetings in progress when they were last listed."+helpPolled, dims...),
		online:       newDesc("online_participants", "People in the meetings in progress, invited or not: the sum of onlineAttendeeAmount, without the meetings that have none."+helpPolled, dims...),
		withoutCount: newDesc("running_meetings_without_count", "Meetings in progress without an onlineAttendeeAmount, so that online_participants lacks them."+helpPolled),
	}
}

// Describe implements prometheus.Collector.
func (l *Live) Describe(ch chan<- *prometheus.Desc) {
	ch <- l.running
	ch <- l.online
	ch <- l.withoutCount
}

// Collect implements prometheus.Collector.
func (l *Live) Collect(ch chan<- prometheus.Metric) {
	meetings, ok := l.live.Meetings(l.now())
	if !ok {
		return
	}
	for _, s := range meetings.Sums {
		ch <- gauge(l.running, float64(s.Meetings), s.Department, s.Type.String())
		if s.Known {
			ch <- gauge(l.online, float64(s.Online), s.Department, s.Type.String())
		}
	}
	ch <- gauge(l.withoutCount, float64(meetings.WithoutCount))
}
