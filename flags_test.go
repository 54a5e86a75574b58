package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	file := filepath.Join(t.TempDir(), "arguments")
	if err := os.WriteFile(file, []byte("--history.interval=2m\n--log.level=debug\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"@" + file, "check"}, {"check", "@" + file}} {
		command, opts, err := parseFlags(args)
		if err != nil || command != commandCheck || opts.interval.String() != "2m0s" || opts.logLevel != "debug" {
			t.Errorf("%v: got %s, %+v, %v", args, command, opts, err)
		}
	}
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
	for args, want := range map[string]string{
		"--history.hold=-1s":    "--history.hold: must not be negative",
		"--history.window=59m":  "--history.window: 59m0s is less than --history.stale-after 1h0m0s: an outage would look like 0 meetings",
		"--history.window=1h":   "",
		"--history.interval=1h": "--history.sweep-interval: 30m0s is less",
	} {
		_, opts, err := parseFlags([]string{args})
		if err == nil {
			err = opts.validate()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got error %v, want %q", args, err, want)
		}
	}
}

// FuzzFlags gives each flag any value. The value must be accepted, or refused
// with an error that names the flag.
func FuzzFlags(f *testing.F) {
	for _, value := range []string{"", "1h", "-1h", "1ms", "0", "9999999h", "x", "info", "/a{b}", "http://[::1", "https://user:secret@host", "\x00", "@x"} {
		for which := range uint8(40) {
			f.Add(which, value)
		}
	}
	app := newApplication(&options{})
	needed := map[string]string{"from": "2026-03-01", "to": "2026-03-02", "output": "out"}
	var names []string
	for _, flag := range append(app.Model().Flags, app.GetCommand(commandBackfill).Model().Flags...) {
		if !flag.IsBoolFlag() {
			names = append(names, flag.Name)
		}
	}
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
			_, err = opts.backfillConfig("owner")
		}
		switch {
		case err == nil:
			return
		case !strings.Contains(err.Error(), "--"):
			t.Errorf("--%s=%q: %v names no flag", name, value, err)
		case name == "huaweicloud.endpoint" && strings.Contains(err.Error(), "secret"):
			t.Errorf("--%s=%q: %v repeats a URL that may hold a password", name, value, err)
		}
	})
}
