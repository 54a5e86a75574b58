package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
)

// words says things in one language.
type words struct {
	tag     language.Tag
	printer *message.Printer
}

func newWords(tag language.Tag) (words, error) {
	texts := catalog.NewBuilder(catalog.Fallback(language.English))
	for english, text := range chinese {
		if err := texts.SetString(language.SimplifiedChinese, english, text); err != nil {
			return words{}, fmt.Errorf("read the Chinese of %q: %w", english, err)
		}
	}
	return words{tag, message.NewPrinter(tag, message.Catalog(texts))}, nil
}

// functions are those of the template.
func (w words) functions() template.FuncMap {
	return template.FuncMap{
		"t": w.t, "n": w.n, "hours": w.hours, "percent": w.percent, "clock": clock, "moment": moment, "ago": w.ago,
		"short": short, "arguments": arguments, "table": newTable,
	}
}

// t returns a text in the language. It is named by its English form, and takes
// arguments as fmt.Sprintf does.
func (w words) t(english string, args ...any) string { return w.printer.Sprintf(english, args...) }

// n returns a number with at most one decimal.
func (w words) n(v any) string {
	return w.printer.Sprint(number.Decimal(v, number.MaxFractionDigits(1)))
}

// hours returns seconds in hours, with one decimal.
func (w words) hours(seconds int64) string {
	return w.printer.Sprint(number.Decimal(float64(seconds)/3600, number.Scale(1)))
}

func (w words) percent(v float64) string {
	return w.printer.Sprint(number.Percent(v/100, number.MaxFractionDigits(1)))
}

// clock returns the time of the day.
func clock(at time.Time) string { return at.Format("15:04") }

// moment returns a time without its zone, which the page names once.
func moment(at time.Time) string { return at.Format("2006-01-02 15:04:05") }

// short returns a time to the minute, with its date if asked for.
func short(dated bool, at time.Time) string {
	if dated {
		return at.Format("01-02 15:04")
	}
	return clock(at)
}

const day = 24 * time.Hour

// length returns a duration in the largest unit that needs no fraction.
func (w words) length(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d > 2*day && d%day == 0:
		return w.t("%d days", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return w.t("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return w.t("%d min", d/time.Minute)
	}
	return w.t("%d s", d/time.Second)
}

// ago returns roughly how far a time lies back. One in the future it returns as it
// is.
func (w words) ago(now, at time.Time) string {
	d := now.Sub(at)
	if d < -time.Minute {
		return moment(at.In(now.Location()))
	}
	for _, unit := range []time.Duration{day, time.Hour, time.Minute} {
		if d >= 2*unit {
			return w.t("%s ago", w.length(d.Truncate(unit)))
		}
	}
	return w.t("%s ago", w.length(max(0, d)))
}

// department returns the name of a department, which two label values are not.
func (w words) department(label string) string {
	switch label {
	case meeting.UnknownDepartment:
		return w.t("No department")
	case meeting.OtherDepartment:
		return w.t("Other departments")
	}
	return label
}

func (w words) meetingType(t meeting.Type) string {
	return w.t([...]string{
		meeting.Other: "Other types", meeting.Immediate: "Immediate", meeting.Scheduled: "Scheduled",
		meeting.Recurring: "Recurring", meeting.Webinar: "Webinars",
	}[t])
}

// resource returns the name of a resource. One that is not known here has the name
// of the label resource.
func (w words) resource(name string) string {
	if size, ok := strings.CutPrefix(name, client.VirtualRooms+"_"); ok {
		return w.t("Virtual rooms for %s people", size)
	}
	english := map[string]string{
		client.ConcurrentParticipants: "People in meetings at once", client.LiveStreams: "Live streams",
		client.RecordingStorage: "Recording storage, GB", client.SoftTerminals: "Software terminals",
		client.HardTerminals1080p: "Hardware terminals, 1080p", client.HardTerminals720p: "Hardware terminals, 720p",
		client.ThirdPartyTerminals: "Terminals of other vendors", client.IdeaHubs: "IdeaHub boards",
		client.HuaweiVision: "Huawei Vision screens", client.Rooms: "Meeting rooms", client.VirtualRooms: "Virtual rooms",
	}[name]
	if english == "" {
		return name
	}
	return w.t(english)
}
