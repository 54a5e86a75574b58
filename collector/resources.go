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

	usage                                    []usageDesc
	participants, streams, storage           *prometheus.Desc // quotas
	quota, used, expired, expiring, expiryAt *prometheus.Desc
}

type usageDesc struct {
	desc  *prometheus.Desc
	value func(client.Usage) client.Amount
}

// NewResources returns a collector of resources. Now is the wall clock.
func NewResources(resources *poller.Resources, now func() time.Time) *Resources {
	const helpToday = " Falls to 0 once a day, at the midnight of the service, whose time zone is not documented."
	return &Resources{
		resources: resources, now: now,
		usage: []usageDesc{
			{newDesc("concurrent_participants", "Participants who use the quota of concurrency now."+helpPolled), func(u client.Usage) client.Amount { return u.Participants }},
			{newDesc("live_streams", "Live streams in use now."+helpPolled), func(u client.Usage) client.Amount { return u.LiveStreams }},
			{newDesc("recording_storage_bytes", "Storage that recordings use now; the service tells GB, taken as 10^9 bytes."+helpPolled), func(u client.Usage) client.Amount { return u.RecordingStorage }},
			{newDesc("today_active_users", "Users who were active today."+helpToday+helpPolled), func(u client.Usage) client.Amount { return u.TodayUsers }},
			{newDesc("today_meetings", "Meetings of today."+helpToday+helpPolled), func(u client.Usage) client.Amount { return u.TodayMeetings }},
			{newDesc("today_attendances", "Attendances of today."+helpToday+helpPolled), func(u client.Usage) client.Amount { return u.TodayAttendances }},
		},
		participants: newDesc("concurrent_participants_quota", "Participants who may be in meetings at once."+helpPolled),
		streams:      newDesc("live_streams_quota", "Live streams that may run at once."+helpPolled),
		storage:      newDesc("recording_storage_quota_bytes", "Storage for recordings; the service tells GB, taken as 10^9 bytes."+helpPolled),
		quota:        newDesc("resource_quota", "How much of a resource the enterprise has."+helpPolled, "resource"),
		used:         newDesc("resource_used", "How much of a resource is in use."+helpPolled, "resource"),
		expired:      newDesc("resource_expired", "How much of a resource has expired; recording_storage is in bytes."+helpPolled, "resource"),
		expiring:     newDesc("resource_expiring", "How much of a resource expires within 30 days; recording_storage is in bytes."+helpPolled, "resource"),
		expiryAt:     newDesc("resource_expiry_timestamp_seconds", "When something of a resource expires next, in seconds since 1970; vmr stands for virtual meeting rooms of all sizes."+helpPolled, "resource"),
	}
}

// Describe implements prometheus.Collector.
func (r *Resources) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.usage {
		ch <- d.desc
	}
	for _, d := range []*prometheus.Desc{r.participants, r.streams, r.storage, r.quota, r.used, r.expired, r.expiring, r.expiryAt} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (r *Resources) Collect(ch chan<- prometheus.Metric) {
	now := r.now()
	show := func(d *prometheus.Desc, a client.Amount, labels ...string) {
		if a != client.Absent {
			ch <- gauge(d, float64(a), labels...)
		}
	}
	if usage, ok := r.resources.Usage(now); ok {
		for _, d := range r.usage {
			show(d.desc, d.value(usage))
		}
	}
	quotas, _ := r.resources.Quotas(now)
	for name, q := range quotas {
		switch name {
		case client.ConcurrentParticipants:
			show(r.participants, q.Quota)
		case client.LiveStreams:
			show(r.streams, q.Quota)
		case client.RecordingStorage:
			show(r.storage, q.Quota)
		default:
			show(r.quota, q.Quota, name)
			show(r.used, q.Used, name)
		}
		show(r.expired, q.Expired, name)
		show(r.expiring, q.Expiring, name)
	}
	expiry, _ := r.resources.Expiry(now)
	for name, at := range expiry {
		ch <- gauge(r.expiryAt, seconds(at), name)
	}
}
