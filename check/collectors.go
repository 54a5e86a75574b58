package check

import (
	"context"
	"strings"

	"huaweicloud_meeting_exporter/client"
)

// collectors tries what is read beside the history. None of it makes polling
// fail.
func (c *check) collectors(ctx context.Context, service *client.Client, cfg Config) {
	var read []string
	for _, one := range []struct {
		on         bool
		what, flag string
		read       func(context.Context) error
	}{
		{cfg.Live, "the meetings in progress", "--no-collector.live", ignoring(service.Online)},
		{cfg.Resources, "the resources in use", "--no-collector.resources", ignoring(service.OrgResources)},
		{cfg.Resources, "the resources bought", "--no-collector.resources", ignoring(service.CorpResources)},
		{cfg.Resources, "the expiry dates of resources", "--no-collector.resources", ignoring(service.ResourceExpiry)},
	} {
		if !one.on {
			continue
		}
		switch err := one.read(ctx); {
		case ctx.Err() != nil:
			return
		case err == nil:
			read = append(read, one.what)
		default:
			c.say(warning, "The metrics will lack %s: %v. The flag %s ends the attempts.", one.what, err, one.flag)
		}
	}
	if len(read) > 0 {
		c.say(good, "Read %s.", strings.Join(read, ", "))
	}
}

// ignoring returns a function that reads something only to see whether it can
// be read.
func ignoring[T any](read func(context.Context) (T, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := read(ctx)
		return err
	}
}
