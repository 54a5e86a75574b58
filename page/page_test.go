package page_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

// number returns the value of a cell, whose thousands are grouped.
func number(t *testing.T, cell string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.ReplaceAll(cell, ",", ""), 64)
	if err != nil {
		t.Error(err)
	}
	return n
}

func TestNumbersAreThoseOfTheScrape(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 400 }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunOptional()
		s.RunAttendance()
		s.Pass(40 * time.Minute)
		if d := view(t, handler(t, nil, s), "/", ""); number(t, d.tile("Meetings read")) == 0 {
			t.Error("without a scrape, no attendance is shown")
		}
		s.Scrape() // of the counters at 0
		s.Pass(20 * time.Minute)
		d := view(t, handler(t, nil, s), "/", "")

		scraped := func(name string) (sum float64) {
			for _, m := range s.Scrape()[name].GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
			return sum
		}
		for tile, want := range map[string]float64{
			"Meetings ended":           scraped("recent_meetings"),
			"Hours of meetings":        scraped("recent_duration_seconds") / 3600,
			"Participants invited":     scraped("recent_participants"),
			"Terminals invited":        scraped("recent_terminals"),
			"Meetings recorded":        scraped("recent_recorded_meetings"),
			"Most meetings at once":    scraped("recent_peak_concurrent_meetings"),
			"Meetings in progress":     scraped("running_meetings"),
			"People in them":           scraped("online_participants"),
			"Meetings read":            scraped("attended_meetings_total"),
			"Meetings still to read":   scraped("attendance_pending_meetings"),
			"People who joined, about": scraped("attendees_total"),
			"Person-hours":             scraped("attended_seconds_total") / 3600,
		} {
			if got := number(t, d.tile(tile)); want == 0 || fmt.Sprintf("%.1f", got) != fmt.Sprintf("%.1f", want) {
				t.Errorf("%s: got %v, want %v", tile, got, want)
			}
		}
		for caption, column := range map[string]int{"By department": 1, "By type": 1, "Meetings by the time of their end": 2} {
			sum := 0.0
			for _, row := range d.table(caption) {
				sum += number(t, row[column])
			}
			if want := scraped("recent_meetings"); sum != want {
				t.Errorf("%s: %v meetings, want %v", caption, sum, want)
			}
		}
		if got := d.all("rect", ""); len(d.table("Meetings by the time of their end")) != 24 || len(got) < 24 {
			t.Errorf("got %d bars, want 24 and more", len(got))
		}
		storage := slices.IndexFunc(d.table("What the enterprise has bought and uses"), func(row []string) bool { return row[0] == "Recording storage, GB" })
		if storage < 0 {
			t.Fatal("no recording storage")
		}
		row := d.table("What the enterprise has bought and uses")[storage]
		used, quota := scraped("recording_storage_bytes"), scraped("recording_storage_quota_bytes")
		if want := fmt.Sprintf("%.1f %.0f %.1f", used/1e9, quota/1e9, 100*used/quota); want != fmt.Sprintf("%.1f %.0f %.1f",
			number(t, row[1]), number(t, row[2]), number(t, strings.TrimSuffix(row[3], "%"))) {
			t.Errorf("storage: got %q, want %s", row, want)
		}
	})
}

func TestLanguage(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		h := handler(t, nil, s)
		for name, c := range map[string]struct{ address, accept, want string }{
			"none":                      {"/", "", "en"},
			"English":                   {"/", "en-GB,en;q=0.9", "en"},
			"Chinese":                   {"/", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"},
			"traditional Chinese":       {"/", "zh-TW", "zh-Hans"},
			"the better of two":         {"/", "zh;q=0.3, en;q=0.7", "en"},
			"neither":                   {"/", "fr, de;q=0.5", "en"},
			"not the first":             {"/", "fr, zh;q=0.5", "zh-Hans"},
			"the parameter wins":        {"/?lang=zh", "en", "zh-Hans"},
			"the parameter of a link":   {"/?lang=zh-Hans", "en", "zh-Hans"},
			"an unknown parameter":      {"/?lang=xx", "zh", "zh-Hans"},
			"a parameter of no meaning": {"/?lang=%00%ff<script>", "zh", "zh-Hans"},
			"a header of no meaning":    {"/", ";;q=,\x00", "en"},
			"a header that is too long": {"/", strings.Repeat("zh, ", 1000), "en"},
			"a long header only":        {"/?lang=zh", strings.Repeat("_", 500_000), "zh-Hans"},
		} {
			if got := view(t, h, c.address, c.accept).header.Get("Content-Language"); got != c.want {
				t.Errorf("%s: got %s, want %s", name, got, c.want)
			}
		}
	})
}

