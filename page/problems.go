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

// gravity orders the states, the worst first.
func (s state) gravity() int {
	return slices.Index([]state{failing, attention, starting, well}, s)
}

// stateOf returns the state that matters most.
func stateOf(s section, poll *poller.Status) state {
	switch grave := func(p problem) bool { return p.Grave }; {
	case slices.ContainsFunc(s.Problems, grave):
		return failing
	case poll.Ended.IsZero() && !s.Known:
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
	// manyDefects is more than how many bad records of one kind are unusual, as in
	// the alerts.
	manyDefects = 5
)

// problems returns what is wrong, the gravest first. Folded is how many meetings of
// the window are counted under other departments. What expired is no problem: many
// enterprises have resources that they gave up long ago.
func (w words) problems(e Enterprise, s section, poll *poller.Status, folded int64, now time.Time) (all []problem) {
	add := func(grave bool, text, cure string) { all = append(all, problem{grave, text, cure}) }
	switch {
	case poll.Failure != "":
		text, cure := w.failure(poll.Failure, e.Setting)
		add(!s.Known, w.t("The last poll failed. %s", text), cure)
	case s.Known || poll.Ended.IsZero():
	case s.LastSuccess.After(now):
		add(true, w.t("The last complete poll lies in the future, so the numbers of the window may be wrong."), w.t("Check the clock of this machine. The numbers come back with the next complete poll."))
	default:
		add(true, w.t("The numbers of the window are too old to be shown."), w.t("They come back with the next complete poll. If none comes, see the log."))
	}
	if poll.Role == client.RoleUser {
		add(false, w.t("The signed-in user is not an administrator, so only this user's own meetings are counted."),
			w.t("Leave %s empty, or make the user an administrator.", e.Setting("user_id")))
	}
	for _, status := range e.optional() {
		// What fails the polls fails the collectors too.
		if status.Success || len(status.Failures) == 0 || poll.Failure != "" {
			continue
		}
		add(false, w.t("The collector %s fails.", status.Name),
			w.t("See the log. Run the command check with the same flags: it says whether this user may read it. --no-collector.%s switches it off.", status.Name))
	}
	for _, c := range s.Capacity {
		if c.Consumed && c.Percent >= nearlyUsed {
			cure := w.t("Use fewer at once, or buy more.")
			if c.Resource == client.RecordingStorage {
				cure = w.t("Delete old recordings on the console, or buy more.")
			}
			add(false, w.t("%s: %s of the quota is in use.", c.Name, w.percent(c.Percent)), cure)
		}
		if !c.Expiry.IsZero() && c.Expiry.Sub(now) < soonExpired {
			add(false, w.t("%s: some of it expires on %s.", c.Name, c.Expiry.Format(time.DateOnly)), w.t("Renew it on the console, if it is still needed."))
		}
	}
	bad := 0
	for _, n := range poll.Defects {
		if n > manyDefects {
			bad += n
		}
	}
	if bad > 0 {
		add(false, w.t("%d records of the service are wrong or incomplete, so they are counted in part or not at all.", bad),
			w.t("The metric huaweicloud_meeting_invalid_records tells the reasons. See whether a newer release of the exporter reads them."))
	}
	if folded > 0 {
		add(false, w.t("There are too many departments. Meetings of the window under other departments: %d.", folded),
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
func (w words) failure(reason client.Reason, setting func(key string) string) (text, cure string) {
	switch reason {
	case client.Auth:
		return w.t("The service refuses the sign-in."), w.t("Check the App ID or account, its secret, and the clock of this machine. Run the command check with the same flags: it says which of them is wrong.")
	case client.Permission:
		return w.t("This user may not list the meetings."), w.t("Leave %s empty, or make the user an administrator.", setting("user_id"))
	case client.Throttled:
		return w.t("The service received too many requests."), w.t("See what else uses this App ID, or lower %s.", setting("max_requests_per_minute"))
	case client.Server:
		return w.t("The service has an error of its own."), w.t("Wait. If it lasts, ask the support of Huawei Cloud.")
	case client.Network:
		return w.t("No complete answer arrives from the service."), w.t("Check the network, the proxy and %s. Run the command check with the same flags: it says which of them is wrong.", setting("endpoint"))
	case client.Response:
		return w.t("The answer is not that of Huawei Cloud Meeting."), w.t("Check %s, and whether a proxy answers in its place.", setting("endpoint"))
	case client.Incomplete:
		return w.t("The service sends fewer meetings than it announces."), w.t("Wait for the next poll. If it lasts, see the log.")
	case poller.Storage:
		return w.t("The file of %s cannot be written.", setting("storage_path")), w.t("See the log. Is the disk full, or may the exporter not write there?")
	}
	return w.t("The exporter itself failed."), w.t("See the log, and report the fault.")
}
