package e2e_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBrokenConnectionsLoseNothing(t *testing.T) {
	t.Parallel()
	rng := newRandom(t)
	s := newStored(t)
	l := newLink(t, rng, s.url)
	flags := append(signIn(t, "http://"+l.address, testAppKey), "--huaweicloud.timeout=2s")
	p, exporterURL := serve(t, append(flags, brisk...)...)
	await(t, 2*slowest, func() string {
		if newScrape(t, exporterURL).sample("up") != "1" {
			return "no sweep got through"
		}
		return ""
	})

	// Meetings are published while connections are in trouble, while there are
	// none at all, and when all is well again.
	s.publish(t, ended("amid troubles", changing, 3, time.Now()))
	await(t, 4*slowest, func() string {
		s.publish(t, ended(fmt.Sprintf("amid troubles %d", rng.Uint64()), changing, rng.IntN(20), time.Now()))
		if !l.metAll() {
			return "not every trouble came"
		}
		return ""
	})
	l.down()
	s.publish(t, ended("without connections", changing, 4, time.Now()))
	var down scrape
	await(t, 2*slowest, func() string {
		down = newScrape(t, exporterURL)
		if down.sample("up") != "0" {
			return "no poll has failed"
		}
		return ""
	})
	l.heal()
	l.up(t)
	s.publish(t, ended("all well", changing, 5, time.Now()))
	s.truth().await(t, exporterURL)

	after := newScrape(t, exporterURL)
	if got := after.sample("up"); got != "1" {
		t.Errorf("up when all is well again: got %q, want 1", got)
	}
	failures := after.failures()
	if diff := cmp.Diff(series{`{reason="network"}`: failures[`{reason="network"}`]}, failures); diff != "" {
		t.Errorf("failures by reason (-want +got):\n%s", diff)
	}
	for _, endpoint := range []string{"sign_in", "history"} {
		requests := fmt.Sprintf(`api_requests_total{code="error",endpoint=%q}`, endpoint)
		if got := after.sample(requests); got == "" {
			t.Errorf("%s: got no sample, want some", requests)
		}
	}
	// A token whose answer was lost on the way lives on.
	if got := s.LiveTokens(); got > 3 {
		t.Errorf("got %d live tokens, want a few", got)
	}
	before := s.LiveTokens()
	if status, took := p.stop(t, syscall.SIGTERM); status != 0 || took > stopWithin {
		t.Errorf("got exit status %d after %s, want 0 within %s", status, took, stopWithin)
	}
	if got := s.LiveTokens(); got != before-1 {
		t.Errorf("got %d live tokens after the stop, want %d", got, before-1)
	}
}
