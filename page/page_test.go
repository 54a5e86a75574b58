package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"huaweicloud_meeting_exporter/page"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

// briefRows is how many departments each of several enterprises shows.
const briefRows = 10

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
			number(t, row[1]), number(t, row[2]), number(t, strings.TrimSuffix(row[3], " %"))) {
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
		before      func(*stack.Simulated)
		pass        time.Duration
		state, want string
	}{
		"nothing read yet": {
			before: func(s *stack.Simulated) { s.Service.SetFault(simulator.Hang()) },
			state:  "starting", want: "The meetings have not been read yet.",
		},
		"a wrong key": {
			change: func(o *stack.Options) { o.Service.AppKey = "another" },
			state:  "failing", want: "The service refuses the sign-in.",
		},
		"another server": {
			before: func(s *stack.Simulated) { s.Service.SetFault(simulator.HTML()) },
			pass:   time.Minute, state: "failing", want: "The answer is not that of Huawei Cloud Meeting.",
		},
		"a failed poll": {before: func(s *stack.Simulated) {
			s.Pass(90 * time.Second)
			s.Service.SetFault(simulator.On(poll, simulator.Answer(http.StatusInternalServerError, "", "")))
		}, pass: 3 * time.Minute, state: "attention", want: "The service has an error of its own."},
		"an outage": {before: func(s *stack.Simulated) {
			s.Pass(90 * time.Second)
			s.Service.SetFault(simulator.On(poll, simulator.Answer(http.StatusInternalServerError, "", "")))
		}, pass: 2 * time.Hour, state: "failing", want: "A failure never looks like 0 meetings."},
		"no administrator": {
			change: func(o *stack.Options) { o.Service.Role = simulator.User },
			state:  "attention", want: "only this user's own meetings",
		},
		"a collector": {before: func(s *stack.Simulated) {
			s.Service.SetFault(simulator.On(simulator.PathOnline, simulator.Answer(http.StatusForbidden, "", "")))
			s.RunOptional()
		}, pass: 3 * time.Minute, state: "attention", want: "The collector live fails."},
		"an expiry": {before: (*stack.Simulated).RunOptional, pass: time.Minute, state: "attention", want: "some of it expires on"},
		"too many departments": {
			change: func(o *stack.Options) { o.Ledger.MaxDepartments = 1 },
			pass:   time.Minute, state: "attention", want: "Raise --history.max-departments.",
		},
		"none": {pass: time.Minute, state: "well", want: "Last success: "},
	} {
		t.Run(name, func(t *testing.T) {
			stack.Simulate(t, c.change, func(t *testing.T, s *stack.Simulated) {
				if c.before != nil && name == "nothing read yet" || name == "another server" {
					c.before(s)
				}
				s.Run()
				if c.before != nil {
					c.before(s)
				}
				s.Pass(c.pass)
				for _, lang := range []string{"en", "zh"} {
					d := view(t, handler(t, nil, s), "/?lang="+lang, "")
					if len(d.all("h2", "state "+c.state)) != 1 || lang == "en" && !strings.Contains(d.body(), c.want) {
						t.Errorf("want %s and %q:\n%s", c.state, c.want, d.body())
					}
				}
			})
		})
	}
}

func TestSeveralEnterprises(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		other := stack.NewSimulated(t, func(o *stack.Options) { o.Service.AppKey = "another" })
		defer other.Stop()
		s.Run()
		other.Run()
		h := handler(t, func(c *page.Config) { c.Enterprises[0].Name, c.Enterprises[1].Name = `A & "B"`, "中文" }, s, other)

		d := view(t, h, "/", "")
		list := d.table("Enterprises")
		if len(list) != 2 || list[0][0] != `A & "B"` || list[0][1] != "All is well" || list[1][0] != "中文" || list[1][1] != "Does not work" {
			t.Errorf("got %q", list)
		}
		if len(d.all("section", "")) != 2 || len(d.table("By department")) != briefRows {
			t.Errorf("got %d sections, %d departments", len(d.all("section", "")), len(d.table("By department")))
		}
		all := slices.IndexFunc(d.all("a", ""), func(a *html.Node) bool { return strings.HasSuffix(text(a), " more departments") })
		if all < 0 {
			t.Fatal("no link to all departments")
		}
		alone := view(t, h, "/"+attribute(d.all("a", "")[all], "href"), "")
		if len(alone.all("section", "")) != 1 || len(alone.table("By department")) <= briefRows {
			t.Errorf("alone: %d departments", len(alone.table("By department")))
		}
		for _, a := range alone.all("a", "")[:2] {
			if d := view(t, h, "/"+attribute(a, "href"), ""); len(d.all("section", "")) != 1 {
				t.Errorf("the switch of languages leads to %s", attribute(a, "href"))
			}
		}

		resp := httptest.NewRecorder()
		h.ServeHTTP(resp, httptest.NewRequest(http.MethodGet, "/?enterprise=nobody", nil))
		if resp.Code != http.StatusNotFound {
			t.Errorf("an unknown enterprise: status %d", resp.Code)
		}
	})
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

func TestLongWindow(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Ledger.Window = 168 * time.Hour }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		d := view(t, handler(t, func(c *page.Config) { c.Window = 168 * time.Hour }, s), "/", "")
		if rows := d.table("Meetings by the time of their end"); len(rows) != 42 || rows[0][0] != "02-25 04:00" {
			t.Errorf("got %q", rows)
		}
		if !strings.Contains(d.body(), "Meetings ended in every 4 hours") || !strings.Contains(d.body(), "The last 7 days") {
			t.Error(d.body())
		}
	})
}
