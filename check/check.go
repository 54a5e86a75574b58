// Package check tries what polling needs, and gives advice in plain words.
//
// It promises to name what was tried, what came back and what to do, without
// any key, password or personal data.
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

// signOutTimeout keeps a service that hangs from holding up the end.
const signOutTimeout = 2 * time.Second

// noticeableSkew is a difference of clocks worth a word.
const noticeableSkew = time.Minute

// Run signs in, reads the first page of the recent window, and writes what it
// found. It returns an error, one sentence, if polling would not work. Every
// request is tried once only, so that an answer comes soon.
func Run(ctx context.Context, cfg client.Config, window time.Duration, w io.Writer) error {
	c := &check{Writer: w, cfg: cfg}
	c.cfg.MaxAttempts = 1
	c.cfg.Observe = func(ex client.Exchange) {
		if !ex.Date.IsZero() {
			c.skew = ex.Date.Sub(c.now())
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
			c.say(warning, "The token was not given back: %v.", err)
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
	skew time.Duration // the service's clock minus ours, at the last answer
}

// Marks of the lines.
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
	way := "the App ID"
	if c.cfg.AppID == "" {
		way = "the account"
	}
	role, err := service.SignIn(ctx)
	if err != nil {
		return err
	}
	expiry, _, err := service.Session(ctx)
	if err != nil {
		return err
	}
	c.say(good, "Signed in at %s with %s; the token is valid for %s.", c.host(), way, inWords(expiry.Sub(c.now())))
	if c.skew.Abs() > noticeableSkew {
		c.say(warning, "The local clock is %s. Set it by NTP: sign-ins fail from 10 minutes on.", c.clockOff())
	}
	switch role {
	case client.RoleAdministrator:
		c.say(good, "The user is an administrator, so that the meetings of the whole enterprise are seen.")
	case client.RoleUser:
		c.say(warning, "The user is not an administrator, so that only their own meetings are seen: sign in as one who is, or leave --huaweicloud.user-id empty.")
	default:
		c.say(warning, "The service does not tell whether the user is an administrator; if not, only their own meetings are seen.")
	}
	return nil
}

func (c *check) read(ctx context.Context, service *client.Client, window time.Duration) error {
	now := c.now()
	page, err := service.FirstPage(ctx, now.Add(-window), now)
	if err != nil {
		return err
	}
	c.say(good, "Read the history of the last %s: %d meetings, %d of them on the first page.", inWords(window), page.Total, len(page.Meetings))
	if page.Total == 0 {
		c.say(warning, "No meeting that started in that time has ended. If there should be some, look at the user's role and at the endpoint's site.")
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
		if n := page.Defects[d]; n > 0 {
			c.say(warning, "%d records are not usable (%s); see invalid_records in the README.", n, d)
		}
	}
	return nil
}

// conclude writes the last line, and returns the error of the command.
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

func (c *check) clockOff() string {
	way := "behind"
	if c.skew < 0 {
		way = "ahead of"
	}
	return fmt.Sprintf("%s %s the service's", inWords(c.skew.Abs()), way)
}

// inWords writes a duration to the minute, without parts that are 0.
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
