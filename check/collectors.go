package check

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
)

// settled is how long after the end of a meeting its attendance is tried: the
// service may list it late.
const settled = 30 * time.Minute

// collectors tries what is read beside the history. None of it makes polling
// fail.
func (c *check) collectors(ctx context.Context, service *client.Client, listing *client.Listing, cfg Config) {
	var read, refused []string
	forAdministrators := false
	lack := func(what, flag string, err error) {
		c.note("The metrics will lack %s: %v.", what, err)
		var e *client.Error
		if errors.As(err, &e) && e.Refused() {
			forAdministrators = forAdministrators || e.Status == http.StatusForbidden
			refused = append(refused, flag)
		}
	}
	for _, one := range []struct {
		on         bool
		what, flag string
		read       func(context.Context) error
	}{
		{cfg.Live, c.text("the meetings in progress"), "--no-collector.live", ignoring(service.Online)},
		{cfg.Resources, c.text("the resources in use"), "--no-collector.resources", ignoring(service.OrgResources)},
		{cfg.Resources, c.text("the resources bought"), "--no-collector.resources", ignoring(service.CorpResources)},
		{cfg.Resources, c.text("the expiry dates of resources"), "--no-collector.resources", ignoring(service.ResourceExpiry)},
	} {
		if !one.on {
			continue
		}
		switch err := one.read(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			lack(one.what, one.flag, err)
		default:
			read = append(read, one.what)
		}
	}
	if len(read) > 0 {
		c.ok("Read %s.", c.list(read))
	}
	if cfg.Attendance {
		err := c.attendance(ctx, service, listing)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			lack(c.text("the attendance of meetings"), "--no-collector.attendance", err)
		}
	}
	if forAdministrators && c.role != client.RoleAdministrator {
		c.note("To have these metrics, %s", c.becomeAdministrator())
	}
	if len(refused) > 0 {
		c.note("The exporter makes refused requests again every hour. To end that, switch their collectors off with %s.", c.list(slices.Compact(refused)))
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

// attendance reads who joined one meeting, and says how many records came. It
// returns an error if no attendance can be read.
func (c *check) attendance(ctx context.Context, service *client.Client, listing *client.Listing) error {
	m, found := c.lastSettled(listing.Meetings)
	if !found {
		c.note("No meeting lasted for over a minute and ended at least %s ago, so the attendance of meetings could not be tried.", c.inWords(settled))
		return nil
	}
	attendance, err := service.Attendance(ctx, m.UUID, m.End)
	switch {
	case errors.Is(err, client.ErrGone), errors.Is(err, client.ErrUnusable):
		c.note("The attendance of a meeting cannot be read: %v. The exporter gives such a meeting up, and counts it in huaweicloud_meeting_attendance_unread_meetings_total.", err)
	case err != nil:
		return err
	case attendance.Joins == 0:
		c.note("The service lists nobody in the attendance of a meeting. If people joined the last meetings, look whether huaweicloud_meeting_attendees_total grows.")
	default:
		c.ok("The attendance of a meeting was read: %s.", c.count("%d records", int(attendance.Joins)))
	}
	return nil
}

// lastSettled returns the last meeting that lasted and whose attendance should
// be listed by now.
func (c *check) lastSettled(meetings []meeting.Meeting) (last meeting.Meeting, found bool) {
	by := c.now().Add(c.skew - settled)
	for _, m := range meetings {
		if m.Duration() > time.Minute && !m.End.After(by) && m.End.After(last.End) {
			last, found = m, true
		}
	}
	return last, found
}
