package main

import (
	"strings"
	"testing"

	"github.com/go-kit/log"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

func TestFlagsOfLiveAndResources(t *testing.T) {
	for args, want := range map[string]struct {
		loops int
		err   string
	}{
		"":                              {2, ""},
		"--no-collector.live":           {1, ""},
		"--no-collector.resources":      {1, ""},
		"--live.interval=0s":            {2, "--live.interval: must be positive"},
		"--resources.interval=-1s":      {2, "--resources.interval: must be positive"},
		"--resources.interval=2000000h": {2, "--resources.interval: 2000000h0m0s is more than a year"},
		"--live.interval=10s":           {2, ""},
		"--no-collector.live --no-collector.resources": {0, ""},
	} {
		_, opts, err := parseFlags(append(strings.Fields(args), "--no-collector.attendance"))
		if err != nil {
			t.Fatal(err)
		}
		err = opts.validate()
		if want.err == "" && err != nil || want.err != "" && (err == nil || err.Error() != want.err) {
			t.Errorf("%s: got error %v, want %q", args, err, want.err)
		}
		all := opts.newOptional("", &client.Client{}, &ledger.Ledger{}, log.NewNopLogger())
		if len(all.loops) != want.loops || len(all.metrics) != want.loops+1 {
			t.Errorf("%s: %d loops and %d sets of metrics", args, len(all.loops), len(all.metrics))
		}
	}
}
