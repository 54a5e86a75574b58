package check

import (
	"errors"
	"fmt"
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

const report = "report this line to the maintainers of the exporter"

// advise says in one sentence what is wrong, and what to do about it.
func (c *check) advise(err error) (sentence, todo string) {
	if errors.Is(err, errNothingEnded) {
		return "The service lists records, and all of them are of meetings that have not ended.",
			"try again after a meeting has ended. If meetings have ended in this time, " + report + "."
	}
	var e *client.Error
	if !errors.As(err, &e) {
		return "Something unexpected failed.", "read what came back."
	}
	switch {
	case e.Reason == client.Network:
		return c.adviseNetwork(e)
	case e.Reason == client.Throttled:
		return "The service says that it is asked too often.",
			"wait a minute and try again. If the problem persists, another client of the same account uses up the limit, or " + c.setting("max_requests_per_minute") + " is too high."
	case e.Reason == client.Incomplete:
		return "The service announces more records than it sends, or its pages do not fit together.",
			"try again, because meetings may have come and gone meanwhile. If the problem persists, all polls fail as incomplete: " + report + "."
	case e.Reason == client.Auth && e.Status == 0:
		return fmt.Sprintf("The %s cannot be read.", c.secretName()), "check " + c.secretSource + "."
	case e.Status == 0:
		return "The service lists records, and none of them is usable.",
			report + ": the service writes its records in another way than they know."
	case e.Reason == client.Server && e.Code == "":
		return fmt.Sprintf("%s fails, or a proxy or gateway before it.", c.host()), "try again later. The exporter keeps trying and catches up."
	case e.Reason == client.Server:
		return fmt.Sprintf("The service itself fails with the code %s.", e.Code), "try again later. The exporter keeps trying and catches up."
	case e.Code == "":
		return c.adviseEndpoint()
	case e.Status == http.StatusNotFound:
		_, todo = c.adviseEndpoint()
		return fmt.Sprintf("What answers at %s does not offer the meeting API, and says so with the code %s.", c.host(), e.Code), todo
	case e.Op != client.OpHistory:
		return c.adviseSignIn(e)
	case e.Reason == client.Permission:
		return "The user may not list the history of meetings.", c.becomeAdministrator() + " The code is " + e.Code + "."
	case e.Reason == client.Auth:
		return "The service lets the user sign in, but does not accept the sign-in for the history.",
			c.becomeAdministrator() + c.adviseCorpID() + " The code is " + e.Code + "."
	}
	return fmt.Sprintf("The service refuses to list the history with the code %s.", e.Code),
		"check " + c.setting("endpoint") + ", and look the code up in the service's list of error codes."
}

// adviseEndpoint is for responses without a code of the API.
func (c *check) adviseEndpoint() (sentence, todo string) {
	other := "A proxy or firewall may also answer in its place."
	if c.proxy != "" {
		other = fmt.Sprintf("The proxy %s or a firewall may also answer in its place.", c.proxy)
	}
	return fmt.Sprintf("What answers at %s is not the meeting API.", c.host()),
		"check " + c.setting("endpoint") + ". It is https://api.meeting.huaweicloud.com in China and https://api-intl.meeting.huaweicloud.com elsewhere, not the address of the portal. " + other
}

// adviseSignIn distinguishes the codes with which the service refuses a
// sign-in.
func (c *check) adviseSignIn(e *client.Error) (sentence, todo string) {
	secret := c.secretName()
	clockIsOff := c.skew.Abs() > noticeableSkew
	switch {
	case clockIsOff && e.ExpiredSignature(), c.cfg.AppID != "" && c.skew > maxSkew:
		return fmt.Sprintf("The clock is off: the local one is %s.", c.clockDifference()),
			"set the clock by NTP. A sign-in is signed with the time."
	case e.ExpiredSignature():
		return "The service takes the signature for an old one, although the clocks agree.",
			"try again. If the problem persists, " + report + "."
	case e.Status == http.StatusPreconditionFailed:
		return "The account is disabled.", "ask an administrator of the enterprise to enable it."
	case e.Status == http.StatusLocked:
		return "The account is locked.", "wait until the service unlocks it, and correct the " + secret + " before you try again. Each wrong attempt locks it for longer."
	case e.UnknownUser() && c.cfg.AppID == "":
		return "The service does not know this account, or the account is not active.", "check " + c.setting("account") + "."
	case e.UnknownUser() && c.cfg.UserID == "":
		return "The service does not know the user of this App ID, or the user is not active.",
			"check that the App ID is enabled, and that the enterprise has an active default administrator." + c.adviseCorpID()
	case e.UnknownUser():
		return "The service does not know this user, or the user is not active.",
			"check " + c.setting("user_id") + ", or leave it empty to sign in as the default administrator." + c.adviseCorpID()
	case e.WrongCredentials(), e.Status == http.StatusUnauthorized:
		owner := "App ID, " + c.setting("app_id")
		if c.cfg.AppID == "" {
			owner = "account, " + c.setting("account")
		}
		return fmt.Sprintf("The %s is wrong.", secret),
			fmt.Sprintf("copy it again to %s. Check that it belongs to this %s.%s", c.secretSource, owner, c.adviseCorpID())
	}
	return fmt.Sprintf("The service refuses the sign-in with the code %s.", e.Code),
		"look the code up in the service's list of error codes." + c.adviseCorpID()
}

func (c *check) secretName() string {
	if c.cfg.AppID == "" {
		return "password"
	}
	return "App Key"
}

// adviseCorpID returns another sentence about the flag that only some sign-ins
// with an App ID need. It returns "" for an account.
func (c *check) adviseCorpID() string {
	switch {
	case c.cfg.AppID == "":
		return ""
	case c.cfg.CorpID == "":
		return " In SP mode, set " + c.setting("corp_id") + "."
	}
	return " Leave " + c.setting("corp_id") + " out unless the App ID is one of SP mode."
}

// becomeAdministrator says how to sign in as an administrator.
func (c *check) becomeAdministrator() string {
	if c.cfg.UserID == "" {
		return "give the user the role of an administrator."
	}
	return "give the user the role of an administrator, or leave " + c.setting("user_id") + " empty to sign in as the default administrator."
}
