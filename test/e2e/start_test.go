package e2e_test

import (
	"cmp"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestStartRefusesFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	appKey := write(t, dir, "app-key", testAppKey)
	empty := write(t, dir, "empty", "\n")
	badWebConfig := write(t, dir, "web.yml", "first: 1\nsecond: 2\n")
	missing := filepath.Join(dir, "missing")
	appID := []string{"--huaweicloud.app-id=" + testAppID, "--huaweicloud.app-key-file=" + appKey}
	account := []string{"--huaweicloud.account=someone", "--huaweicloud.password-file=" + appKey}

	check := func(want string, signIn []string, args ...string) {
		t.Helper()
		name := strings.ReplaceAll(strings.Join(args, " "), dir, "")
		t.Run(cmp.Or(name, "sign-in: "+want), func(t *testing.T) {
			flags := []string{"--web.listen-address=127.0.0.1:0", "--huaweicloud.endpoint=http://" + freeAddress(t)}
			if want == "--huaweicloud.endpoint" {
				flags = flags[:1]
			}
			start(t, exporter, slices.Concat(flags, signIn, args)...).checkRefusal(t, want)
		})
	}
	for flag, values := range map[string][]string{
		"--history.interval":                    {"abc", "0s"},
		"--history.window":                      {"-1h"},
		"--history.max-meeting-duration":        {"0s"},
		"--history.max-departments":             {"many", "-1"},
		"--history.tail":                        {"59s", "54h1m"},
		"--history.sweep-interval":              {"59s"},
		"--history.stale-after":                 {"119s"},
		"--huaweicloud.endpoint":                {"api.meeting.huaweicloud.com", "ftp://127.0.0.1", "https://"},
		"--huaweicloud.timeout":                 {"0s"},
		"--huaweicloud.max-requests-per-minute": {"0"},
		"--web.config.file":                     {missing, badWebConfig},
		"--web.telemetry-path":                  {"metrics"},
		"--web.max-requests":                    {"x"},
		"--log.level":                           {"x"},
		"--log.format":                          {"x"},
	} {
		for _, value := range values {
			check(flag, appID, flag+"="+value)
		}
	}
	check("--history.tail", appID, "--history.window=1h", "--history.max-meeting-duration=2h")
	check("--no.such.flag", appID, "--no.such.flag")
	check("--history.interval", appID, "--history.interval") // its value is missing
	check("nonsense", appID, "nonsense")
	check("--huaweicloud.app-id", nil)
	check("--huaweicloud.account", slices.Concat(appID, account))
	check("--huaweicloud.app-key-file", appID[:1])
	check("--huaweicloud.app-key-file", []string{appID[0], "--huaweicloud.app-key-file=" + missing})
	check("--huaweicloud.app-key-file", []string{appID[0], "--huaweicloud.app-key-file=" + empty})
	check("--huaweicloud.password-file", account[:1])
	check("--huaweicloud.password-file", []string{account[0], "--huaweicloud.password-file=" + missing})
	check("--huaweicloud.timeout", appID, "check", "--huaweicloud.timeout=x")
	check("--huaweicloud.app-id", nil, "check")
	check("--history.tail", nil, "demo", "--history.tail=59s")
	check("--simulate.listen-address", nil, "simulate", "--simulate.listen-address=127.0.0.1:x")

	t.Run("address in use", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		p := start(t, exporter, append(signIn(t, "http://"+freeAddress(t), testAppKey),
			"--web.listen-address="+listener.Addr().String(), "--log.level=error")...)
		status, stderr := p.exitStatus(t), p.stderr.String()
		if plain := linesWith(stderr, "error: --web.listen-address"); status != 1 || len(plain) != 1 {
			t.Errorf("got exit status %d and\n%s\nwant 1 and one line that names --web.listen-address", status, stderr)
		}
	})
}
