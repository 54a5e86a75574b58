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

// Config says what to check, and how advice names the settings.
type Config struct {
	Client client.Config
	// Window is the time of which the history is read.
	Window time.Duration
	// Live and Resources say whether to try what these collectors read.
	Live, Resources bool
	// Secret says in plain words where the secret comes from, such as "the file
	// that --some-flag names".
	Secret string
	// Setting returns how the operator spells a setting, such as --some.app-id
	// for app_id.
	Setting func(key string) string
}

// Run signs in, lists the history of the recent window as a poll does, and
// writes what it found to w.
//
// Run returns an error of one sentence if polling would not work. It tries each
// request only once, and lists no more pages than a minute allows, so it ends
// soon.
func Run(ctx context.Context, cfg Config, w io.Writer) error {
	c := &check{Writer: w, cfg: cfg.Client, secretSource: cfg.Secret, setting: cfg.Setting}
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
		c.say(good, "The environment names the proxy %s for %s.", c.proxy, c.host())
	} else {
		c.say(good, "The environment names no proxy for %s.", c.host())
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
	err = c.read(ctx, service, cfg.Window)
	if err == nil {
		c.collectors(ctx, service, cfg)
	}
	return c.conclude(ctx, err)
}

type check struct {
	io.Writer
	cfg          client.Config
	secretSource string
	setting      func(key string) string
	proxy        string        // host and port, or ""
	skew         time.Duration // the service's clock minus the local one, at the last response
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
		c.say(warning, "The user is not an administrator and sees only their own meetings. To see all meetings, %s", c.becomeAdministrator())
	default:
		c.say(warning, "The service does not say whether the user is an administrator. Any other user sees only their own meetings.")
	}
	return nil
}

// read lists the history of the window, or of its last part if the window has
// more pages than a minute of requests can read.
func (c *check) read(ctx context.Context, service *client.Client, window time.Duration) error {
	now := c.now()
	first, err := service.FirstPage(ctx, now.Add(-window), now)
	if err != nil {
		return err
	}
	if most := first.PageSize * max(c.cfg.MaxRequestsPerMinute, 2); first.Announced > most {
		whole := window
		window = time.Duration(float64(window) * float64(most) / float64(first.Announced))
		c.say(warning, "The last %s have %s. Only the last %s are read here.", inWords(whole), count(first.Announced, "meeting"), inWords(window))
	}
	listing, err := service.History(ctx, now.Add(-window), now)
	if err != nil {
		return err
	}
	c.say(good, "Read the history of the last %s: %s on %s.", inWords(window), count(len(listing.Meetings), "meeting"), count(listing.Pages, "page"))
	c.describe(listing)
	if len(listing.Meetings) == 0 && listing.Defects[meeting.NotEnded] > 0 {
		return errNothingEnded
	}
	return nil
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
			kinds = append(kinds, fmt.Sprintf("%d %s", types[t], t))
		}
		c.say(good, "These are %s; they are of %s; the latest end is %s UTC.",
			strings.Join(kinds, ", "), count(len(departments), "department"), newest.Format("2006-01-02 15:04"))
	}
	records := 0
	for _, d := range meeting.Defects() {
		n := listing.Defects[d]
		switch {
		case n == 0:
		case d == meeting.NotEnded:
			c.say(good, "Passed over because the meeting has not ended: %s.", count(n, "record"))
		case d == meeting.BadNumber:
			c.say(warning, "Left out of meetings that are used: %s without a credible value; see the metric invalid_records{reason=%q}.", count(n, "number"), d)
		default:
			c.say(warning, "Left out: %s; see the metric invalid_records{reason=%q}.", count(n, "record"), d)
		}
		records += n
	}
	switch {
	case len(listing.Meetings) == 0 && records == 0:
		c.say(warning, "The service lists no meetings for this time. If this is unexpected, check the user's role and the site of the endpoint.")
	case listing.Paging == client.PagingUnknown:
		c.say(good, "How the service pages is found out once there is a second page.")
	default:
		c.say(good, "How the service pages: %s.", listing.Paging)
	}
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

// inWords formats a duration to the minute, or to the second if it is shorter.
// It leaves out parts that are 0.
func inWords(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	s := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if strings.HasSuffix(s, "h0m") {
		return strings.TrimSuffix(s, "0m")
	}
	return s
}

// count returns a number with its noun in the singular or plural.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
