package e2e_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBrokenConnectionsLoseNothing(t *testing.T) {
	t.Parallel()
	rng := newRandom(t)
	e := newQuietEnterprise(t)
	p := newProxy(t, rng, e.url)
	flags := append(signIn(t, "http://"+p.address, testAppKey), "--huaweicloud.timeout=2s")
	exporter, exporterURL := serve(t, append(flags, everySecond...)...)
	awaitUp(t, exporterURL)

	// Meetings are published while connections break, while the service is
	// unreachable, and when the network works again.
	e.publish(t, ended("broken", existing, 3, time.Now()))
	await(t, 4*deadline, func() string {
		e.publish(t, ended(fmt.Sprintf("broken %d", rng.Uint64()), existing, rng.IntN(20), time.Now()))
		if !p.hadAllFaults() {
			return "not every fault has occurred"
		}
		return ""
	})
	p.disconnect()
	e.publish(t, ended("unreachable", existing, 4, time.Now()))
	awaitScrape(t, 2*deadline, exporterURL, func(s scrape) string {
		if s.up() {
			return "no poll has failed"
		}
		return ""
	})
	p.connect(t, noFault)
	e.publish(t, ended("repaired", existing, 5, time.Now()))
	e.expected().await(t, exporterURL)
	after := awaitUp(t, exporterURL) // a poll is counted before it has ended
	failures := after.failures()
	if diff := cmp.Diff(series{`{reason="network"}`: failures[`{reason="network"}`]}, failures); diff != "" {
		t.Errorf("failures by reason (-want +got):\n%s", diff)
	}
	for _, endpoint := range []string{"sign_in", "history"} {
		labels := fmt.Sprintf(`{code="error", endpoint=%q}`, endpoint)
		if got := after.series("api_requests_total")[labels]; got == 0 {
			t.Errorf("api_requests_total%s: got 0, want more", labels)
		}
	}
	// A token stays valid if the response to the sign-in was lost.
	before := e.LiveTokens()
	if before > 3 {
		t.Errorf("got %d live tokens, want 3 at most", before)
	}
	exporter.stop(t, syscall.SIGTERM)
	if got := e.LiveTokens(); got != before-1 {
		t.Errorf("got %d live tokens after the stop, want %d", got, before-1)
	}
}

// fault is how a connection breaks.
type fault int

const (
	faultReset fault = iota // before the first byte
	faultCut                // in the middle of a response
	faultStall              // in the middle of a response, which never ends
	faultSlow               // after a slow response
	faultLate               // later, without another fault
	faults
)

// proxy passes TCP connections on to a service.
type proxy struct {
	address, service string
	running          sync.WaitGroup
	// disconnect refuses connections, and closes those that are open.
	disconnect func()

	mu  sync.Mutex
	rng *rand.Rand
	had [faults]bool
}

// newProxy returns a proxy of the service at a URL. Each of its connections
// breaks.
func newProxy(t *testing.T, rng *rand.Rand, url string) *proxy {
	t.Helper()
	p := &proxy{
		address: freeAddress(t),
		service: strings.TrimPrefix(url, "http://"),
		rng:     rand.New(rand.NewPCG(rng.Uint64(), 0)),
	}
	p.connect(t, p.choose)
	t.Cleanup(func() {
		p.disconnect()
		p.running.Wait()
	})
	return p
}

// connect accepts connections. Each gets the fault that choose returns, after
// so many bytes of responses.
func (p *proxy) connect(t *testing.T, choose func() (fault, int)) {
	t.Helper()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.disconnect = func() {
		listener.Close()
		cancel()
	}
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // disconnected
			}
			p.running.Go(func() { p.pass(ctx, conn, choose) })
		}
	})
}

// choose returns a random fault. The first connection breaks before a sign-in is
// complete.
func (p *proxy) choose() (what fault, after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what, after = fault(p.rng.IntN(int(faults))), 1+p.rng.IntN(400_000)
	if p.had == [faults]bool{} {
		after = 1 + p.rng.IntN(300)
	}
	p.had[what] = true
	return what, after
}

// noFault is the choice of a network that works.
func noFault() (fault, int) { return faultLate, 1 << 40 }

func (p *proxy) hadAllFaults() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slices.Contains(p.had[:], false)
}

// pass passes a connection on until its fault occurs.
func (p *proxy) pass(ctx context.Context, conn net.Conn, choose func() (fault, int)) {
	defer conn.Close()
	what, after := choose()
	service, err := net.Dial("tcp", p.service)
	if err != nil || what == faultReset {
		_ = conn.(*net.TCPConn).SetLinger(0)
		if err == nil {
			service.Close()
		}
		return
	}
	closeBoth := func() {
		conn.Close()
		service.Close()
	}
	defer context.AfterFunc(ctx, closeBoth)()
	requests := make(chan struct{}) // closed when no more requests come
	p.running.Go(func() {
		defer close(requests)
		_, _ = io.Copy(service, conn)
		_ = service.(*net.TCPConn).CloseWrite()
	})
	defer closeBoth()

	chunk := make([]byte, 16<<10)
	if what == faultSlow {
		chunk = chunk[:1<<10]
	}
	for after > 0 {
		n, err := service.Read(chunk[:min(len(chunk), after)])
		if _, writeErr := conn.Write(chunk[:n]); err != nil || writeErr != nil {
			break
		}
		after -= n
		if what == faultSlow {
			time.Sleep(time.Millisecond)
		}
	}
	if what == faultStall {
		<-requests
	}
}
