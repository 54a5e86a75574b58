package e2e_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// stopWithin is how long the exporter may take to end.
const stopWithin = 5 * time.Second

func TestStopIsCleanAndSignsOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal os.Signal
		fault  simulator.Fault
		tokens int // that live on
	}{
		"SIGTERM":                              {syscall.SIGTERM, nil, 0},
		"SIGINT":                               {syscall.SIGINT, nil, 0},
		"SIGTERM while a poll hangs":           {syscall.SIGTERM, simulator.On(simulator.PathHistory, simulator.Hang()), 0},
		"SIGINT while the whole service hangs": {syscall.SIGINT, simulator.Hang(), 1},
		"SIGTERM while a poll is retried":      {syscall.SIGTERM, simulator.On(simulator.PathHistory, simulator.Throttled()), 0},
	} {
		t.Run(name, func(t *testing.T) {
			service, url := newService(t, simulator.Config{})
			p, exporterURL := serve(t, append(signIn(t, url, testAppKey), quick...)...)
			awaitReady(t, exporterURL)
			if got := service.LiveTokens(); got != 1 {
				t.Fatalf("got %d live tokens while polling, want 1", got)
			}
			if c.fault != nil {
				service.SetFault(c.fault)
				before := service.Requests(simulator.PathHistory)
				await(t, slowest, func() string {
					if service.Requests(simulator.PathHistory) == before {
						return "no poll meets the fault"
					}
					return ""
				})
			}

			status, took := p.stop(t, c.signal)
			if status != 0 {
				t.Errorf("got exit status %d, want 0", status)
			}
			if took > stopWithin {
				t.Errorf("took %s to end, want at most %s", took, stopWithin)
			}
			if got := service.LiveTokens(); got != c.tokens {
				t.Errorf("got %d live tokens afterwards, want %d", got, c.tokens)
			}
		})
	}
}
