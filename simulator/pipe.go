package simulator

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Pipe is a network in memory: a net.Listener that accepts the connections of
// its DialContext. Inside a testing/synctest bubble, a real HTTP client and
// server use it to talk in virtual time. Create it with NewPipe. It is safe for
// concurrent use.
type Pipe struct {
	incoming chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

// NewPipe returns an open pipe.
func NewPipe() *Pipe {
	return &Pipe{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection. After Close it returns net.ErrClosed.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and DialContext. Open connections stay open. It always
// returns nil.
func (p *Pipe) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

// Addr returns an address without meaning.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

// DialContext waits until Accept takes the connection. It ignores network and
// address. It returns net.ErrClosed after Close, and the error of the context
// when that ends.
func (p *Pipe) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.incoming <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// Pipe runs an HTTP server for the service on a Pipe. See ServePipe.
func (s *Service) Pipe() (client *http.Client, stop func()) { return ServePipe(s) }

// ServePipe runs an HTTP server on a Pipe. The client sends the requests for
// every http:// address to that server. stop closes the server and all
// connections and waits until the server has stopped.
func ServePipe(handler http.Handler) (client *http.Client, stop func()) {
	pipe := NewPipe()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	transport := &http.Transport{DialContext: pipe.DialContext}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(pipe)
	}()
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-stopped
	}
}
