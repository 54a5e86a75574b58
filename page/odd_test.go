package page_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/page"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

// Two label values have a name on the page. The service may use that name too.
func TestDepartmentsNamedAsOnPage(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 0 }, func(t *testing.T, s *stack.Simulated) {
		end := time.Now().Add(-time.Hour).Truncate(time.Minute)
		for i, name := range []string{"No department", "No department", "No department", "", "unknown", "无部门"} {
			s.Service.Add(simulator.Record{ConfUUID: fmt.Sprint(i), DeptName: name, Start: end.Add(-time.Hour), End: end, ListedAt: end})
		}
		s.Run()
		for lang, want := range map[string]string{
			"en": "No department 3, No department 2, 无部门 1",
			"zh": "No department 3, 无部门 2, 无部门 1",
		} {
			d := view(t, handler(t, nil, s), "/?lang="+lang, "")
			var got []string
			for _, row := range slices.Concat(d.table("By department"), d.table("按部门")) {
				got = append(got, row[0]+" "+row[1])
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("got %q, want %s", got, want)
			}
		}
	})
}

func TestOddResources(t *testing.T) {
	answer := func(path, body string, next simulator.Fault) simulator.Fault {
		return func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			if r.URL.Path == path {
				simulator.Body(http.StatusOK, "application/json", body)(w, r, service)
				return
			}
			next(w, r, service)
		}
	}
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		usual := func(w http.ResponseWriter, r *http.Request, service http.Handler) { service.ServeHTTP(w, r) }
		s.Service.SetFault(answer(simulator.PathUsage, `{"usedAccountsCount": 150, "usedLiveCount": -3, "usedRecStorage": 1e15}`,
			answer(simulator.PathQuotas, `{"confCallCount": {"sumCount": 100, "expiredCount": 7}, "liveCount": null, "recordCapability": {"sumCount": 1e15},
				"teSoftCount": {"sumCount": 0, "usedCount": 0}, "roomCount": {"sumCount": 0, "usedCount": 5}, "ideaHubCount": {"sumCount": 1e15, "usedCount": -1}, "hwVisionCount": {"sumCount": "many"}}`,
				answer(simulator.PathBought, `{"data": [], "offset": 0, "limit": 500, "count": 0}`, usual))))
		s.Run()
		s.RunOptional()
		s.Pass(time.Minute)
		d := view(t, handler(t, nil, s), "/", "")
		var got []string
		for _, row := range d.table("What the enterprise has bought and uses") {
			got = append(got, strings.Join(row, "|"))
		}
		want := []string{
			"People in meetings at once 7 expired|150|100|150%|–", "Recording storage, GB|1,000,000,000,000,000|1,000,000,000,000,000|100%|–",
			"IdeaHub boards|–|1,000,000,000,000,000|–|–", "Meeting rooms|5|0|–|–", "Software terminals|0|0|–|–",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		got = nil
		for _, problem := range d.all("li", "") {
			got = append(got, text(problem))
		}
		if want := []string{
			"People in meetings at once: 150% of the quota is in use. Use fewer at once, or buy more.",
			"Recording storage, GB: 100% of the quota is in use. Delete old recordings on the console, or buy more.",
		}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

// The service need not say how many people are in a meeting.
func TestPeopleNotCounted(t *testing.T) {
	for name, c := range map[string]struct {
		form simulator.OnlineCountForm
		want func(tile string) bool
	}{
		"always":    {simulator.OnlineCountAlways, func(tile string) bool { return number(t, tile) > 0 }},
		"sometimes": {simulator.OnlineCountSometimes, func(tile string) bool { return strings.HasPrefix(tile, "at least ") }},
		"never":     {simulator.OnlineCountNever, func(tile string) bool { return tile == "unknown" }},
	} {
		stack.Simulate(t, func(o *stack.Options) {
			o.Service.MeetingsPerDay, o.Service.Variant = 400, simulator.Variant{OnlineCount: c.form}
		}, func(t *testing.T, s *stack.Simulated) {
			s.Run()
			s.RunOptional()
			s.Pass(time.Minute)
			if d := view(t, handler(t, nil, s), "/", ""); !c.want(d.tile("People in them")) {
				t.Errorf("%s: got %q", name, d.tile("People in them"))
			}
		})
	}
}

func TestCollectorsSwitchedOff(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunOptional()
		s.RunAttendance()
		s.Pass(time.Minute)
		headings := map[string]func(*page.Enterprise){
			"Now":               func(e *page.Enterprise) { e.Live = nil },
			"Capacity":          func(e *page.Enterprise) { e.Resources = nil },
			"Who really joined": func(e *page.Enterprise) { e.Attendance = nil },
		}
		for name, switchOff := range headings {
			var got []string
			for _, h3 := range view(t, handler(t, func(c *page.Config) { switchOff(&c.Enterprises[0]) }, s), "/", "").all("h3", "") {
				got = append(got, text(h3))
			}
			if len(got) != 4 || slices.Contains(got, name) {
				t.Errorf("without %s: got %q", name, got)
			}
		}
	})
}

// Only a scrape delivers (rule 6): after any number of views, the first scrape
// still reads the counters at 0.
func TestViewDeliversNothing(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 1000 }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		h := handler(t, nil, s)
		for range 10 {
			view(t, h, "/", "")
			s.Pass(time.Minute)
		}
		counted := func() (sum float64) {
			for _, m := range s.Scrape()["ended_meetings_total"].GetMetric() {
				sum += m.GetCounter().GetValue()
			}
			return sum
		}
		if n := counted(); n != 0 {
			t.Errorf("the first scrape reads %v meetings", n)
		}
		if s.Pass(10 * time.Minute); counted() == 0 {
			t.Error("nothing was held")
		}
	})
}

func TestViewsDuringPolls(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay = 400 }, func(t *testing.T, s *stack.Simulated) {
		h := handler(t, nil, s)
		var readers sync.WaitGroup
		for i := range 8 {
			readers.Go(func() {
				for range 12 {
					view(t, h, "/?lang="+[]string{"en", "zh"}[i%2], "")
					time.Sleep(20 * time.Second)
				}
			})
		}
		s.Run()
		s.RunOptional()
		s.RunAttendance()
		readers.Wait()
	})
}
