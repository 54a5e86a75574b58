package simulator_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"huaweicloud_meeting_exporter/simulator"
)

func TestPipeInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := generated(1500)
		cfg.Now, cfg.TokenLifetime = nil, 20*time.Hour
		a := signedIn(t, simulator.New(cfg))
		const always = "startDate=0&endDate=4000000000000"
		before := a.rows(always).Count
		time.Sleep(10 * time.Hour)
		between(t, "meetings in 10 hours", a.rows(always).Count-before, 500, 750)
		time.Sleep(10 * time.Hour)
		a.list(always).want(t, 401, invalidToken)
	})
}

func TestStopDuringARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(empty())
		a := serve(t, s)
		s.SetFault(simulator.Hang())
		done := make(chan error)
		go func() { done <- a.signIn("", 72).err }()
		synctest.Wait()
		a.stop()
		if err := <-done; err == nil {
			t.Error("the request got a response")
		}
		if err := a.list("").err; !errors.Is(err, net.ErrClosed) {
			t.Errorf("after stop: %v", err)
		}
	})
}

func TestStopLeavesNoGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a := signedIn(t, simulator.New(empty()))
	a.rows("")
	a.stop()
	a.stop()
}

func TestPipeErrors(t *testing.T) {
	pipe := simulator.NewPipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, canceled := pipe.DialContext(ctx, "tcp", "anywhere:80")
	closing := pipe.Close()
	_, dial := pipe.DialContext(t.Context(), "tcp", "anywhere:80")
	_, accept := pipe.Accept()
	if !errors.Is(canceled, context.Canceled) || closing != nil || !errors.Is(dial, net.ErrClosed) || !errors.Is(accept, net.ErrClosed) {
		t.Error(canceled, closing, dial, accept)
	}
}
