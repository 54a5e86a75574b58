package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	textunicode "golang.org/x/text/encoding/unicode"

	"huaweicloud_meeting_exporter/ledger"
)

func TestSecretOfAFileWins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(" of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(appKeyVariable, "of the environment")
	for _, c := range []struct{ flag, want string }{{"", "of the environment"}, {"--huaweicloud.app-key-file=" + file, "of the file"}} {
		args := []string{"--huaweicloud.app-id=app"}
		if c.flag != "" {
			args = append(args, c.flag)
		}
		_, opts, err := parseFlags(args)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := opts.clientConfig(&opts.enterpriseOptions)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cfg.Secret(); got != c.want || err != nil {
			t.Errorf("%q: got %q, %v", c.flag, got, err)
		}
	}
}

func TestNewKeyNeedsNoRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(key string) {
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	_, opts, err := parseFlags([]string{"--huaweicloud.app-id=app", "--huaweicloud.app-key-file=" + file})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := opts.clientConfig(&opts.enterpriseOptions)
	if err != nil {
		t.Fatal(err)
	}
	write("new")
	if got, err := cfg.Secret(); got != "new" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFlagsFromAFile(t *testing.T) {
	lines := "# of the test\r\n --history.interval=2m \r\n\r\n--log.level=debug"
	for name, encode := range map[string]func(string) string{
		"UTF-8":           func(text string) string { return text },
		"byte order mark": func(text string) string { return "\uFEFF" + text },
		"UTF-16":          func(text string) string { return utf16(t, textunicode.LittleEndian, text) },
	} {
		file, served := "@"+writeTemp(t, encode(lines)), "@"+writeTemp(t, encode(lines+"\r\nserve\r\n"))
		for want, argLists := range map[string][][]string{
			commandCheck: {{file, "check"}, {"check", file}},
			commandServe: {{file}, {file, "serve"}, {"serve", file}, {served}, {"--storage.path=x", served}},
		} {
			for _, args := range argLists {
				command, opts, err := parseFlags(args)
				if err != nil || command != want || opts.interval.String() != "2m0s" || opts.logLevel != "debug" {
					t.Errorf("%s, %v: got %s, %+v, %v", name, args, command, opts, err)
				}
			}
		}
	}
	for content, want := range map[string]string{
		"--log.level=debug\n--storage.path":           "--storage.path: has no value",
		"--storage.path\n--log.level=debug":           "--storage.path: has no value",
		"\n--huaweicloud.app-key secret=":             "line 2: a blank before the value: write --huaweicloud.app-key=VALUE",
		"@other":                                      "line 1: a file of arguments cannot name another one",
		strings.Repeat("--log.level=debug\n", 10_000): "longer than",
	} {
		if _, _, err := parseFlags([]string{"@" + writeTemp(t, content)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: got error %v, want %q", content, err, want)
		}
	}
	for _, file := range []string{"@", "@" + t.TempDir(), "@missing"} {
		if _, _, err := parseFlags([]string{file}); err == nil || !strings.HasPrefix(err.Error(), file+": ") {
			t.Errorf("%s: got error %v", file, err)
		}
	}
}

// Every flag that takes a value names itself if it lacks one.
func TestForgottenValue(t *testing.T) {
	for name, command := range flagsWithValue() {
		flag, needed := "--"+name, "--log.level=info"
		want := flag + ": has no value: write " + flag + "=VALUE"
		for _, args := range [][]string{
			{command, flag},
			{command, flag, needed},
			{command, flag, "-h"},
			{command, flag, "--"},
			{command, flag, "-1s"},
			{flag},
			{flag, needed},
			{needed, flag, "--help", command},
			{flag, "--" + name + "=1"},
		} {
			if _, _, err := parseFlags(args); err == nil || err.Error() != want {
				t.Errorf("%v: got error %v, want %s", args, err, want)
			}
		}
	}
}

// flagsWithValue returns the names of all flags that take a value, and for each
// one a command that has it.
func flagsWithValue() map[string]string {
	app, commands := newApplication(&options{}), map[string]string{}
	add := func(command string, flags []*kingpin.FlagModel) {
		for _, flag := range flags {
			if !flag.IsBoolFlag() {
				commands[flag.Name] = command
			}
		}
	}
	add(commandServe, app.Model().Flags)
	for _, command := range app.Model().Commands {
		add(command.Name, command.Flags)
	}
	return commands
}

func TestHold(t *testing.T) {
	for _, c := range []struct {
		args string
		want time.Duration
	}{
		{"serve", 2 * time.Minute},
		{"serve --history.hold=5m", 5 * time.Minute},
		{"serve --history.hold=0s", time.Minute},
		{"serve --history.interval=3m", 3 * time.Minute},
		{"demo", time.Minute},
		{"demo --history.interval=10s", 10 * time.Second},
		{"demo --history.hold=2m", 2 * time.Minute},
	} {
		_, opts, err := parseFlags(strings.Fields(c.args))
		if err != nil {
			t.Fatal(err)
		}
		if got := opts.ledgerConfig().Hold; got != c.want {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
	}
}

func TestRefusedFlagIsNamed(t *testing.T) {
	const tenYears = "87600h"
	for args, want := range map[string]string{
		"--history.hold=-1s":    "--history.hold: must not be negative",
		"--history.window=59m":  "--history.window: 59m0s is less than --history.stale-after 1h0m0s: an outage would look like 0 meetings",
		"--history.window=1h":   "",
		"--history.interval=1h": "--history.sweep-interval: 30m0s is less",

		"--web.max-requests=0.5":         "--web.max-requests: ",
		"--history.max-departments=1e99": "--history.max-departments: ",
		"--web.max-requests=9223372036854775807 --history.max-departments=9223372036854775807": "",

		// Each sweep would find a gap behind the one before.
		"--history.max-catch-up=0s":                                "--history.max-catch-up: 0s is less than two intervals of --history.sweep-interval 30m0s",
		"--history.max-catch-up=1h":                                "",
		"--history.max-catch-up=1h --history.sweep-interval=31m":   "--history.max-catch-up: 1h0m0s is less",
		"--history.max-catch-up=2562047h":                          "--history.max-catch-up: 2562047h0m0s is more than 10 years",
		"--history.window=2562047h --history.tail=2562047h":        "--history.window: 2562047h0m0s is more",
		"--history.max-meeting-duration=2562047h":                  "--history.max-meeting-duration: 2562047h0m0s is more",
		"--history.hold=87601h":                                    "--history.hold: 87601h0m0s is more",
		"--history.sweep-interval=87601h":                          "--history.sweep-interval: 87601h0m0s is more",
		"--history.stale-after=87601h --history.interval=2562047h": "--history.interval: 2562047h0m0s is more",
		"--huaweicloud.timeout=87601h":                             "--huaweicloud.timeout: 87601h0m0s is more",
		"--history.max-catch-up=" + tenYears + " --history.window=" + tenYears + " --history.max-meeting-duration=" + tenYears +
			" --history.hold=" + tenYears + " --history.tail=" + tenYears + " --history.stale-after=" + tenYears: "",
	} {
		_, opts, err := parseFlags(strings.Fields(args))
		if err == nil {
			err = opts.validate()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got error %v, want %q", args, err, want)
		}
		if err == nil {
			l, now := ledger.New(opts.ledgerConfig(), time.Now()), time.Now()
			if from := l.SweepFrom(now); !from.Before(now) {
				t.Errorf("%s: a sweep at %s reads from %s", args, now, from)
			}
		}
	}
}

func TestTelemetryPath(t *testing.T) {
	for _, path := range []string{"/", "/metrics", "/a/b.c_d~e-1", "/-/metrics", "/-/healthy/x", "/..a"} {
		if err := checkTelemetryPath(t, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{
		"", "metrics", "//metrics", "/a//b", "/a/../metrics", "/./metrics", "/..", "/metrics/", "/metrics/.", "//",
		"/metrics?x", "/metrics#x", "/metrics\n", "/\x00", "/a\tb", "/a b", " /metrics", "/metrics ", "/{x}", "/{$}", "/a}", "/métriques",
		"/-/%68ealthy", "/a%2Fb", "/%", "/a\\b", "/<b>", "/-/healthy", "/-/ready", "GET /metrics", "host/metrics",
	} {
		if err := checkTelemetryPath(t, path); err == nil || !strings.HasPrefix(err.Error(), "--web.telemetry-path: ") {
			t.Errorf("%q: got error %v", path, err)
		}
	}
}

// checkTelemetryPath returns the error with which a path is refused. If it is
// accepted, it must lead to the metrics.
func checkTelemetryPath(t *testing.T, path string) error {
	t.Helper()
	_, opts, err := parseFlags([]string{"--web.telemetry-path=" + path})
	if err != nil {
		return err
	}
	if err := opts.validate(); err != nil {
		return err
	}
	l, registry := ledger.New(opts.ledgerConfig(), time.Now()), prometheus.NewRegistry()
	handler := newHandler(opts, http.NotFoundHandler(), func() bool { return true }, registry, registry, func() []*ledger.Snapshot { return []*ledger.Snapshot{l.Snapshot()} }, log.NewNopLogger())
	server := httptest.NewServer(handler)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "promhttp_metric_handler") || resp.Request.URL.Path != path {
		t.Errorf("%q: got %s from %s: %s", path, resp.Status, resp.Request.URL, body)
	}
	other, err := server.Client().Get(server.URL + "/elsewhere")
	if err != nil {
		return err
	}
	defer other.Body.Close()
	if other.StatusCode != http.StatusNotFound {
		t.Errorf("%q: a page elsewhere is %s", path, other.Status)
	}
	return nil
}

func TestMissingSocketIsNamed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is for Linux only")
	}
	opts, _ := serveOptions(t, "http://127.0.0.1:1", "--web.systemd-socket")
	if err := serve(t.Context(), opts); err == nil || !strings.HasPrefix(err.Error(), "--web.systemd-socket: ") {
		t.Errorf("got error %v", err)
	}
}

// FuzzFlags gives each flag any value. The value must be accepted, or refused
// with an error that names the flag.
func FuzzFlags(f *testing.F) {
	for _, value := range []string{"", "1h", "-1h", "1ms", "0", "9999999h", "x", "info", "/a{b}", "http://[::1", "https://user:secret@host", "\x00", "@x", "//a", "/-/%68ealthy", "2562047h"} {
		for which := range uint8(40) {
			f.Add(which, value)
		}
	}
	needed := map[string]string{"from": "2026-03-01", "to": "2026-03-02", "output": "out"}
	commands := flagsWithValue()
	delete(commands, "simulate.listen-address") // the only flag that backfill lacks
	names := slices.Sorted(maps.Keys(commands))
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		name := names[int(which)%len(names)]
		if strings.HasPrefix(name, "web.config") || strings.HasSuffix(name, "-file") {
			return // any file name is valid
		}
		args := []string{commandBackfill, "--" + name + "=" + value}
		for other, value := range needed {
			if other != name {
				args = append(args, "--"+other+"="+value)
			}
		}
		_, opts, err := parseFlags(args)
		if err == nil {
			err = opts.validate()
		}
		if err == nil {
			opts.appID, opts.secret = "app", func() (string, error) { return "key", nil }
			_, err = opts.clientConfig(&opts.enterpriseOptions)
		}
		if err == nil {
			_, err = opts.backfillConfig("", "owner")
		}
		switch {
		case err == nil:
			if name == "web.telemetry-path" {
				http.NewServeMux().Handle(value, http.NotFoundHandler()) // panics if it cannot
			}
			if cfg := opts.ledgerConfig(); cfg.Window+cfg.MaxMeetingDuration+cfg.MaxCatchUp < cfg.Window {
				t.Errorf("--%s=%q: the sum of %+v overflows", name, value, cfg)
			}
		case !strings.Contains(err.Error(), "--"):
			t.Errorf("--%s=%q: %v names no flag", name, value, err)
		case name == "huaweicloud.endpoint" && strings.Contains(err.Error(), "secret"):
			t.Errorf("--%s=%q: %v repeats a URL that may hold a password", name, value, err)
		}
	})
}
