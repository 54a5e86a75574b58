package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"huaweicloud_meeting_exporter/simulator"
)

func TestStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal os.Signal
		fault  simulator.Fault
		tokens int // that stay valid
	}{
		"SIGTERM":                       {syscall.SIGTERM, nil, 0},
		"SIGINT":                        {syscall.SIGINT, nil, 0},
		"SIGTERM while a poll hangs":    {syscall.SIGTERM, onHistory(simulator.Hang()), 0},
		"SIGINT while everything hangs": {syscall.SIGINT, simulator.Hang(), 1},
		"SIGTERM before a retry":        {syscall.SIGTERM, onHistory(simulator.Throttled()), 0},
	} {
		t.Run(name, func(t *testing.T) {
			service, url := newService(t, simulator.Config{})
			p, exporterURL := serve(t, append(signIn(t, url, testAppKey), everySecond...)...)
			awaitReady(t, exporterURL)
			if got := service.LiveTokens(); got != 1 {
				t.Fatalf("got %d live tokens while polling, want 1", got)
			}
			if c.fault != nil {
				service.SetFault(c.fault)
				before := service.Requests(simulator.PathHistory)
				await(t, deadline, func() string {
					if service.Requests(simulator.PathHistory) == before {
						return "no poll has met the fault"
					}
					return ""
				})
			}
			p.stop(t, c.signal)
			if got := service.LiveTokens(); got != c.tokens {
				t.Errorf("got %d live tokens afterwards, want %d", got, c.tokens)
			}
		})
	}
}

func TestStopBeforeAPipeIsWritten(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
		t.Skipf("mkfifo: %v\n%s", err, out)
	}
	p := start(t, exporter, "--huaweicloud.app-id="+testAppID, "--huaweicloud.app-key-file="+pipe)
	await(t, deadline, func() string {
		writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err.Error() // nothing reads yet
		}
		t.Cleanup(func() { writer.Close() })
		return ""
	})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.exitStatus(t)
}
