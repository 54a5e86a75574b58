package check

import (
	"errors"
	"net/http"
	"time"

	"huaweicloud_meeting_exporter/client"
)

// maxSkew is the difference of clocks at which sign-ins fail: the client makes
// signatures that are valid for so long.
const maxSkew = 10 * time.Minute

// errNothingEnded means that the service lists meetings, and says of each that
// it has not ended.
var errNothingEnded = errors.New("every record says that its meeting has not ended")

// advise says in one sentence what is wrong, and what to do about it.
func (c *check) advise(err error) (sentence, todo string) {
	if errors.Is(err, errNothingEnded) {
		return c.text("The service lists records, and all of them are of meetings that have not ended."),
			c.text("try again after a meeting has ended. If meetings have ended in this time, report this line to the maintainers of the exporter.")
	}
	var e *client.Error
	if !errors.As(err, &e) {
		return c.text("Something unexpected failed."), c.text("read what came back.")
	}
	switch {
	case e.Reason == client.Network:
		return c.adviseNetwork(e)
	case e.Reason == client.Throttled:
		return c.text("The service says that it is asked too often."),
			c.text("wait a minute and try again. If the problem persists, another client of the same account uses up the limit, or %s is too high.", c.setting("max_requests_per_minute"))
	case e.Reason == client.Incomplete:
		return c.text("The service announces more records than it sends, or its pages do not fit together."),
			c.text("try again, because meetings may have come and gone meanwhile. If the problem persists, all polls fail as incomplete: report this line to the maintainers of the exporter.")
	case e.Reason == client.Auth && e.Status == 0:
		return c.text("The %s cannot be read.", c.secretName()), c.text("check %s, which should hold it.", c.secretSource())
	case e.Status == 0:
		return c.text("The service lists records, and none of them is usable."),
			c.text("report this line to the maintainers of the exporter: the service writes its records in another way than they know.")
	case e.Reason == client.Server && e.Code == "":
		return c.text("%s fails, or a proxy or gateway before it.", c.host()),
			c.text("try again later. The exporter keeps trying and catches up.")
	case e.Reason == client.Server:
		return c.text("The service itself fails with the code %s.", e.Code),
			c.text("try again later. The exporter keeps trying and catches up.")
	case e.Code == "":
		return c.text("What answers at %s is not the meeting API.", c.host()), c.checkEndpoint()
	case e.Status == http.StatusNotFound:
		return c.text("What answers at %s does not offer the meeting API, and says so with the code %s.", c.host(), e.Code), c.checkEndpoint()
	case e.Op != client.OpHistory:
		return c.adviseSignIn(e)
	case e.Reason == client.Permission:
		return c.text("The user may not list the history of meetings."),
			c.sentences(c.becomeAdministrator(), c.text("The code is %s.", e.Code))
	case e.Reason == client.Auth:
		return c.text("The service lets the user sign in, but does not accept the sign-in for the history."),
			c.sentences(c.becomeAdministrator(), c.adviseCorpID(), c.text("The code is %s.", e.Code))
	}
	return c.text("The service refuses to list the history with the code %s.", e.Code),
		c.text("check %s, and look the code up in the service's list of error codes.", c.setting("endpoint"))
}

// checkEndpoint is for responses that are not of the API.
func (c *check) checkEndpoint() string {
	other := c.text("A proxy or firewall may also answer in its place.")
	if c.proxy != "" {
		other = c.text("The proxy %s or a firewall may also answer in its place.", c.proxy)
	}
	return c.sentences(
		c.text("check %s. It is https://api.meeting.huaweicloud.com in China and https://api-intl.meeting.huaweicloud.com elsewhere, not the address of the portal.", c.setting("endpoint")),
		other)
}

// adviseSignIn distinguishes the codes with which the service refuses a
// sign-in.
func (c *check) adviseSignIn(e *client.Error) (sentence, todo string) {
	clockIsOff := c.skew.Abs() > noticeableSkew
	switch {
	case clockIsOff && e.ExpiredSignature(), c.cfg.AppID != "" && c.skew > maxSkew:
		return c.text("The clock is off: the local one is %s.", c.clockDifference()),
			c.text("set the clock by NTP. A sign-in is signed with the time.")
	case e.ExpiredSignature():
		return c.text("The service takes the signature for an old one, although the clocks agree."),
			c.text("try again. If the problem persists, report this line to the maintainers of the exporter.")
	case e.Status == http.StatusPreconditionFailed:
		return c.text("The account is disabled."), c.text("ask an administrator of the enterprise to enable it.")
	case e.Status == http.StatusLocked:
		return c.text("The account is locked."),
			c.text("wait until the service unlocks it, and correct the %s before you try again. Each wrong attempt locks it for longer.", c.secretName())
	case e.UnknownUser() && c.cfg.AppID == "":
		return c.text("The service does not know this account, or the account is not active."),
			c.text("check %s.", c.setting("account"))
	case e.UnknownUser() && c.cfg.UserID == "":
		return c.text("The service does not know the user of this App ID, or the user is not active."),
			c.sentences(c.text("check that the App ID is enabled, and that the enterprise has an active default administrator."), c.adviseCorpID())
	case e.UnknownUser():
		return c.text("The service does not know this user, or the user is not active."),
			c.sentences(c.text("check %s, or leave it empty to sign in as the default administrator.", c.setting("user_id")), c.adviseCorpID())
	case e.WrongCredentials(), e.Status == http.StatusUnauthorized:
		owner := c.text("Check that it belongs to this App ID, %s, and that %s is the site of this App ID.", c.setting("app_id"), c.setting("endpoint"))
		if c.cfg.AppID == "" {
			owner = c.text("Check that it belongs to this account, %s, and that %s is the site of this account.", c.setting("account"), c.setting("endpoint"))
		}
		return c.text("The %s is wrong.", c.secretName()),
			c.sentences(c.text("copy it again to %s.", c.secretSource()), owner, c.adviseCorpID())
	}
	return c.text("The service refuses the sign-in with the code %s.", e.Code),
		c.sentences(c.text("look the code up in the service's list of error codes."), c.adviseCorpID())
}

func (c *check) secretName() string {
	if c.cfg.AppID == "" {
		return c.text("password")
	}
	return c.text("App Key")
}

// secretSource says where the secret comes from.
func (c *check) secretSource() string {
	switch {
	case c.secretVariable != "":
		return c.text("the environment variable %s", c.secretVariable)
	case c.cfg.AppID == "":
		return c.text("the file that %s names", c.setting("password_file"))
	}
	return c.text("the file that %s names", c.setting("app_key_file"))
}

// adviseCorpID returns a sentence about the flag that only some sign-ins with an
// App ID need. It returns "" for an account.
func (c *check) adviseCorpID() string {
	switch {
	case c.cfg.AppID == "":
		return ""
	case c.cfg.CorpID == "":
		return c.text("In SP mode, set %s.", c.setting("corp_id"))
	}
	return c.text("Check %s too: it names the enterprise if the App ID is one of SP mode, and must be left out otherwise.", c.setting("corp_id"))
}

// becomeAdministrator says how to sign in as an administrator.
func (c *check) becomeAdministrator() string {
	if c.cfg.UserID == "" {
		return c.text("give the user the role of an administrator.")
	}
	return c.text("give the user the role of an administrator, or leave %s empty to sign in as the default administrator.", c.setting("user_id"))
}
