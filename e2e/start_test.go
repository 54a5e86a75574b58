package e2e_test

import (
	"cmp"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unreachable is a URL of loopback at which nothing listens.
func unreachable(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func TestStartFailsWithOneLineThatNamesTheFlag(t *testing.T) {
	t.Parallel()
	appKey := write(t, "app-key", testAppKey)
	missing := filepath.Join(t.TempDir(), "missing")
	appID := []string{"--huaweicloud.app-id=" + testAppID, "--huaweicloud.app-key-file=" + appKey}
	account := []string{"--huaweicloud.account=someone", "--huaweicloud.password-file=" + appKey}
	badWebConfig := write(t, "web.yml", "first: 1\nsecond: 2\n")

	for _, c := range []struct {
		args  string
		wayIn []string // nil: App ID and App Key
		want  string   // what the line must name
	}{
		{args: "--history.interval=abc", want: "--history.interval"},
		{args: "--history.interval=0s", want: "--history.interval"},
		{args: "--history.window=-1h", want: "--history.window"},
		{args: "--history.max-meeting-duration=0s", want: "--history.max-meeting-duration"},
		{args: "--history.max-departments=many", want: "--history.max-departments"},
		{args: "--history.max-departments=-1", want: "--history.max-departments"},
		{args: "--history.tail=59s", want: "--history.tail"},
		{args: "--history.tail=54h1m", want: "--history.tail"},
		{args: "--history.window=1h --history.max-meeting-duration=2h", want: "--history.tail"},
		{args: "--history.sweep-interval=59s", want: "--history.sweep-interval"},
		{args: "--history.stale-after=119s", want: "--history.stale-after"},
		{args: "--huaweicloud.endpoint=api.meeting.huaweicloud.com", want: "--huaweicloud.endpoint"},
		{args: "--huaweicloud.endpoint=ftp://127.0.0.1", want: "--huaweicloud.endpoint"},
		{args: "--huaweicloud.endpoint=https://", want: "--huaweicloud.endpoint"},
		{args: "--huaweicloud.timeout=0s", want: "--huaweicloud.timeout"},
		{args: "--huaweicloud.max-requests-per-minute=0", want: "--huaweicloud.max-requests-per-minute"},
		{args: "--web.config.file=" + missing, want: "--web.config.file"},
		{args: "--web.config.file=" + badWebConfig, want: "--web.config.file"},
		{args: "--web.telemetry-path=metrics", want: "--web.telemetry-path"},
		{args: "--web.max-requests=x", want: "--web.max-requests"},
		{args: "--log.level=x", want: "--log.level"},
		{args: "--log.format=x", want: "--log.format"},
		{args: "--no.such.flag", want: "--no.such.flag"},
		{args: "--history.interval", want: "--history.interval"}, // its value is missing
		{args: "nonsense", want: "nonsense"},
		{wayIn: []string{}, want: "--huaweicloud.app-id"},
		{wayIn: slices.Concat(appID, account), want: "--huaweicloud.account"},
		{wayIn: appID[:1], want: "--huaweicloud.app-key-file"},
		{wayIn: account[:1], want: "--huaweicloud.password-file"},
		{wayIn: []string{appID[0], "--huaweicloud.app-key-file=" + missing}, want: "--huaweicloud.app-key-file"},
		{wayIn: []string{account[0], "--huaweicloud.password-file=" + missing}, want: "--huaweicloud.password-file"},
		{wayIn: []string{appID[0], "--huaweicloud.app-key-file=" + write(t, "empty", "\n")}, want: "--huaweicloud.app-key-file"},
		{args: "check --huaweicloud.timeout=x", want: "--huaweicloud.timeout"},
		{args: "check", wayIn: []string{}, want: "--huaweicloud.app-id"},
		{args: "demo --history.tail=59s", wayIn: []string{}, want: "--history.tail"},
		{args: "simulate --simulate.listen-address=127.0.0.1:x", wayIn: []string{}, want: "--simulate.listen-address"},
	} {
		args := c.wayIn
		if args == nil {
			args = appID
		}
		args = append(slices.Clone(args), strings.Fields(c.args)...)
		t.Run(cmp.Or(c.args, "way in without "+c.want), func(t *testing.T) {
			if !strings.Contains(c.args, "--huaweicloud.endpoint") {
				args = append([]string{"--huaweicloud.endpoint=" + unreachable(t)}, args...)
			}
			p := start(t, exporter, append([]string{"--web.listen-address=127.0.0.1:0"}, args...)...)
			if got := p.status(t); got != 1 {
				t.Errorf("got exit status %d, want 1", got)
			}
			if got := p.stdout.String(); got != "" {
				t.Errorf("got on standard output\n%s\nwant nothing", got)
			}
			if got := p.stderr.lines(); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got on standard error\n%s\nwant one line that names %s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}

func TestStartFailsIfTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := start(t, exporter, append(signIn(t, unreachable(t), testAppKey), "--web.listen-address="+taken.Addr().String())...)
	if got := p.status(t); got != 1 {
		t.Errorf("got exit status %d, want 1", got)
	}
	var plain []string // log lines may come before
	for _, line := range p.stderr.lines() {
		if !strings.HasPrefix(line, "level=") {
			plain = append(plain, line)
		}
	}
	if len(plain) != 1 || !strings.Contains(plain[0], "--web.listen-address") {
		t.Errorf("got beside log lines\n%s\nwant one line that names --web.listen-address", strings.Join(plain, "\n"))
	}
}
