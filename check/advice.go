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

// advise says in one sentence what is wrong, and what to do about it.
func (c *check) advise(err error) (sentence, todo string) {
	var e *client.Error
	if !errors.As(err, &e) {
		return "Something unexpected failed.", "read what came back."
	}
	switch e.Reason {
	case client.Auth:
		return c.adviseSignIn(e)
	case client.Permission:
		return "The user may not list the history of meetings.",
			"give the user the role of an administrator, or leave --huaweicloud.user-id empty to sign in as the default administrator."
	case client.Throttled:
		return "The service says that it is asked too often.",
			"wait a minute and try again. If the problem persists, another client of the same account uses up the limit, or --huaweicloud.max-requests-per-minute is too high."
	case client.Server:
		return "The service itself fails.", "try again later. The exporter keeps trying and catches up."
	case client.Network:
		if errors.Is(err, client.ErrCertificate) {
			return fmt.Sprintf("The certificate of %s is not trusted.", c.host()),
				"name the file of your proxy's or operator's CA certificate in the environment variable SSL_CERT_FILE."
		}
		return fmt.Sprintf("No answer comes from %s.", c.host()),
			"check --huaweicloud.endpoint, name resolution, the firewall, and the proxy variables HTTPS_PROXY and NO_PROXY."
	}
	if e.Status == 0 {
		return "The service lists records, and none of them is usable.",
			"report this line to the maintainers of the exporter: the service writes its records in another way than they know."
	}
	return fmt.Sprintf("What answers at %s is not the meeting API.", c.host()),
		"check --huaweicloud.endpoint. It is https://api.meeting.huaweicloud.com in China and https://api-intl.meeting.huaweicloud.com elsewhere, not the address of the portal. A proxy may also answer in its place."
}

// adviseSignIn distinguishes the reasons for which the service refuses a
// sign-in.
func (c *check) adviseSignIn(e *client.Error) (sentence, todo string) {
	secret, flag := "App Key", "--huaweicloud.app-key-file"
	if c.cfg.AppID == "" {
		secret, flag = "password", "--huaweicloud.password-file"
	}
	switch {
	case e.Op == client.OpHistory:
		return "The service lets the user sign in, but does not accept the sign-in for the history.",
			"give the user the role of an administrator, and check that --huaweicloud.corp-id is set in SP mode only."
	case e.Status == 0:
		return fmt.Sprintf("The %s cannot be read.", secret), "check " + flag + "."
	case e.ExpiredSignature(), c.cfg.AppID != "" && c.skew > maxSkew:
		return fmt.Sprintf("The clock is off: the local one is %s.", c.clockDifference()),
			"set the clock by NTP. A sign-in is signed with the time."
	case e.Status == http.StatusPreconditionFailed:
		return "The account is disabled.", "ask an administrator of the enterprise to enable it."
	case e.Status == http.StatusLocked:
		return "The account is locked.", "wait until the service unlocks it, and correct the " + secret + " before you try again. Each wrong attempt locks it for longer."
	case e.UnknownUser():
		return "The service does not know this user, or the user is not active.",
			"check --huaweicloud.user-id, or leave it empty to sign in as the default administrator."
	case e.WrongCredentials(), e.Status == http.StatusUnauthorized:
		return fmt.Sprintf("The %s is wrong.", secret),
			fmt.Sprintf("copy it again, without blanks, to the file that %s names. Check that it belongs to this App ID or account, and that --huaweicloud.corp-id is set in SP mode only.", flag)
	}
	return "The service refuses the sign-in.",
		"check that the App ID is enabled, and that --huaweicloud.corp-id is set in SP mode only."
}
