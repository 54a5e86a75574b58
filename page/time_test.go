package page_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/page"
	"huaweicloud_meeting_exporter/test/stack"
)

const byEnd = "Meetings by the time of their end"

func TestWindows(t *testing.T) {
	for window, want := range map[time.Duration]struct {
		words, first string
		rows         int
		wide         string // the first bar, of 0.80
	}{
		30 * time.Minute:         {"The last 30 min", "03:30", 1, "0.40"},
		90 * time.Minute:         {"The last 90 min", "02:30", 2, "0.40"},
		24 * time.Hour:           {"The last 24 h", "04:00", 24, "0.80"},
		24*time.Hour + time.Hour: {"The last 25 h", "03-03 03:00", 25, "0.80"},
		36*time.Hour + 1:         {"The last 36 h", "03-02 15:59", 37, "0.00"},
		168 * time.Hour:          {"The last 7 days", "02-25 04:00", 42, "0.80"},
		744 * time.Hour:          {"The last 31 days", "02-01 04:00", 47, "0.40"},
		150*time.Minute + 1e9:    {"The last 9,001 s", "01:29", 3, "0.40"},
	} {
		t.Run(window.String(), func(t *testing.T) {
			stack.Simulate(t, func(o *stack.Options) { o.Ledger.Window = window }, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				d := view(t, handler(t, func(c *page.Config) { c.Window = window }, s), "/", "")
				rows := d.table(byEnd)
				if len(rows) != want.rows || rows[0][0] != want.first || !strings.Contains(d.body(), want.words) {
					t.Errorf("got %d rows %q\n%s", len(rows), rows, d.body())
				}
				bar := d.all("rect", "")[0]
				if wide := attribute(bar, "width"); wide != want.wide {
					t.Errorf("the first bar is %s wide, want %s", wide, want.wide)
				}
				sum := 0.0
				for i, row := range rows {
					if sum += number(t, row[2]); i > 0 && row[0] != rows[i-1][1] {
						t.Errorf("%q follows %q", row, rows[i-1])
					}
				}
				if sum != number(t, d.tile("Meetings ended")) {
					t.Errorf("%v meetings in the picture, %s in the tile", sum, d.tile("Meetings ended"))
				}
			})
		})
	}
}

// Every hour of the window is there once, also when clocks are turned back.
func TestTimeZones(t *testing.T) {
	for zone, want := range map[string]struct{ first, next, named string }{
		"UTC":              {"12:00", "12:01", "UTC+00:00"},
		"Asia/Shanghai":    {"20:00", "20:01", "UTC+08:00"},
		"Asia/Kathmandu":   {"17:45", "17:46", "UTC+05:45"},
		"America/Santiago": {"08:00", "08:01", "UTC-04:00"}, // summer time ended that night
	} {
		t.Run(zone, func(t *testing.T) {
			location, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
				s.Pass(time.Until(time.Date(2026, 4, 5, 12, 0, 0, 0, time.UTC)))
				s.Run()
				d := view(t, handler(t, func(c *page.Config) { c.Now = func() time.Time { return time.Now().In(location) } }, s), "/", "")
				rows, seen := d.table(byEnd), map[string]bool{}
				for _, row := range rows {
					seen[row[0]] = true
				}
				if len(seen) != 24 || rows[0][0] != want.first || rows[23][1] != want.first {
					t.Errorf("got %q", rows)
				}
				if foot := text(d.all("footer", "")[0]); !strings.Contains(foot, want.named) {
					t.Error(foot)
				}
				if !strings.Contains(d.body(), "Next poll: "+want.next+".") {
					t.Error(d.body())
				}
			})
		})
	}
}

// A step of the clock may make the numbers wrong for a moment.
func TestSteppedClock(t *testing.T) {
	for name, c := range map[string]struct {
		step time.Duration
		want string
	}{
		"forward": {2 * time.Hour, "Last successful poll: 2 h ago. A poll is under way. The numbers of the window are too old"},
		"back":    {-2 * time.Hour, "Last successful poll: 2026-03-04 04:00:00. Next poll: 04:01. The last complete poll lies in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				h := handler(t, func(c2 *page.Config) { c2.Now = func() time.Time { return time.Now().Add(c.step) } }, s)
				if d := view(t, h, "/", ""); len(d.all("h2", "state failing")) != 1 || !strings.Contains(d.body(), c.want) || d.tile("Meetings ended") != "" {
					t.Errorf("want %q: %s", c.want, d.body())
				}
			})
		})
	}
}

// A start from a file has numbers before its first poll.
func TestStartFromFile(t *testing.T) {
	for name, c := range map[string]struct {
		stopped     time.Duration
		state, want string
		shown       bool
	}{
		"soon": {10 * time.Minute, "well", "Last successful poll: 10 min ago.", true},
		"late": {3 * time.Hour, "starting", "Last successful poll: 3 h ago.", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger")
			stack.Simulate(t, func(o *stack.Options) { o.Path = path }, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				s.Stop()
				s.Pass(c.stopped)
				again := stack.NewSimulated(t, func(o *stack.Options) { o.Path = path })
				defer again.Stop()
				d := view(t, handler(t, nil, again), "/", "")
				if len(d.all("h2", "state "+c.state)) != 1 || !strings.Contains(d.body(), c.want) || (d.tile("Meetings ended") != "") != c.shown {
					t.Errorf("want %s and %q: %s", c.state, c.want, d.body())
				}
			})
		})
	}
}
