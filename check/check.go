// Package check tries what polling needs, and gives advice in plain words.
//
// It promises to name what it tried, what came back and what to do. Its output
// contains no key, no password and no personal data.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
)

const (
	// signOutTimeout bounds the wait for a service that hangs.
	signOutTimeout = 2 * time.Second
	// noticeableSkew is the difference of clocks from which on a note warns.
	noticeableSkew = time.Minute
)

// Run signs in, reads the first page of the recent window and the beginning of
// the second, and writes what it found to w. It returns an error of one sentence if polling would not work. It
// tries each request only once, so it ends soon.
func Run(ctx context.Context, cfg client.Config, window time.Duration, w io.Writer) error {
	c := &check{Writer: w, cfg: cfg}
	c.cfg.MaxAttempts = 1
	c.cfg.Observe = func(ex client.Exchange) {
		if !ex.Date.IsZero() {
			c.skew = ex.Date.Sub(ex.Received)
		}
	}
	service, err := client.New(c.cfg)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOutTimeout)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			c.say(warning, "The sign-out failed: %v.", err)
		}
	}()

	if err := c.signIn(ctx, service); err != nil {
		return c.conclude(ctx, err)
	}
	return c.conclude(ctx, c.read(ctx, service, window))
}

type check struct {
	io.Writer
	cfg  client.Config
	skew time.Duration // the service's clock minus the local one, at the last response
}

// The marks at the beginning of a line.
const (
	good    = "ok  "
	warning = "note"
	bad     = "FAIL"
)

func (c *check) say(mark, format string, args ...any) {
	fmt.Fprintf(c, "%s  %s\n", mark, fmt.Sprintf(format, args...))
}

func (c *check) now() time.Time {
	if c.cfg.Now != nil {
		return c.cfg.Now()
	}
	return time.Now()
}

func (c *check) signIn(ctx context.Context, service *client.Client) error {
	identity := "the App ID"
	if c.cfg.AppID == "" {
		identity = "the account"
	}
	session, err := service.SignIn(ctx)
	if err != nil {
		return err
	}
	c.say(good, "Signed in at %s with %s; the token is valid for %s.", c.host(), identity, inWords(session.Expiry.Sub(c.now())))
	if c.skew.Abs() > noticeableSkew {
		c.say(warning, "The local clock is %s. Set it by NTP: sign-ins fail if it is off by 10 minutes or more.", c.clockDifference())
	}
	switch session.Role {
	case client.RoleAdministrator:
		c.say(good, "The user is an administrator and sees the meetings of the whole enterprise.")
	case client.RoleUser:
		c.say(warning, "The user is not an administrator and sees only their own meetings. Sign in as an administrator, or leave --huaweicloud.user-id empty.")
	default:
		c.say(warning, "The service does not say whether the user is an administrator. Any other user sees only their own meetings.")
	}
	return nil
}

func (c *check) read(ctx context.Context, service *client.Client, window time.Duration) error {
	now := c.now()
	page, err := service.FirstPage(ctx, now.Add(-window), now)
	if err != nil {
		return err
	}
	c.say(good, "Read the history of the last %s: %d meetings, %d of them on the first page.", inWords(window), page.Announced, len(page.Meetings))
	if page.Announced == 0 {
		c.say(warning, "The service lists no meetings for this time. If this is unexpected, check the user's role and the site of the endpoint.")
	}
	types, departments := map[string]int{}, map[string]bool{}
	var newest time.Time
	for _, m := range page.Meetings {
		types[m.Type.String()]++
		departments[m.Department] = true
		if m.End.After(newest) {
			newest = m.End
		}
	}
	if len(page.Meetings) > 0 {
		var kinds []string
		for _, t := range slices.Sorted(maps.Keys(types)) {
			kinds = append(kinds, fmt.Sprintf("%d %s", types[t], t))
		}
		c.say(good, "On that page: %s; %d departments; the latest end is %s UTC.", strings.Join(kinds, ", "), len(departments), newest.Format("2006-01-02 15:04"))
	}
	for _, d := range meeting.Defects() {
		switch n := page.Defects[d]; {
		case n == 0:
		case d == meeting.NotEnded:
			c.say(good, "%d records are of meetings that have not ended, and are passed over.", n)
		default:
			c.say(warning, "%d records are not usable (%s); see the metric invalid_records.", n, d)
		}
	}
	switch {
	case page.Paging == client.PagingUnknown && page.Announced <= page.PageSize: // one page tells nothing
	case page.Paging == client.PagingUnknown:
		c.say(warning, "The second page does not tell how the service pages. Try again. If this stays, polls fail as incomplete.")
	default:
		c.say(good, "How the service pages: %s.", page.Paging)
	}
	return nil
}

// conclude writes the last lines, and returns the error of the command.
func (c *check) conclude(ctx context.Context, err error) error {
	if err == nil {
		c.say(good, "Polling will work.")
		return nil
	}
	if ctx.Err() != nil {
		return errors.New("check was interrupted")
	}
	sentence, todo := c.advise(err)
	c.say(bad, "%s", sentence)
	c.say("    ", "What came back: %v", err)
	c.say("    ", "What to do: %s", todo)
	return fmt.Errorf("polling would not work: %s", strings.TrimSuffix(strings.ToLower(sentence[:1])+sentence[1:], "."))
}

func (c *check) host() string {
	if u, err := url.Parse(c.cfg.Endpoint); err == nil {
		return u.Host
	}
	return c.cfg.Endpoint
}

// clockDifference says how far the local clock is off.
func (c *check) clockDifference() string {
	direction := "behind"
	if c.skew < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("%s %s the service's", inWords(c.skew.Abs()), direction)
}

// inWords formats a duration to the minute, without parts that are 0.
func inWords(d time.Duration) string {
	s := d.Round(time.Minute).String()
	s = strings.TrimSuffix(s, "0s")
	switch {
	case s == "":
		return "0m"
	case strings.HasSuffix(s, "h0m"):
		return strings.TrimSuffix(s, "0m")
	}
	return s
}
