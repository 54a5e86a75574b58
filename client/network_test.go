package client_test

import (
	"bufio"
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

// wantNetwork polls and checks what the network failure is told to be.
func (s *site) wantNetwork(t *testing.T, want string) error {
	t.Helper()
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Network)
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want a word of %q", err, want)
	}
	return err
}

// An operator must find what is wrong by the error alone.
func TestANetworkFailureIsToldAsWhatItIs(t *testing.T) {
	t.Run("connection refused", func(t *testing.T) {
		s := newLoopbackSite(t, oneAttempt)
		closed := httptest.NewServer(s)
		closed.Close()
		s.cfg.Endpoint = closed.URL
		s.renew(t)
		s.wantNetwork(t, "refused")
	})
	t.Run("unknown certificate", func(t *testing.T) {
		s := newTLSSite(t, oneAttempt)
		s.cfg.Transport = &http.Transport{DisableKeepAlives: true}
		s.renew(t)
		err := s.wantNetwork(t, "certificate")
		var unknown *tls.CertificateVerificationError
		if !errors.As(err, &unknown) {
			t.Errorf("%v hides its cause", err)
		}
	})
	t.Run("unknown host", func(t *testing.T) {
		s := newDirectSite(t, oneAttempt)
		s.cfg.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "meeting.example", IsNotFound: true}}
		}}
		s.renew(t)
		s.wantNetwork(t, "no such host")
	})
	t.Run("cut", func(t *testing.T) {
		s := newLoopbackSite(t, oneAttempt)
		s.fault(simulator.Cut())
		s.wantNetwork(t, "broke off")
	})
	t.Run("cut body", func(t *testing.T) {
		s := newLoopbackSite(t, oneAttempt)
		s.fault(simulator.CutBody())
		s.wantNetwork(t, "broke off")
	})
}

func TestTimeoutsAreToldAsTimeouts(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint  string
		transport *http.Transport
		want      string
	}{
		"no answer":        {"http://meeting.example", &http.Transport{}, "no complete answer within 30s"},
		"no TLS handshake": {"https://meeting.example", &http.Transport{TLSHandshakeTimeout: 10 * time.Second}, "timeout"},
		"no header":        {"http://meeting.example", &http.Transport{ResponseHeaderTimeout: 10 * time.Second}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, oneAttempt)
				var silent []net.Conn
				c.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					silent = append(silent, near, far)
					go func() { // takes all and says nothing
						for b := make([]byte, 1024); ; {
							if _, err := far.Read(b); err != nil {
								return
							}
						}
					}()
					return near, nil
				}
				s.cfg.Endpoint, s.cfg.Transport = c.endpoint, c.transport
				s.renew(t)
				s.wantNetwork(t, c.want)
				for _, conn := range silent {
					_ = conn.Close()
				}
			})
		})
	}
}

func TestNoAnswerOfHTTPAtAllIsANetworkFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(_ *simulator.Config, cfg *client.Config) {
			cfg.Transport = &http.Transport{
				DisableKeepAlives: true,
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() {
						defer func() { _ = far.Close() }()
						_, _ = http.ReadRequest(bufio.NewReader(far))
						_, _ = io.WriteString(far, "SSH-2.0-example\r\n")
					}()
					return near, nil
				},
			}
		})
		_, err := s.poll(t.Context())
		wantReason(t, err, client.Network)
		if got := time.Since(s.began); got != 7*time.Second {
			t.Errorf("gave up after %v", got)
		}
	})
}

// newTLSSite connects service and client by TLS, like the real ones.
func newTLSSite(t *testing.T, opts ...option) *site {
	t.Helper()
	s := newService(opts)
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail on purpose
	server.StartTLS()
	t.Cleanup(server.Close)
	s.cfg.Endpoint, s.cfg.Transport = server.URL, server.Client().Transport
	s.renew(t)
	return s
}

// A GET with a body, be it empty, is refused by some gateways.
func TestRequestsHaveABodyOnlyWhereTheyNeedOne(t *testing.T) {
	for name, newSite := range map[string]func(*testing.T, ...option) *site{"plain": newLoopbackSite, "TLS": newTLSSite} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, pageLimit(4))
			s.addRecords(10)
			s.mustPoll(t)
			if err := s.client.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, r := range s.requests {
				if r.length != int64(len(r.body)) {
					t.Errorf("%s %s says that its body has %d bytes; it has %d", r.method, r.path, r.length, len(r.body))
				}
			}
		})
	}
}
