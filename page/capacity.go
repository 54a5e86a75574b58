package page

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
)

// capacity is one resource that the enterprise has bought.
type capacity struct {
	Resource    string // value of the label resource
	Name        string
	Consumed    bool    // it is used up by meetings, and not by what is registered
	Used, Quota float64 // negative if unknown
	Percent     float64 // used; negative if unknown
	Expired     float64 // 0 if nothing is known to have expired
	Expiry      time.Time
}

// readCapacity returns what is known of the resources: at first those that meetings
// use up, and the one with the largest share in use first.
func readCapacity(w words, r *poller.Resources, now time.Time) []capacity {
	usage, usageKnown := r.Usage(now)
	quotas, _ := r.Quotas(now)
	expiry, _ := r.Expiry(now)
	inUse := map[string]float64{}
	if usageKnown {
		inUse = map[string]float64{
			client.ConcurrentParticipants: float64(usage.Participants),
			client.LiveStreams:            float64(usage.LiveStreams),
			client.RecordingStorage:       float64(usage.RecordingStorage),
		}
	}
	names := map[string]bool{}
	for _, known := range []func(yield func(string) bool){maps.Keys(inUse), maps.Keys(quotas), maps.Keys(expiry)} {
		for name := range known {
			names[name] = true
		}
	}
	var all []capacity
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c := capacity{Resource: name, Name: w.resource(name), Used: -1, Quota: -1, Percent: -1}
		if q, ok := quotas[name]; ok {
			c.Used, c.Quota, c.Expired = float64(q.Used), float64(q.Quota), max(0, float64(q.Expired))
		}
		if used, ok := inUse[name]; ok {
			c.Used, c.Consumed = used, true
		}
		if name == client.RecordingStorage {
			c.Used, c.Quota, c.Expired = c.Used/1e9, c.Quota/1e9, c.Expired/1e9
		}
		if c.Used >= 0 && c.Quota > 0 {
			c.Percent = 100 * c.Used / c.Quota
		}
		if at, ok := expiry[name]; ok {
			c.Expiry = at.In(now.Location())
		}
		if c.Used < 0 && c.Quota <= 0 && c.Expired == 0 && c.Expiry.IsZero() {
			continue
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b capacity) int {
		switch {
		case a.Consumed && !b.Consumed:
			return -1
		case b.Consumed && !a.Consumed:
			return 1
		}
		return cmp.Compare(b.Percent, a.Percent)
	})
	return all
}