func TestProblems(t *testing.T) {
	const poll = simulator.PathHistory
	for name, c := range map[string]struct {
		change      func(*stack.Options)
		atStart     func(*stack.Simulated)
		later       func(*stack.Simulated) // after the first poll
		pass        time.Duration
		state, want string
	}{
		"nothing read yet": {
			atStart: func(s *stack.Simulated) { s.Service.SetFault(simulator.Hang()) },
			state:   "starting", want: "The meetings have not been read yet. That usually takes less than a minute. A poll is under way.",
		},
		"a wrong key": {
			change: func(o *stack.Options) { o.Service.AppKey = "another" }, later: (*stack.Simulated).RunOptional, pass: 5 * time.Minute,
			state: "failing", want: "The service refuses the sign-in.",
		},
		"another server": {
			atStart: func(s *stack.Simulated) { s.Service.SetFault(simulator.HTML()) },
			pass:    time.Minute, state: "failing", want: "The answer is not that of Huawei Cloud Meeting. Check --the.endpoint, and",
		},
		"a failed poll": {later: func(s *stack.Simulated) {
			s.Pass(90 * time.Second)
			s.Service.SetFault(simulator.On(poll, simulator.Answer(http.StatusInternalServerError, "", "")))
		}, pass: 3 * time.Minute, state: "attention", want: "The service has an error of its own."},
		"an outage": {later: func(s *stack.Simulated) {
			s.Pass(90 * time.Second)
			s.Service.SetFault(simulator.On(poll, simulator.Answer(http.StatusInternalServerError, "", "")))
		}, pass: 2 * time.Hour, state: "failing", want: "A failure never looks like 0 meetings."},
		"no administrator": {
			change: func(o *stack.Options) { o.Service.Role = simulator.User },
			state:  "attention", want: "only this user's own meetings are counted. Leave --the.user_id empty",
		},
		"a collector": {later: func(s *stack.Simulated) {
			s.Service.SetFault(simulator.On(simulator.PathOnline, simulator.Answer(http.StatusForbidden, "", "")))
			s.RunOptional()
		}, pass: 3 * time.Minute, state: "attention", want: "The collector live fails."},
		"an expiry": {later: (*stack.Simulated).RunOptional, pass: time.Minute, state: "attention", want: "some of it expires on"},
		"too many departments": {
			change: func(o *stack.Options) { o.Ledger.MaxDepartments = 1 },
			pass:   time.Minute, state: "attention", want: "Raise --history.max-departments.",
		},
		"none": {pass: time.Minute, state: "well", want: "Last successful poll: "},
	} {
		t.Run(name, func(t *testing.T) {
			stack.Simulate(t, c.change, func(t *testing.T, s *stack.Simulated) {
				if c.atStart != nil {
					c.atStart(s)
				}
				s.Run()
				if c.later != nil {
					c.later(s)
				}
				s.Pass(c.pass)
				for _, lang := range []string{"en", "zh"} {
					d := view(t, handler(t, nil, s), "/?lang="+lang, "")
					if len(d.all("h2", "state "+c.state)) != 1 || lang == "en" && !strings.Contains(d.body(), c.want) {
						t.Errorf("want %s and %q:\n%s", c.state, c.want, d.body())
					}
					if problems := d.all("li", ""); c.state == "failing" && len(problems) != 1 {
						t.Errorf("one cause is told %d times:\n%s", len(problems), d.body())
					}
				}
			})
		})
	}
}

// The names of departments come from the service.
func TestHostileDepartments(t *testing.T) {
	names := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; DROP TABLE--`, `{{.Now}}`, `</caption></table>`,
		`%s%d`, "javascript:alert(1)", `a & b &lt; c`, "\u202eevil", strings.Repeat("长", 128),
	}
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 0 }, func(t *testing.T, s *stack.Simulated) {
		for i, name := range names {
			end := time.Now().Add(-time.Hour).Truncate(time.Minute)
			s.Service.Add(simulator.Record{ConfUUID: fmt.Sprint(i), DeptName: name, Start: end.Add(-time.Hour), End: end, ListedAt: end})
		}
		s.Run()
		var got []string
		for _, row := range view(t, handler(t, nil, s), "/", "").table("By department") {
			got = append(got, row[0])
		}
		slices.Sort(got)
		slices.Sort(names)
		if !slices.Equal(got, names) {
			t.Errorf("got %q, want %q", got, names)
		}
	})
}

func TestSizeOfPage(t *testing.T) {
	const departments, limit = 200, 200_000
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 0 }, func(t *testing.T, s *stack.Simulated) {
		for i := range departments {
			end := time.Now().Add(-time.Duration(i) * 7 * time.Minute).Truncate(time.Minute)
			s.Service.Add(simulator.Record{
				ConfUUID: fmt.Sprint(i), DeptName: fmt.Sprintf("Department of a usual length %d", i),
				Start: end.Add(-time.Hour), End: end, ListedAt: end,
			})
		}
		s.Run()
		s.RunOptional()
		s.Pass(time.Minute)
		for _, lang := range []string{"en", "zh"} {
			d := view(t, handler(t, nil, s), "/?lang="+lang, "")
			if rows := max(len(d.table("By department")), len(d.table("按部门"))); rows != departments || d.size >= limit {
				t.Errorf("%d departments take %d bytes, want %d in less than %d", rows, d.size, departments, limit)
			}
		}
	})
}
