package simulator

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Pipe is a network in memory: a net.Listener whose connections come from its
// DialContext. Made inside a testing/synctest bubble, it lets a real HTTP
// client and server talk in virtual time. Use NewPipe to make one.
type Pipe struct {
	incoming chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

// NewPipe returns an open pipe.
func NewPipe() *Pipe {
	return &Pipe{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection. It returns net.ErrClosed after Close.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and DialContext; open connections stay open.
func (p *Pipe) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

// Addr returns an address of no meaning.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

// DialContext connects to whoever accepts, whatever the address. It returns
// net.ErrClosed after Close, or the error of the context.
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

// Pipe runs an HTTP server for the service on a pipe, and returns a client
// for which every http:// address is that server. The function it returns
// closes both and every connection, and waits until the server has stopped.
func (s *Service) Pipe() (client *http.Client, stop func()) {
	pipe := NewPipe()
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
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
