package main

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// serveOptions returns the options of a demo. Sign-ins counts the sign-ins that
// were tried: each reads the secret.
func serveOptions(t *testing.T, endpoint string, args ...string) (opts *options, signIns *atomic.Int64) {
	t.Helper()
	opts, signIns = &options{}, &atomic.Int64{}
	if _, err := newApplication(opts).Parse(append([]string{commandDemo, "--log.level=error"}, args...)); err != nil {
		t.Fatal(err)
	}
	opts.useSimulator(endpoint)
	signIns.Store(-1) // the start reads it too
	opts.secret = func() (string, error) {
		signIns.Add(1)
		return demoAppKey, nil
	}
	return opts, signIns
}

// Else a crash loop would leave a token behind at every start.
func TestNoSignInWithoutThePort(t *testing.T) {
	service := httptest.NewServer(simulator.New(demoEnterprise()))
	defer service.Close()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Run("taken", func(t *testing.T) {
		// The first address is free.
		opts, signIns := serveOptions(t, service.URL, "--web.listen-address=127.0.0.1:0", "--web.listen-address="+taken.Addr().String())
		err := serve(t.Context(), opts)
		if err == nil || !strings.Contains(err.Error(), "--web.listen-address") || !strings.Contains(err.Error(), "in use") {
			t.Errorf("got error %v", err)
		}
		if n := signIns.Load(); n != 0 {
			t.Errorf("%d sign-ins", n)
		}
	})
	t.Run("stopped before", func(t *testing.T) {
		opts, signIns := serveOptions(t, service.URL, "--web.listen-address=127.0.0.1:0")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := serve(ctx, opts); err != nil {
			t.Errorf("got error %v", err)
		}
		if n := signIns.Load(); n != 0 {
			t.Errorf("%d sign-ins", n)
		}
	})
	t.Run("bound", func(t *testing.T) {
		opts, signIns := serveOptions(t, service.URL, "--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		secret := opts.secret
		opts.secret = func() (string, error) {
			if signIns.Load() >= 0 {
				cancel()
			}
			return secret()
		}
		if err := serve(ctx, opts); err != nil {
			t.Errorf("got error %v", err)
		}
		if n := signIns.Load(); n != 1 {
			t.Errorf("%d sign-ins, want one", n)
		}
	})
}
