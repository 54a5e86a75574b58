package main

import (
	"strings"
	"testing"
)

func TestAttendanceFlags(t *testing.T) {
	for arg, words := range map[string]string{
		"":                                       "",
		"--attendance.delay=0s":                  "",
		"--attendance.delay=-1s":                 "--attendance.delay: must not be negative",
		"--attendance.delay=85h":                 "--attendance.delay: 85h0m0s is more than half of --history.max-catch-up 168h0m0s",
		"--attendance.max-requests-per-minute=0": "--attendance.max-requests-per-minute: must be positive",
		"--no-collector.attendance":              "",
	} {
		_, opts, err := parseFlags(strings.Fields(arg))
		if err == nil {
			err = opts.validate()
		}
		if (err == nil) != (words == "") || err != nil && !strings.HasPrefix(err.Error(), words) {
			t.Errorf("%q: got error %v, want %q", arg, err, words)
		}
		if off := arg == "--no-collector.attendance"; err == nil && opts.ledgerConfig().Attendance == off {
			t.Errorf("%q: attendance is counted: %v", arg, !off)
		}
	}
}
