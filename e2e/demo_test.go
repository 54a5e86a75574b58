package e2e_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDemoShowsAnEnterpriseAtOnce(t *testing.T) {
	t.Parallel()
	address := strings.TrimPrefix(unreachable(t), "http://")
	demo := start(t, exporter, "demo", "--web.listen-address="+address)
	url := demo.find(t, &demo.stdout, `(http://`+regexp.QuoteMeta(address)+`/metrics)\s`)

	demo.address(t)
	var text string
	await(t, 10*time.Second, func() string {
		text = get(t, url).body
		departments := captured(text, `(?m)^huaweicloud_meeting_recent_meetings\{.*department="([^"]*)".*\} [1-9]`)
		if len(departments) < 5 {
			return fmt.Sprintf("got departments with meetings %q, want at least five", departments)
		}
		// On a Sunday no meeting of a series is held anywhere: recurring ones
		// are shown, but may stand at 0.
		types := captured(text, `(?m)^huaweicloud_meeting_recent_meetings\{.*conference_type="([^"]*)"`)
		for _, want := range []string{"immediate", "scheduled", "recurring", "webinar"} {
			if !slices.Contains(types, want) {
				return fmt.Sprintf("got conference types %q, want %s among them", types, want)
			}
		}
		return ""
	})

	t.Run("metrics are clean", func(t *testing.T) {
		lint := exec.CommandContext(t.Context(), tool(t, "promtool"), "check", "metrics")
		lint.Stdin = strings.NewReader(text)
		if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics: %v, want no word\n%s", err, out)
		}
	})
	if status, took := demo.stop(t, syscall.SIGINT); status != 0 || took > stopWithin {
		t.Errorf("got exit status %d after %s, want 0 within %s", status, took, stopWithin)
	}
	if got := demo.stderr.String(); strings.Contains(got, "level=error") || strings.Contains(got, "level=warn") {
		t.Errorf("got in the log\n%s\nwant neither errors nor warnings", got)
	}
}

// captured returns the different values of the pattern's first group.
func captured(text, pattern string) []string {
	var values []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		values = append(values, match[1])
	}
	slices.Sort(values)
	return slices.Compact(values)
}
