package poller

import (
	"time"

	"huaweicloud_meeting_exporter/client"
)

// quotaRounds is in how many rounds quotas and expiry dates are read once. They
// seldom change.
const quotaRounds = 10

// Resources reads what the enterprise uses and what it has bought.
type Resources struct {
	*Optional
	usage  latest[client.Usage]
	quotas latest[map[string]client.Resource]
	expiry latest[map[string]time.Time]
}

// NewResources returns a Resources, which has read nothing.
func NewResources(cfg OptionalConfig, c *client.Client) *Resources {
	r := &Resources{}
	r.Optional = newOptional("resources", cfg,
		reads(&r.usage, cfg, "the resources in use", 1, c.OrgResources),
		reads(&r.quotas, cfg, "the resources bought", quotaRounds, c.CorpResources),
		reads(&r.expiry, cfg, "the expiry dates of resources", quotaRounds, c.ResourceExpiry),
	)
	return r
}

// Usage returns what the enterprise uses, as last read. It returns false before
// the first success, and if five intervals have passed since the last. Now is the
// wall clock.
func (r *Resources) Usage(now time.Time) (client.Usage, bool) { return r.usage.get(now) }

// Quotas returns what the enterprise has bought, by the name of the resource. It
// returns false as Usage does, but after fifty intervals. The caller must not
// change the result.
func (r *Resources) Quotas(now time.Time) (map[string]client.Resource, bool) {
	return r.quotas.get(now)
}

// Expiry returns the nearest expiry of each resource, by its name. It returns
// false as Quotas does. The caller must not change the result.
func (r *Resources) Expiry(now time.Time) (map[string]time.Time, bool) { return r.expiry.get(now) }
