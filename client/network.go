package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// ErrCertificate is the cause of an Error if the service's certificate is not
// valid.
var ErrCertificate = errors.New("the certificate is not valid")

// newTransport returns a transport of the client's own, because Close closes
// idle connections. It has the settings of http.DefaultTransport.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return proxyError(resp.StatusCode)
		}
		return nil
	}
	return t
}

// proxyError is the status with which a proxy refuses a connection.
type proxyError int

func (e proxyError) Error() string { return fmt.Sprintf("the proxy answered %d", int(e)) }

// networkError returns the cause of a failed exchange in words of its own. Errors
// of net/http, TLS and X.509 may quote the peer.
func networkError(err error) error {
	var (
		proxy   proxyError
		op      *net.OpError
		dns     *net.DNSError
		errno   syscall.Errno
		timeout net.Error
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &proxy):
		return proxy
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return certificateError(err)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("the service does not speak TLS at this address")
	case isNegotiation(err):
		return errors.New("no TLS version or cipher suits both sides")
	case errors.As(err, &dns) && dns.IsNotFound:
		return errors.New("the name of the host is not found")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("timeout")
	case errors.As(err, &errno) && errors.As(err, &op) && op.Addr != nil:
		return fmt.Errorf("%s: %w", op.Addr, errno)
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New("the name of the host cannot be looked up")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection closed before the response was complete")
	}
	return errors.New("no valid HTTP response")
}

func certificateError(err error) error {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("%w: its authority is unknown", ErrCertificate)
	case errors.As(err, &host):
		return fmt.Errorf("%w: it is for another host", ErrCertificate)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: it is expired, or the local clock is wrong", ErrCertificate)
	}
	return ErrCertificate
}

// isNegotiation reports whether a TLS handshake failed because the sides have no
// version or cipher in common. Package tls has no types for that.
func isNegotiation(err error) bool {
	text := err.Error()
	if i := strings.Index(text, "tls: "); i >= 0 {
		for _, words := range []string{"handshake failure", "protocol version", "insufficient security", "cipher suite"} {
			if strings.Contains(text[i:], words) {
				return true
			}
		}
	}
	return false
}
