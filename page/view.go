package page

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/client"
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

// course is the picture of the meetings that ended in each step of the window.
type course struct {
	Bars  []bar
	Most  bar
	Step  time.Duration
	Steps float64     // in the window; the first bar may be of a part of a step
	Dated bool        // times need a date
	Ticks []time.Time // evenly spread
}

type bar struct {
	From, To         time.Time
	Meetings         int64
	X, Y, Wide, Tall float64 // X and Wide in steps, Y and Tall of 100
}

// Hourly reports whether a step is an hour.
func (c course) Hourly() bool { return c.Step == time.Hour }

// Hours returns the hours of a step.
func (c course) Hours() int { return int(c.Step / time.Hour) }

// maxBars is how many bars are still told apart on a phone.
const maxBars = 48

func newCourse(snapshot *ledger.Snapshot, window time.Duration, now time.Time) course {
	c := course{Step: time.Hour * max(1, (window+maxBars*time.Hour-1)/(maxBars*time.Hour)), Dated: window > 24*time.Hour}
	inSteps := func(d time.Duration) float64 { return float64(d) / float64(c.Step) }
	c.Steps = inSteps(window)
	meetings := snapshot.Course(now, c.Step)
	end := now.Truncate(time.Minute)
	begin := end.Add(-window)
	for i, n := range meetings {
		to := end.Add(-c.Step * time.Duration(len(meetings)-1-i))
		b := bar{From: to.Add(-c.Step), To: to, Meetings: n}
		if b.From.Before(begin) {
			b.From = begin
		}
		b.X, b.Wide = inSteps(b.From.Sub(begin)), 0.8*inSteps(to.Sub(b.From))
		if c.Bars = append(c.Bars, b); n > c.Most.Meetings {
			c.Most = b
		}
	}
	for i := range c.Bars {
		b := &c.Bars[i]
		b.Tall = 100 * float64(b.Meetings) / float64(max(c.Most.Meetings, 1))
		b.Y = 100 - b.Tall
	}
	const intervals = 4
	for i := range intervals + 1 {
		c.Ticks = append(c.Ticks, end.Add(-window*time.Duration(intervals-i)/intervals))
	}
	return c
}

// capacity is one resource that the enterprise has bought.
type capacity struct {
	Resource    string // value of the label resource
	Name        string
	Consumed    bool    // it is used up by meetings, and not by what is registered
	Used, Quota float64 // negative if unknown
	Percent     float64 // used; negative if unknown
	Expired     float64 // 0 if nothing is known to have expired
	Expiry      time.Time
}

// readCapacity returns what is known of the resources: at first those that meetings
// use up, and the one with the largest share in use first.
func readCapacity(w words, r *poller.Resources, now time.Time) []capacity {
	usage, usageKnown := r.Usage(now)
	quotas, _ := r.Quotas(now)
	expiry, _ := r.Expiry(now)
	inUse := map[string]float64{}
	if usageKnown {
		inUse = map[string]float64{
			client.ConcurrentParticipants: float64(usage.Participants),
			client.LiveStreams:            float64(usage.LiveStreams),
			client.RecordingStorage:       float64(usage.RecordingStorage),
		}
	}
	names := map[string]bool{}
	for _, known := range []func(yield func(string) bool){maps.Keys(inUse), maps.Keys(quotas), maps.Keys(expiry)} {
		for name := range known {
			names[name] = true
		}
	}
	var all []capacity
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c := capacity{Resource: name, Name: w.resource(name), Used: -1, Quota: -1, Percent: -1}
		if q, ok := quotas[name]; ok {
			c.Used, c.Quota, c.Expired = float64(q.Used), float64(q.Quota), max(0, float64(q.Expired))
		}
		if used, ok := inUse[name]; ok {
			c.Used, c.Consumed = used, true
		}
		if name == client.RecordingStorage {
			c.Used, c.Quota, c.Expired = c.Used/1e9, c.Quota/1e9, c.Expired/1e9
		}
		if c.Used >= 0 && c.Quota > 0 {
			c.Percent = 100 * c.Used / c.Quota
		}
		if at, ok := expiry[name]; ok {
			c.Expiry = at.In(now.Location())
		}
		if c.Used < 0 && c.Quota <= 0 && c.Expired == 0 && c.Expiry.IsZero() {
			continue
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b capacity) int {
		switch {
		case a.Consumed && !b.Consumed:
			return -1
		case b.Consumed && !a.Consumed:
			return 1
		}
		return cmp.Compare(b.Percent, a.Percent)
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
