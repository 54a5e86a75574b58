package e2e_test

import (
	"os"
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
