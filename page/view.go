package page

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/poller"
)

const (
	// briefRows is how many departments the section of one of several enterprises
	// shows.
	briefRows = 10
	// maxSections is from how many enterprises on the page is their list alone.
	maxSections = 10
)

// view is what the template shows.
type view struct {
	Lang, Version           string
	Styles                  template.CSS
	Now                     time.Time
	Zone                    string
	Window                  string // in words
	Metrics, Healthy, Ready string // relative links: a reverse proxy may put a prefix before them
	Languages               []link
	// Several is set if there are several enterprises. Alone is set if one of them
	// is asked for.
	Several, Alone bool
	// ListAlone is set if there are too many enterprises for a section each.
	ListAlone bool
	Sections  []section // the one in the worst state first
}

type link struct {
	Lang, Text, Address string
	Current             bool
}

// section is what there is to say of one enterprise.
type section struct {
	Name, ID, Address string
	State             state
	Problems          []problem
	LastSuccess       time.Time // zero if there is none
	Next              time.Time // of the polls; zero if one is under way

	Known              bool // the window, and all up to LiveKnown
	Total              row
	Peak               int64
	Departments, Types []row
	More               int // how many departments the enterprise's own page shows; 0 if no more
	Course             course

	LiveKnown  bool
	Uncounted  int // meetings in progress of which the number of people is unknown
	Capacity   []capacity
	Attendance *attendance // nil if it is not counted
}

// row is what happened, and what goes on, under one label.
type row struct {
	Name string
	ledger.Sums
	Share       float64 // of the meetings of the largest row, in percent
	Running     int
	Online      int64
	OnlineKnown bool
}

// Counts reports whether the number of people is known.
func (r row) Counts() bool { return r.OnlineKnown || r.Running == 0 }

func (r row) isEmpty() bool { return r.Sums == ledger.Sums{} && r.Running == 0 }

type attendance struct {
	ledger.AttendanceSums
	Pending int
	Since   time.Time
}

// view reads what is published. It returns false if an enterprise is asked for that
// there is not.
func (p *page) view(w words, asked string) (view, bool) {
	now := p.cfg.Now()
	// One zone for all times: the page names it once, and the hour that the end of
	// summer time repeats must not be there twice.
	_, offset := now.Zone()
	now = now.In(time.FixedZone("", offset))
	v := view{
		Lang: w.tag.String(), Version: p.cfg.Version, Styles: template.CSS(styles), //nolint:gosec // a file of this package
		Now: now, Zone: now.Format("UTC-07:00"), Window: w.length(p.cfg.Window),
		Metrics: "." + p.cfg.Metrics, Healthy: "." + p.cfg.Healthy, Ready: "." + p.cfg.Ready,
		Several: len(p.cfg.Enterprises) > 1, Alone: asked != "",
	}
	v.ListAlone = len(p.cfg.Enterprises) > maxSections && !v.Alone
	address := func(lang, enterprise string) string {
		to := url.Values{"lang": {lang}}
		if enterprise != "" {
			to.Set("enterprise", enterprise)
		}
		return "?" + to.Encode()
	}
	for i, name := range []string{"English", "简体中文"} {
		tag := languages[i].String()
		v.Languages = append(v.Languages, link{tag, name, address(tag, asked), tag == v.Lang})
	}
	for i, e := range p.cfg.Enterprises {
		if v.Alone && e.Name != asked {
			continue
		}
		s := p.section(w, e, now)
		s.ID, s.Address = fmt.Sprintf("enterprise-%d", i+1), address(v.Lang, e.Name)
		if v.Several && !v.Alone && len(s.Departments) > briefRows {
			s.More = len(s.Departments)
			s.Departments = s.Departments[:briefRows]
		}
		v.Sections = append(v.Sections, s)
	}
	slices.SortStableFunc(v.Sections, func(a, b section) int { return cmp.Compare(a.State.gravity(), b.State.gravity()) })
	return v, !v.Alone || len(v.Sections) > 0
}

func (p *page) section(w words, e Enterprise, now time.Time) section {
	snapshot, poll := e.Snapshot(), e.Poller()
	s := section{Name: e.Name, LastSuccess: snapshot.LastPoll()}
	if poll.Next.After(now) {
		s.Next = poll.Next.In(now.Location())
	}
	var recent []ledger.LabeledSums
	if s.Peak, s.Known = snapshot.PeakConcurrent(now); s.Known {
		recent = snapshot.Recent(now)
		s.Course = newCourse(snapshot, p.cfg.Window, now)
	}
	var live poller.LiveMeetings
	if e.Live != nil {
		live, s.LiveKnown = e.Live.Meetings(now)
		s.Uncounted = live.WithoutCount
	}
	s.Departments = rows(recent, live, func(set ledger.LabelSet) string { return set.Department }, w.department)
	s.Types = rows(recent, live, func(set ledger.LabelSet) meeting.Type { return set.Type }, w.meetingType)
	for _, t := range rows(recent, live, func(ledger.LabelSet) string { return "" }, w.department) {
		s.Total = t
	}
	if e.Resources != nil {
		s.Capacity = readCapacity(w, e.Resources, now)
	}
	if since, ok := snapshot.AttendanceBegan(); ok && e.Attendance != nil && !s.LastSuccess.IsZero() {
		s.Attendance = &attendance{snapshot.AttendanceSoFar(), snapshot.Pending(), since.In(now.Location())}
	}
	folded := int64(0)
	for _, one := range recent {
		if one.Department == meeting.OtherDepartment {
			folded += one.Meetings
		}
	}
	s.Problems = w.problems(e, s, poll, folded, now)
	s.State = stateOf(s, poll)
	return s
}

// rows adds up by one label, and gives each row the name of its value. The largest
// row comes first. Empty ones are left out.
func rows[V comparable](recent []ledger.LabeledSums, live poller.LiveMeetings, label func(ledger.LabelSet) V, name func(V) string) []row {
	byValue := map[V]row{}
	for _, one := range recent {
		r := byValue[label(one.LabelSet)]
		r.Sums = r.Plus(one.Sums)
		byValue[label(one.LabelSet)] = r
	}
	for _, one := range live.Sums {
		r := byValue[label(one.LabelSet)]
		r.Running += one.Meetings
		r.Online += one.Online
		r.OnlineKnown = r.OnlineKnown || one.Known && one.Meetings > 0
		byValue[label(one.LabelSet)] = r
	}
	var all []row
	var most int64
	for value, r := range byValue {
		if r.Name = name(value); !r.isEmpty() {
			all, most = append(all, r), max(most, r.Meetings)
		}
	}
	for i := range all {
		all[i].Share = 100 * float64(all[i].Meetings) / float64(max(most, 1))
	}
	slices.SortFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.Meetings, a.Meetings), cmp.Compare(b.Running, a.Running), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// A part of the template takes one argument. These are for the parts that need more.

type sectionOfPage struct {
	Page    view
	Section section
}

func arguments(page view, s section) sectionOfPage { return sectionOfPage{page, s} }

type table struct {
	Section     section
	ID, Caption string
	Rows        []row
}

func newTable(s section, id, caption string, rows []row) table { return table{s, id, caption, rows} }
