package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
)

// Resources shows what the enterprise uses and what it has bought. It implements
// prometheus.Collector, and may be used concurrently.
type Resources struct {
	resources *poller.Resources
	now       func() time.Time

	participants, streams, storage           *prometheus.Desc
	users, meetings, attendances             *prometheus.Desc
	ownQuotas                                map[string]*prometheus.Desc // by resource
	quota, used, expired, expiring, expiryAt *prometheus.Desc
}

// NewResources returns a collector of resources. Now is the wall clock.
func NewResources(resources *poller.Resources, now func() time.Time) *Resources {
	const helpToday = " Falls to 0 once a day, at the midnight of the service, whose time zone is not documented."
	return &Resources{
		resources: resources, now: now,
		participants: newDesc("concurrent_participants", "Participants who use the quota of concurrency now."+helpPolled),
		streams:      newDesc("live_streams", "Live streams in use now."+helpPolled),
		storage:      newDesc("recording_storage_bytes", "Storage that recordings use now; the service tells GB, taken as 10^9 bytes."+helpPolled),
		users:        newDesc("today_active_users", "Users who were active today."+helpToday+helpPolled),
		meetings:     newDesc("today_meetings", "Meetings of today."+helpToday+helpPolled),
		attendances:  newDesc("today_attendances", "Attendances of today."+helpToday+helpPolled),
		ownQuotas: map[string]*prometheus.Desc{
			client.ConcurrentParticipants: newDesc("concurrent_participants_quota", "Participants who may be in meetings at once."+helpPolled),
			client.LiveStreams:            newDesc("live_streams_quota", "Live streams that may run at once."+helpPolled),
			client.RecordingStorage:       newDesc("recording_storage_quota_bytes", "Storage for recordings; the service tells GB, taken as 10^9 bytes."+helpPolled),
		},
		quota:    newDesc("resource_quota", "How much of a resource the enterprise has."+helpPolled, "resource"),
		used:     newDesc("resource_used", "How much of a resource is in use."+helpPolled, "resource"),
		expired:  newDesc("resource_expired", "How much of a resource has expired; recording_storage is in bytes."+helpPolled, "resource"),
		expiring: newDesc("resource_expiring", "How much of a resource expires within 30 days; recording_storage is in bytes."+helpPolled, "resource"),
		expiryAt: newDesc("resource_expiry_timestamp_seconds", "When something of a resource expires next, in seconds since 1970; vmr stands for virtual meeting rooms of all sizes."+helpPolled, "resource"),
	}
}

// Describe implements prometheus.Collector.
func (r *Resources) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.ownQuotas {
		ch <- d
	}
	for _, d := range []*prometheus.Desc{r.participants, r.streams, r.storage, r.users, r.meetings, r.attendances, r.quota, r.used, r.expired, r.expiring, r.expiryAt} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (r *Resources) Collect(ch chan<- prometheus.Metric) {
	now := r.now()
	show := func(d *prometheus.Desc, amount float64, labels ...string) {
		if amount >= 0 { // otherwise it is absent
			ch <- gauge(d, amount, labels...)
		}
	}
	if usage, ok := r.resources.Usage(now); ok {
		show(r.participants, float64(usage.Participants))
		show(r.streams, float64(usage.LiveStreams))
		show(r.storage, float64(usage.RecordingStorage))
		show(r.users, float64(usage.TodayUsers))
		show(r.meetings, float64(usage.TodayMeetings))
		show(r.attendances, float64(usage.TodayAttendances))
	}
	quotas, _ := r.resources.Quotas(now)
	for name, q := range quotas {
		if own, ok := r.ownQuotas[name]; ok {
			show(own, float64(q.Quota))
		} else {
			show(r.quota, float64(q.Quota), name)
			show(r.used, float64(q.Used), name)
		}
		show(r.expired, float64(q.Expired), name)
		show(r.expiring, float64(q.Expiring), name)
	}
	expiry, _ := r.resources.Expiry(now)
	for name, at := range expiry {
		ch <- gauge(r.expiryAt, seconds(at), name)
	}
}
