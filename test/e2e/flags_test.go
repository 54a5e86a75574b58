package e2e_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func TestHelpGoesToStandardOutput(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-h":              "--history.window",
		"--help":          "--history.window",
		"--help-long":     "--history.window",
		"--help-man":      "history.window",
		"help":            "--history.window",
		"help serve":      "--history.window",
		"help backfill":   "--output",
		"backfill --help": "--output",
		"--version":       "huaweicloud_meeting_exporter, version",
	} {
		p := start(t, exporter, strings.Fields(args)...)
		if status := p.exitStatus(t); status != 0 || p.stderr.String() != "" || !strings.Contains(p.stdout.String(), want) {
			t.Errorf("%s: got exit status %d, and on standard error %q; want 0, nothing, and %q on standard output", args, status, p.stderr.String(), want)
		}
	}
	start(t, exporter, "help", "nonsense").checkRefusal(t, "nonsense")
}

func TestHangupIsIgnored(t *testing.T) {
	t.Parallel()
	p, url := serve(t, "demo")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if got := get(t, url+"/-/healthy"); got.status != http.StatusOK {
		t.Errorf("got status %d, want 200", got.status)
	}
	p.stop(t, syscall.SIGTERM)
}
