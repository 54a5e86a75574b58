package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func serveTLS(server *httptest.Server) {
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	server.StartTLS()
}

func serveHTTP2(server *httptest.Server) {
	server.EnableHTTP2 = true
	serveTLS(server)
}

// An operator must find the cause by the error alone.
func TestNetworkErrorText(t *testing.T) {
	refused := func(server *httptest.Server) {
		server.Start()
		server.Close()
	}
	oldTLS := func(server *httptest.Server) {
		server.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
		serveTLS(server)
	}
	noHost := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "meeting.example", IsNotFound: true}}
	}}
	// trusting accepts the certificates of httptest, as of a host and a time.
	trusting := func(host string, now time.Time) *http.Transport {
		server := httptest.NewTLSServer(nil)
		defer server.Close()
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.ServerName, transport.TLSClientConfig.Time = host, func() time.Time { return now }
		transport.DisableKeepAlives = true
		return transport
	}
	tlsToPlain := &http.Transport{}
	kinds := []error{client.ErrNoTLS, client.ErrUnknownAuthority, client.ErrWrongHost, client.ErrExpired}
	for name, c := range map[string]struct {
		start     func(*httptest.Server)
		transport *http.Transport
		fault     simulator.Fault
		want      string
		kind      error // one of kinds
	}{
		"connection refused":  {refused, nil, nil, "connection refused", nil},
		"unknown authority":   {serveTLS, &http.Transport{DisableKeepAlives: true}, nil, "certificate is not valid: its authority is unknown", client.ErrUnknownAuthority},
		"another host":        {serveTLS, trusting("meeting.invalid", time.Now()), nil, "certificate is not valid: it is for another host", client.ErrWrongHost},
		"expired certificate": {serveTLS, trusting("", time.Now().AddDate(100, 0, 0)), nil, "certificate is not valid: it is expired", client.ErrExpired},
		"old TLS":             {oldTLS, nil, nil, "no TLS version or cipher", nil},
		"no TLS":              {(*httptest.Server).Start, tlsToPlain, nil, "does not speak TLS", client.ErrNoTLS},
		"unknown host":        {(*httptest.Server).Start, noHost, nil, "name of the host is not found", nil},
		"cut":                 {(*httptest.Server).Start, nil, simulator.Cut(), "connection closed", nil},
		"cut body":            {(*httptest.Server).Start, nil, simulator.CutBody(), "connection closed", nil},
		"no HTTP":             {(*httptest.Server).Start, nil, raw("SSH-2.0-example\r\n"), "no valid HTTP response", nil},
		"huge body": {
			(*httptest.Server).Start, nil, raw("HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n{"), "connection closed", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.start, oneAttempt)
			if c.transport != nil {
				s.cfg.Transport = c.transport
				if c.transport == tlsToPlain {
					s.cfg.Endpoint = strings.Replace(s.cfg.Endpoint, "http:", "https:", 1)
				}
				s.reset(t)
			}
			s.fault(c.fault)
			err := s.wantFailure(t, client.Network)
			if !strings.Contains(err.Error(), c.want) || errors.Is(err, client.ErrCertificate) != strings.Contains(c.want, "certificate") {
				t.Errorf("%v, want %q", err, c.want)
			}
			for _, kind := range kinds {
				want := c.kind != nil && errors.Is(c.kind, kind)
				if errors.Is(err, kind) != want {
					t.Errorf("%v: of the kind %q: want %t", err, kind, want)
				}
			}
			wantNoSecret(t, err)
		})
	}
}

func TestTimeouts(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint  string
		transport *http.Transport
		want      string
	}{
		"no response":      {"http://meeting.example", &http.Transport{}, "no complete response within 30s"},
		"no TLS handshake": {"https://meeting.example", &http.Transport{TLSHandshakeTimeout: 10 * time.Second}, "timeout"},
		"no header":        {"http://meeting.example", &http.Transport{ResponseHeaderTimeout: 10 * time.Second}, "timeout"},
	} {
		inBubble(t, name, func(t *testing.T) {
			c.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, far) }()
				return near, nil
			}
			s := newSetup(t, oneAttempt, transport(c.transport))
			s.cfg.Endpoint = c.endpoint
			s.reset(t)
			if err := s.wantFailure(t, client.Network); !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Some gateways refuse a GET with a body, even an empty one.
func TestEveryRequest(t *testing.T) {
	for name, c := range map[string]struct {
		start    func(*httptest.Server)
		protocol int
	}{"HTTP": {(*httptest.Server).Start, 1}, "HTTPS": {serveTLS, 1}, "HTTP/2": {serveHTTP2, 2}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.start, pageLimit(4))
			s.addRecords(9)
			s.mustList(t)
			if err := s.client.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.wantRequests(t, "", 5)
			for _, r := range s.seen("") {
				if r.length != int64(len(r.body)) || (r.length > 0) != (r.method == http.MethodPost) || r.protocol != c.protocol {
					t.Errorf("%s %s by HTTP/%d announces %d bytes and has %d", r.method, r.path, r.protocol, r.length, len(r.body))
				}
				if got := r.header.Get("User-Agent"); got != agent {
					t.Errorf("%s: User-Agent %q", r.path, got)
				}
			}
		})
	}
}

// net/http repeats a request on a dead idle connection by itself.
func TestDeadIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(t)
		s.mustList(t)
		s.fault(onHistory(simulator.Times(1, simulator.Cut())))
		s.mustList(t)
		s.wantAttempts(t, client.EndpointHistory, 2)
		if took := time.Since(s.began); took != 0 {
			t.Errorf("took %v, want no wait", took)
		}
	})
}

// endless is a body that begins like an empty history and never ends.
type endless struct{ read, closed int }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, `{"data":[],"count":0,"padding":"`)
	if e.read > 0 {
		n = copy(p, "x")
		for n < len(p) {
			n += copy(p[n:], p[:n])
		}
	}
	e.read += n
	return n, nil
}

func (e *endless) Close() error {
	e.closed++
	return nil
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBodyIsReadUpTo64MiB(t *testing.T) {
	body := &endless{}
	s := newSetup(t, transport(transportFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
	})))
	s.wantFailure(t, client.Response)
	if body.read != 64<<20+1 || body.closed != 1 {
		t.Errorf("read %d bytes, closed %d times", body.read, body.closed)
	}
	s.wantAttempts(t, client.EndpointSignIn, 1)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed++
		_, _ = io.WriteString(w, pageBody(0))
	}))
	defer elsewhere.Close()
	for _, path := range []string{simulator.PathAppAuth, simulator.PathHistory, simulator.PathToken} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := newSetup(t)
			s.fault(simulator.On(path, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				http.Redirect(w, r, elsewhere.URL, status)
			}))
			_, err := s.list(t.Context())
			if path == simulator.PathToken {
				err = s.client.Close(t.Context())
			}
			wantReason(t, err, client.Response)
			if !strings.Contains(err.Error(), "redirected") {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
	if followed != 0 {
		t.Errorf("%d redirects were followed", followed)
	}
}
