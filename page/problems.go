package page

import (
	"slices"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
)

// problem is something that is wrong, and what to do.
type problem struct {
	Grave      bool // otherwise the numbers that are shown are right
	Text, Cure string
}

// state says in one word whether all is well. It is a class of the styles.
type state string

const (
	well      state = "well"
	starting  state = "starting"
	attention state = "attention"
	failing   state = "failing"
)

// stateOf returns the state that matters most.
func stateOf(s section) state {
	switch grave := func(p problem) bool { return p.Grave }; {
	case slices.ContainsFunc(s.Problems, grave):
		return failing
	case s.Poll.Ended.IsZero() && !s.Known:
		return starting
	case len(s.Problems) > 0:
		return attention
	}
	return well
}

const (
	// nearlyUsed is the share of a quota, in percent, from which on the page warns.
	// It is that of the alerts.
	nearlyUsed = 90
	// soonExpired is how long before the expiry of a resource the page warns.
	soonExpired = 30 * 24 * time.Hour
)

// problems returns what is wrong, the gravest first. Folded is how many meetings of
// the window are counted under other departments.
func (w words) problems(e Enterprise, s section, folded int64, now time.Time) (all []problem) {
	add := func(grave bool, text, cure string) { all = append(all, problem{grave, text, cure}) }
	if s.Poll.Failure != "" {
		text, cure := w.failure(s.Poll.Failure)
		add(!s.Known, w.t("The last poll failed. %s", text), cure)
	}
	if !s.Known && !s.LastSuccess.IsZero() && s.Poll.Failure == "" {
		add(true, w.t("The numbers of the window are too old to be shown."), w.t("They come back with the next complete reading."))
	}
	if s.Poll.Role == client.RoleUser {
		add(false, w.t("The signed-in user is not an administrator, so only this user's own meetings are counted."),
			w.t("Leave --huaweicloud.user-id empty, or make the user an administrator."))
	}
	for _, status := range e.optional() {
		if status.Success || len(status.Failures) == 0 {
			continue
		}
		add(false, w.t("The collector %s fails.", status.Name),
			w.t("See the log. The command check says whether this user may read it. --no-collector.%s switches it off.", status.Name))
	}
	for _, c := range s.Capacity {
		if c.Consumed && c.Percent >= nearlyUsed {
			add(false, w.t("%s: %s %% of the quota is in use.", c.Name, w.n(c.Percent)), w.t("Free some of it, or buy more."))
		}
		if c.Expired > 0 {
			add(false, w.t("%s: %s have expired.", c.Name, w.n(c.Expired)), w.t("Renew them on the console, if they are still needed."))
		}
		if !c.Expiry.IsZero() && c.Expiry.Sub(now) < soonExpired {
			add(false, w.t("%s: some of it expires on %s.", c.Name, c.Expiry.Format(time.DateOnly)), w.t("Renew it on the console, if it is still needed."))
		}
	}
	left := 0
	for _, n := range s.Poll.Defects {
		left += n
	}
	if left > 0 {
		add(false, w.t("%d records of the service are wrong or incomplete, so they are counted in part or not at all.", left),
			w.t("The metric huaweicloud_meeting_invalid_records tells the reasons."))
	}
	if folded > 0 {
		add(false, w.t("%d meetings of the window are counted under other departments, because there are too many departments.", folded),
			w.t("Raise --history.max-departments."))
	}
	return all
}

// optional returns the records of the collectors that are switched on.
func (e Enterprise) optional() (all []*poller.OptionalStatus) {
	if e.Live != nil {
		all = append(all, e.Live.Status())
	}
	if e.Resources != nil {
		all = append(all, e.Resources.Status())
	}
	if e.Attendance != nil {
		all = append(all, e.Attendance.Status())
	}
	return all
}

// failure says why a poll failed, and what to do.
func (w words) failure(reason client.Reason) (text, cure string) {
	switch reason {
	case client.Auth:
		return w.t("The service refuses the sign-in."), w.t("Check the App ID or account, its secret, and the clock of this machine. The command check tells them apart.")
	case client.Permission:
		return w.t("This user may not list the meetings."), w.t("Leave --huaweicloud.user-id empty, or make the user an administrator.")
	case client.Throttled:
		return w.t("The service received too many requests."), w.t("See what else uses this App ID, or lower --huaweicloud.max-requests-per-minute.")
	case client.Server:
		return w.t("The service has an error of its own."), w.t("Wait. If it lasts, ask the support of Huawei Cloud.")
	case client.Network:
		return w.t("No complete answer arrives from the service."), w.t("Check the network, the proxy and --huaweicloud.endpoint. The command check tells them apart.")
	case client.Response:
		return w.t("The answer is not that of Huawei Cloud Meeting."), w.t("Check --huaweicloud.endpoint, and whether a proxy answers in its place.")
	case client.Incomplete:
		return w.t("The service sends fewer meetings than it announces."), w.t("Wait for the next poll. If it lasts, see the log.")
	case poller.Storage:
		return w.t("The file of --storage.path cannot be written."), w.t("See the log. Is the disk full, or may the exporter not write there?")
	}
	return w.t("The exporter itself failed."), w.t("See the log, and report the fault.")
}
