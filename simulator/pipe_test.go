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

// overPipe is a client of the service in virtual time, signed in.
func overPipe(t *testing.T, s *simulator.Service) *api {
	t.Helper()
	client, stop := s.Pipe()
	t.Cleanup(stop)
	a := &api{t: t, http: client, url: "http://meeting.example"}
	a.token = a.appAuth("", 72).accessToken(t)
	return a
}

func TestPipeCarriesTheServiceThroughADayOfVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := demo()
		cfg.Now, cfg.TokenLifetime = nil, 20*time.Hour
		s := simulator.New(cfg)
		a := overPipe(t, s)
		window := []string{"startDate", "0", "endDate", "4000000000000"}
		before := a.rows(window...).Count
		time.Sleep(10 * time.Hour)
		if n := a.rows(window...).Count - before; n < 500 || n > 750 {
			t.Errorf("%d meetings in 10 hours", n)
		}
		time.Sleep(10 * time.Hour)
		a.list(window...).want(t, 401, "MMC.111070111")
	})
}

func TestThrottleOpensAMinuteAfterTheLastRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := open()
		cfg.RateLimit = 2
		a := overPipe(t, simulator.New(cfg)) // the first request of this minute
		time.Sleep(30 * time.Second)
		a.list().want(t, 200, "")
		a.list().want(t, 429, "APIGW.0308") // counts too
		time.Sleep(time.Minute - time.Second)
		a.list().want(t, 429, "APIGW.0308")
		time.Sleep(time.Second)
		a.list().want(t, 200, "")
	})
}

func TestHangOverThePipeLastsAsLongAsTheClientWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(open())
		a := overPipe(t, s)
		a.http.Timeout = time.Hour
		s.SetFault(simulator.Hang())
		begin := time.Now()
		_, err := a.try("GET", simulator.PathHistory, nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestPipeCanBeStoppedUnderARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(open())
		client, stop := s.Pipe()
		a := &api{t: t, http: client, url: "http://meeting.example"}
		s.SetFault(simulator.Hang())
		done := make(chan error)
		go func() {
			_, err := a.try("POST", simulator.PathAppAuth, nil, "x")
			done <- err
		}()
		synctest.Wait()
		stop()
		if err := <-done; err == nil {
			t.Error("an answer")
		}
		if _, err := a.try("GET", "/", nil, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after the stop: %v", err)
		}
	})
}

func TestPipeLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := simulator.New(open())
	client, stop := s.Pipe()
	a := &api{t: t, http: client, url: "http://meeting.example"}
	a.token = a.appAuth("", 72).accessToken(t)
	a.rows()
	stop()
	stop()
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	pipe := simulator.NewPipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pipe.DialContext(ctx, "tcp", "anywhere:80"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := pipe.Close(); err != nil {
		t.Error(err)
	}
	if _, err := pipe.DialContext(t.Context(), "tcp", "anywhere:80"); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := pipe.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
