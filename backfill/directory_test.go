package backfill_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/simulator"
)

func TestOtherDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		run(t, service, cfg)
		before := contents(t, cfg.Output)
		c := newClient(t, service)
		store, _ := newStore(t)
		for want, change := range map[string]func(*backfill.Config){
			"it went to another --remote-write.url, or to files": func(c *backfill.Config) { c.Store = store },
			"it was of another endpoint, app ID or account":      func(c *backfill.Config) { c.Owner = "another" },
			`--from was "1999-12-28T06:00:00Z" and is now "1999-12-28T07:00:00Z"; --to was "1999-12-30T18:00:00Z" and is now "1999-12-30T17:00:00Z"`: func(c *backfill.Config) {
				c.From, c.To = from.Add(time.Hour), to.Add(-time.Hour)
			},
			`--step was "1h0m0s" and is now "30m0s"`:                            func(c *backfill.Config) { c.Step = 30 * time.Minute },
			`--job was "a job" and is now "another"`:                            func(c *backfill.Config) { c.Job = "another" },
			`--instance was "an instance" and is now "another"`:                 func(c *backfill.Config) { c.Instance = "another" },
			`--label=site was not set and is now "b"`:                           func(c *backfill.Config) { c.Labels = map[string]string{"site": "b"} },
			`--history.window was "4h0m0s" and is now "8h0m0s"`:                 func(c *backfill.Config) { c.Ledger.Window *= 2 },
			`--history.max-meeting-duration was "20h0m0s" and is now "40h0m0s"`: func(c *backfill.Config) { c.Ledger.MaxMeetingDuration *= 2 },
			`--history.max-departments was "200" and is now "1"`:                func(c *backfill.Config) { c.Ledger.MaxDepartments = 1 },
		} {
			other := cfg
			change(&other)
			want = "--output: " + cfg.Output + " holds another backfill: " + want
			if _, err := backfill.Run(t.Context(), c, other); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got error %v, want %s", err, want)
			}
		}
		settings := filepath.Join(cfg.Output, "backfill.json")
		for want, change := range map[string]func() error{
			"backfill.json cannot be read":                       func() error { return os.WriteFile(settings, []byte("{"), 0o600) },
			"holds meetings-1999-12-28.om without backfill.json": func() error { return os.Remove(settings) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if _, err := backfill.Run(t.Context(), c, cfg); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v, want %q in it", err, want)
			}
		}
		if diff := cmp.Diff(before, contents(t, cfg.Output)); diff != "" {
			t.Errorf("the directory changed:\n%.2000s", diff)
		}
	})
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		second := cfg
		c := newClient(t, service)
		cfg.Done = func(p backfill.Progress) {
			if _, err := backfill.Run(t.Context(), c, second); err == nil || err.Error() != "--output: another backfill is writing to "+cfg.Output {
				t.Errorf("after %d days: got error %v", p.Days, err)
			}
		}
		run(t, service, cfg)
		run(t, service, second)
	})
}

func TestMissingDayIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		run(t, service, cfg)
		if err := os.Remove(filepath.Join(cfg.Output, "meetings-1999-12-29.om")); err != nil {
			t.Fatal(err)
		}
		const want = "holds meetings-1999-12-30.om, but not the earlier meetings-1999-12-29.om"
		if _, err := backfill.Run(t.Context(), newClient(t, service), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v", err)
		}
	})
}

func TestADayWhoseStateIsNotKeptIsNotFinished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		inTheWay := filepath.Join(cfg.Output, "meetings-1999-12-28.state")
		cfg.Done = func(backfill.Progress) {
			if err := os.Mkdir(inTheWay, 0o700); err != nil {
				t.Error(err)
			}
		}
		if _, err := backfill.Run(t.Context(), newClient(t, service), cfg); err == nil {
			t.Error("got no error although the state cannot be kept")
		}
		if got := contents(t, cfg.Output); len(got) != 0 {
			t.Errorf("got %d files that no run can go on after", len(got))
		}
		if err := os.Remove(inTheWay); err != nil {
			t.Fatal(err)
		}
		cfg.Done = func(backfill.Progress) {}
		cfg.To = to.Add(-step) // nothing is finished, so the directory is free
		run(t, service, cfg)
	})
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"meetings-1999-12-28.om", "meetings-1999-12-28.om.part", "meetings-1999-12-28.state",
		"backfill.json", "backfill.json.part", "backfill.lock",
	} {
		cfg := config(t, nil)
		target := filepath.Join(t.TempDir(), "target")
		link := filepath.Join(cfg.Output, name)
		if err := errors.Join(os.Mkdir(cfg.Output, 0o700), os.Symlink(target, link)); err != nil {
			t.Fatal(err)
		}
		want := "--output: " + link + " is not a regular file: remove it"
		if _, err := backfill.Run(t.Context(), nil, cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
		if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was followed: %v", name, err)
		}
	}
}
