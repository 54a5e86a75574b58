package e2e_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	demo := start(t, exporter, "demo", "--web.listen-address="+address)
	demo.find(t, &demo.stdout, `(http://`+regexp.QuoteMeta(address)+`/metrics)\s`)

	page := awaitScrape(t, 10*time.Second, demo.url(t), func(s scrape) string {
		departments, types := map[string]bool{}, map[string]bool{}
		for _, one := range s.samples {
			if one.Metric[model.MetricNameLabel] != "huaweicloud_meeting_recent_meetings" {
				continue
			}
			// On a Sunday no recurring meeting is held: the type is shown, at 0.
			types[string(one.Metric["conference_type"])] = true
			if one.Value > 0 {
				departments[string(one.Metric["department"])] = true
			}
		}
		if len(departments) < 5 {
			return fmt.Sprintf("got departments with meetings %v, want at least five", departments)
		}
		for _, want := range []string{"immediate", "scheduled", "recurring", "webinar"} {
			if !types[want] {
				return fmt.Sprintf("got conference types %v, want %s among them", types, want)
			}
		}
		return ""
	})

	t.Run("promtool check metrics", func(t *testing.T) {
		lint := exec.CommandContext(t.Context(), tool(t, "promtool"), "check", "metrics")
		lint.Stdin = strings.NewReader(page.text)
		out, err := lint.CombinedOutput()
		// The linter takes every name that ends in _count for a part of a histogram.
		const named = `huaweicloud_meeting_running_meetings_without_count non-histogram and non-summary metrics should not have "_count" suffix`
		if rest := strings.TrimSpace(strings.Replace(string(out), named, "", 1)); rest != "" || err != nil && len(out) == 0 {
			t.Errorf("%v, want no output\n%s", err, rest)
		}
	})
	demo.stop(t, syscall.SIGINT)
	if got := demo.stderr.String(); strings.Contains(got, "level=error") || strings.Contains(got, "level=warn") {
		t.Errorf("got in the log\n%s\nwant neither errors nor warnings", got)
	}
}
