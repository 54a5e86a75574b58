package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-01":                "2026-03-01T00:00:00Z",
		"2026-03-01T08:30:00Z":      "2026-03-01T08:30:00Z",
		"2026-03-01T08:30:00+08:00": "2026-03-01T00:30:00Z",
	} {
		got, err := parseInstant(text)
		if err != nil || got.Format(time.RFC3339) != want || got.Location() != time.UTC {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"2026-03-01T08:30:00": "write 2026-03-01T08:30:00Z for UTC",
		"2026-03-01 08:30":    "write 2026-03-01T08:30:00Z for UTC",
		"2026-03-32":          "neither a date",
		"yesterday":           "neither a date",
		"":                    "neither a date",
	} {
		if _, err := parseInstant(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
}

func TestRefusedBackfillFlagIsNamed(t *testing.T) {
	t.Setenv(appKeyVariable, "key")
	whole := []string{"--from=2026-03-01", "--to=2026-03-02", "--output=out"}
	for want, change := range map[string][]string{
		"--from":                {"--from=2026-03-01T00:00:00"},
		"--to":                  {"--to=2026-02-01"}, // of the package backfill, which checks the others
		`--step: time: invalid`: {"--step=x"},
	} {
		// Kingpin refuses a flag that is given twice.
		var args []string
		for _, arg := range whole {
			name, _, _ := strings.Cut(arg, "=")
			if !strings.HasPrefix(change[0], name+"=") {
				args = append(args, arg)
			}
		}
		_, opts, err := parseFlags(append([]string{commandBackfill, "--huaweicloud.app-id=app"}, append(args, change...)...))
		if err == nil {
			_, err = opts.backfillConfig("owner")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got error %v, want %q in it", change, err, want)
		}
	}
	if _, _, err := parseFlags([]string{commandBackfill, "--to=2026-03-02", "--output=out"}); err == nil || !strings.Contains(err.Error(), "--from") {
		t.Errorf("without --from: got error %v", err)
	}
}
