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

const (
	// settled is how long after the end of a meeting its attendance is tried: the
	// service may list it late.
	settled = 30 * time.Minute
	// tried is of how many meetings it is tried at most.
	tried = 3
)

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

// attendance reads who joined a meeting, and says how many records came. A few
// meetings have none, so it tries up to tried of them. It returns an error if no
// attendance can be read.
func (c *check) attendance(ctx context.Context, service *client.Client, listing *client.Listing) error {
	meetings := c.settled(listing.Meetings)
	if len(meetings) == 0 {
		c.note("No meeting lasted for over a minute and ended at least %s ago, so the attendance of meetings could not be tried.", c.inWords(settled))
		return nil
	}
	var unreadable error
	for _, m := range meetings {
		attendance, err := service.Attendance(ctx, m.UUID, m.End)
		switch {
		case errors.Is(err, client.ErrGone), errors.Is(err, client.ErrUnusable):
			unreadable = err
		case err != nil:
			return err
		case attendance.Joins > 0:
			c.ok("The attendance of a meeting was read: %s.", c.count("%d records", int(attendance.Joins)))
			return nil
		}
	}
	if unreadable != nil {
		c.note("The attendance of a meeting cannot be read: %v. The exporter gives such a meeting up, and counts it in huaweicloud_meeting_attendance_unread_meetings_total.", unreadable)
	} else {
		c.note("No attendance is listed for the last %s that lasted for over a minute. If people joined, look whether huaweicloud_meeting_attendees_total grows.", c.count("%d meetings", len(meetings)))
	}
	return nil
}

// settled returns the last meetings that lasted and whose attendance should be
// listed by now, the latest first.
func (c *check) settled(meetings []meeting.Meeting) (last []meeting.Meeting) {
	by := c.now().Add(c.skew - settled)
	for _, m := range meetings {
		if m.Duration() > time.Minute && !m.End.After(by) {
			last = append(last, m)
		}
	}
	slices.SortFunc(last, func(a, b meeting.Meeting) int { return b.End.Compare(a.End) })
	return last[:min(len(last), tried)]
}
