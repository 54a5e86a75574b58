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

// briefRows is how many departments the section of one of several enterprises
// shows.
const briefRows = 10

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
	Sections       []section
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
	Poll              *poller.Status
	LastSuccess       time.Time // zero if there is none

	Known              bool // the window, and all up to LiveKnown
	Total              row
	Peak               int64
	Departments, Types []row
	Hidden             int // departments that have a row on the enterprise's own page
	Course             course

	LiveKnown  bool
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

// view reads what is published. It returns false if the query asks for an enterprise
// that there is not.
func (p *page) view(w words, query url.Values) (view, bool) {
	now := p.cfg.Now()
	v := view{
		Lang: w.tag.String(), Version: p.cfg.Version, Styles: template.CSS(styles), //nolint:gosec // a file of this package
		Now: now, Zone: now.Format("UTC-07:00"), Window: w.length(p.cfg.Window),
		Metrics: "." + p.cfg.Metrics, Healthy: "." + p.cfg.Healthy, Ready: "." + p.cfg.Ready,
		Several: len(p.cfg.Enterprises) > 1, Alone: query.Has("enterprise"),
	}
	asked := query.Get("enterprise")
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
			s.Hidden = len(s.Departments) - briefRows
			s.Departments = s.Departments[:briefRows]
		}
		v.Sections = append(v.Sections, s)
	}
	return v, !v.Alone || len(v.Sections) > 0
}

func (p *page) section(w words, e Enterprise, now time.Time) section {
	snapshot := e.Snapshot()
	s := section{Name: e.Name, Poll: e.Poller(), LastSuccess: snapshot.LastPoll()}
	var recent []ledger.LabeledSums
	if s.Peak, s.Known = snapshot.PeakConcurrent(now); s.Known {
		recent = snapshot.Recent(now)
		s.Course = newCourse(snapshot, p.cfg.Window, now)
	}
	var live poller.LiveMeetings
	if e.Live != nil {
		live, s.LiveKnown = e.Live.Meetings(now)
	}
	s.Departments = rows(recent, live, func(set ledger.LabelSet) string { return w.department(set.Department) })
	s.Types = rows(recent, live, func(set ledger.LabelSet) string { return w.meetingType(set.Type) })
	for _, t := range rows(recent, live, func(ledger.LabelSet) string { return "" }) {
		s.Total = t
	}
	if e.Resources != nil {
		s.Capacity = readCapacity(w, e.Resources, now)
	}
	if since, ok := snapshot.AttendanceBegan(); ok && !s.LastSuccess.IsZero() {
		s.Attendance = &attendance{snapshot.AttendanceSoFar(), snapshot.Pending(), since.In(now.Location())}
	}
	folded := int64(0)
	for _, one := range recent {
		if one.Department == meeting.OtherDepartment {
			folded += one.Meetings
		}
	}
	s.Problems = w.problems(e, s, folded, now)
	s.State = stateOf(s)
	return s
}

// rows adds up under the names of the label sets. The largest row comes first.
// Empty ones are left out.
func rows(recent []ledger.LabeledSums, live poller.LiveMeetings, name func(ledger.LabelSet) string) []row {
	byName := map[string]row{}
	for _, one := range recent {
		r := byName[name(one.LabelSet)]
		r.Sums = r.Plus(one.Sums)
		byName[name(one.LabelSet)] = r
	}
	for _, one := range live.Sums {
		r := byName[name(one.LabelSet)]
		r.Running += one.Meetings
		r.Online += one.Online
		r.OnlineKnown = r.OnlineKnown || one.Known
		byName[name(one.LabelSet)] = r
	}
	var all []row
	var most int64
	for name, r := range byName {
		if r.Name = name; !r.isEmpty() {
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
	Dated bool        // times need a date
	Ticks []time.Time // evenly spread
}

type bar struct {
	From, To   time.Time
	Meetings   int64
	X, Y, Tall float64 // of 1 for each bar, and of 100
}

// Hourly reports whether a step is an hour.
func (c course) Hourly() bool { return c.Step == time.Hour }

// Hours returns the hours of a step.
func (c course) Hours() int { return int(c.Step / time.Hour) }

// maxBars is how many bars are still told apart on a phone.
const maxBars = 48

func newCourse(snapshot *ledger.Snapshot, window time.Duration, now time.Time) course {
	c := course{Step: time.Hour * max(1, (window+maxBars*time.Hour-1)/(maxBars*time.Hour)), Dated: window > 24*time.Hour}
	meetings := snapshot.Course(now, c.Step)
	end := now.Truncate(time.Minute)
	for i, n := range meetings {
		to := end.Add(-c.Step * time.Duration(len(meetings)-1-i))
		b := bar{From: to.Add(-c.Step), To: to, Meetings: n, X: float64(i)}
		if begin := end.Add(-window); b.From.Before(begin) {
			b.From = begin
		}
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
	Name        string
	Consumed    bool    // it is used up by meetings, and not by what is registered
	Used, Quota float64 // negative if unknown
	Percent     float64 // used; negative if unknown
	Expired     float64 // 0 if nothing is known to have expired
	Expiry      time.Time
}

// readCapacity returns what is known of the resources: at first those that the
// service tells the use of apart from the quota.
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
		c := capacity{Name: w.resource(name), Used: -1, Quota: -1, Percent: -1}
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
	slices.SortStableFunc(all, func(a, b capacity) int { return cmp.Compare(b.Percent, a.Percent) })
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
