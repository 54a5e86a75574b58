// Package check tries what polling needs, and gives advice in plain words, in
// English or Chinese.
//
// It promises to name what it tried, what came back and what to do. Its output
// contains no key, no password and no personal data. What came back, and the
// errors that it returns, are in English, like the log.
package check

import (
	"context"
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

// Config says what to check, and how advice names the settings.
type Config struct {
	Client client.Config
	// Window is the time of which the history is read.
	Window time.Duration
	// Live, Resources and Attendance say whether to try what these collectors
	// read.
	Live, Resources, Attendance bool
	// Setting returns how the operator spells a setting, such as --some.app-id
	// for app_id.
	Setting func(key string) string
	// SecretVariable is the environment variable that holds the secret. It is
	// empty if the secret is in the file that the setting app_key_file or
	// password_file names.
	SecretVariable string
	Language       Language
}

// Run signs in, lists the history of the recent window as a poll does, and
// writes what it found to w.
//
// Run returns an error of one sentence if polling would not work. It tries each
// request only once, and lists no more pages than a minute allows, so it ends
// soon.
func Run(ctx context.Context, cfg Config, w io.Writer) error {
	c := &check{Writer: w, cfg: cfg.Client, setting: cfg.Setting, secretVariable: cfg.SecretVariable, language: cfg.Language}
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
	if c.proxy = service.Proxy(); c.proxy != "" {
		c.ok("The environment names the proxy %s for %s.", c.proxy, c.host())
	} else {
		c.ok("The environment names no proxy for %s.", c.host())
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOutTimeout)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			c.note("The sign-out failed: %v.", err)
		}
	}()

	if err := c.signIn(ctx, service); err != nil {
		return c.conclude(ctx, err)
	}
	listing, err := c.read(ctx, service, cfg.Window)
	if err == nil {
		c.collectors(ctx, service, listing, cfg)
	}
	return c.conclude(ctx, err)
}

type check struct {
	io.Writer
	cfg            client.Config
	setting        func(key string) string
	secretVariable string
	language       Language
	proxy          string        // host and port, or ""
	skew           time.Duration // the service's clock minus the local one, at the last response
	role           client.Role
}

func (c *check) now() time.Time {
	if c.cfg.Now != nil {
		return c.cfg.Now()
	}
	return time.Now()
}

func (c *check) signIn(ctx context.Context, service *client.Client) error {
	session, err := service.SignIn(ctx)
	if err != nil {
		return err
	}
	if validity := c.inWords(session.Expiry.Sub(c.now())); c.cfg.AppID == "" {
		c.ok("Signed in at %s with the account; the token is valid for %s.", c.host(), validity)
	} else {
		c.ok("Signed in at %s with the App ID; the token is valid for %s.", c.host(), validity)
	}
	if c.skew.Abs() > noticeableSkew {
		c.note("The local clock is %s. Set it by NTP: sign-ins fail if it is off by 10 minutes or more.", c.clockDifference())
	}
	c.role = session.Role
	switch c.role {
	case client.RoleAdministrator:
		c.ok("The user is an administrator and sees the meetings of the whole enterprise.")
	case client.RoleUser:
		c.note("The user is not an administrator and sees only their own meetings. To see all meetings, %s", c.becomeAdministrator())
	default:
		c.note("The service does not say whether the user is an administrator. Any other user sees only their own meetings.")
	}
	return nil
}

// read lists the history of the window, or of its last part if the window has
// more pages than a minute of requests can read.
func (c *check) read(ctx context.Context, service *client.Client, window time.Duration) (*client.Listing, error) {
	now := c.now()
	first, err := service.FirstPage(ctx, now.Add(-window), now)
	if err != nil {
		return nil, err
	}
	if most := first.PageSize * max(c.cfg.MaxRequestsPerMinute, 2); first.Announced > most {
		whole := window
		window = time.Duration(float64(window) * float64(most) / float64(first.Announced))
		c.note("The last %s have %s. Only the last %s are read here.", c.inWords(whole), c.count("%d meetings", first.Announced), c.inWords(window))
	}
	listing, err := service.History(ctx, now.Add(-window), now)
	if err != nil {
		return nil, err
	}
	c.ok("Read the history of the last %s: %s on %s.", c.inWords(window), c.count("%d meetings", len(listing.Meetings)), c.count("%d pages", listing.Pages))
	c.describe(listing)
	if len(listing.Meetings) == 0 && listing.Defects[meeting.NotEnded] > 0 {
		return nil, errNothingEnded
	}
	return listing, nil
}

// describe says what is in a listing.
func (c *check) describe(listing *client.Listing) {
	types, departments := map[string]int{}, map[string]bool{}
	var newest time.Time
	for _, m := range listing.Meetings {
		types[m.Type.String()]++
		departments[m.Department] = true
		if m.End.After(newest) {
			newest = m.End
		}
	}
	if len(listing.Meetings) > 0 {
		var kinds []string
		for _, t := range slices.Sorted(maps.Keys(types)) {
			kinds = append(kinds, c.text("%d %s", types[t], t))
		}
		c.ok("These are %s; they are of %s; the latest end is %s UTC.",
			c.list(kinds), c.count("%d departments", len(departments)), newest.Format("2006-01-02 15:04"))
	}
	records := 0
	for _, d := range meeting.Defects() {
		n := listing.Defects[d]
		switch {
		case n == 0:
		case d == meeting.NotEnded:
			c.ok("Passed over because the meeting has not ended: %s.", c.count("%d records", n))
		case d == meeting.BadNumber:
			c.note("Left out of meetings that are used: %s without a credible value; see the metric huaweicloud_meeting_invalid_records{reason=%q}.", c.count("%d numbers", n), d)
		default:
			c.note("Left out: %s; see the metric huaweicloud_meeting_invalid_records{reason=%q}.", c.count("%d records", n), d)
		}
		records += n
	}
	if len(listing.Meetings) == 0 && records == 0 {
		c.note("The service lists no meetings for this time. If this is unexpected, check the user's role and the site of the endpoint.")
		return
	}
	switch listing.Paging {
	case client.PagingUnknown:
		c.ok("How the service pages is found out once there is a second page.")
	case client.PagingRecord:
		c.ok("How the service pages: offset is a record index.")
	case client.PagingWholePage:
		c.ok("How the service pages: offset is a record index rounded down to a whole page.")
	case client.PagingFrom0:
		c.ok("How the service pages: offset is a page number that counts from 0.")
	case client.PagingFrom1:
		c.ok("How the service pages: offset is a page number that counts from 1.")
	}
}

// conclude writes the last lines, and returns the error of the command.
func (c *check) conclude(ctx context.Context, err error) error {
	if err == nil {
		c.ok("Polling will work.")
		return nil
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	sentence, todo := c.advise(err)
	c.fail(sentence, err, todo)
	english := *c
	english.language = English
	sentence, _ = english.advise(err)
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
	if c.skew < 0 {
		return c.text("%s ahead of the service's", c.inWords(c.skew.Abs()))
	}
	return c.text("%s behind the service's", c.inWords(c.skew))
}
