package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
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
		`--label: "site:east" is not of the form name=value`: {"--label=site:east"},
		`--label: site is given twice`:                       {"--label=site=a", "--label=site=b"},
		`--label: the series already have the label le`:      {"--label=le=1"},
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
			_, err = opts.backfillConfig("", "owner")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got error %v, want %q in it", change, err, want)
		}
	}
	if _, _, err := parseFlags([]string{commandBackfill, "--to=2026-03-02", "--output=out"}); err == nil || !strings.Contains(err.Error(), "--from") {
		t.Errorf("without --from: got error %v", err)
	}
}

func TestBackfillReportsTroubles(t *testing.T) {
	var lines bytes.Buffer
	r := newReport(log.NewLogfmtLogger(&lines))
	r.terminal = false
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.failed(errors.New("no answer"), 1500*time.Millisecond)
	r.storeFailed(errors.New("no store"))
	r.observe(client.Exchange{Endpoint: client.EndpointHistory})
	r.observe(client.Exchange{Endpoint: client.EndpointSignIn})
	r.done(backfill.Progress{Of: 2})
	r.done(backfill.Progress{Day: noon, Days: 1, Of: 2, Meetings: 3, Retries: 4, LeftOut: map[meeting.Defect]int{meeting.BadTime: 2, meeting.BadUUID: 1}})
	r.done(backfill.Progress{Day: noon.AddDate(0, 0, 1), Days: 2, Of: 2, Meetings: 5, LeftOut: map[meeting.Defect]int{meeting.BadTime: 1}})
	r.finished("out", "")
	want := `level=warn msg="History could not be read, trying again" wait=2s err="no answer"
level=warn msg="The store did not take samples, trying again" err="no store"
level=info msg="Backfill started" days=0/2
level=info msg="Day finished" day=2026-03-01 days=1/2 meetings=3 left_out="1 uuid, 2 time" retries=4 requests=2
level=info msg="Day finished" day=2026-03-02 days=2/2 meetings=5 left_out="1 time" retries=0 requests=2
level=info msg="Backfill finished" output=out meetings=8 left_out="1 uuid, 3 time" retries=4 requests=2 ledger=
`
	if diff := cmp.Diff(want, lines.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.historyRequests(); got != 1 {
		t.Errorf("got %d requests for the history, want 1", got)
	}
}
