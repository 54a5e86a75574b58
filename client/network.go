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

// Causes of an Error with the reason Network, beside ProxyError. The last three
// are kinds of ErrCertificate.
var (
	// ErrNoTLS means that the other side does not speak TLS.
	ErrNoTLS = errors.New("the other side does not speak TLS")
	// ErrCertificate means that the service's certificate is not valid.
	ErrCertificate = errors.New("the certificate is not valid")
	// ErrUnknownAuthority means that no known authority signed the certificate.
	ErrUnknownAuthority = fmt.Errorf("%w: its authority is unknown", ErrCertificate)
	// ErrWrongHost means that the certificate is for another host.
	ErrWrongHost = fmt.Errorf("%w: it is for another host", ErrCertificate)
	// ErrExpired means that the certificate is not valid at the local time.
	ErrExpired = fmt.Errorf("%w: it is expired or not valid yet, or the local clock is wrong", ErrCertificate)
)

// ProxyError is the cause of an Error if a proxy failed, not the service.
type ProxyError struct {
	// Status is the HTTP status with which the proxy refused the request, or 0.
	Status int
	err    error // set if Status is 0
}

// Error returns the status, or what failed at the proxy.
func (e *ProxyError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("the proxy: %v", e.err)
	}
	return fmt.Sprintf("the proxy answered %d", e.Status)
}

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.err }

// newTransport returns a transport of the client's own, because Close closes
// idle connections. But for the proxy, which may be nil, it has the settings of
// http.DefaultTransport.
func newTransport(proxy *url.URL) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = http.ProxyURL(proxy)
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return &ProxyError{Status: resp.StatusCode}
		}
		return nil
	}
	return t
}

// networkError returns the cause of a failed exchange in words of its own. Errors
// of net/http, TLS and X.509 may quote the peer.
func networkError(err error) error {
	var (
		proxy *ProxyError
		op    *net.OpError
	)
	switch {
	case errors.As(err, &proxy):
		return proxy
	case errors.As(err, &op) && op.Op == "proxyconnect": // set by net/http
		return &ProxyError{err: connectionError(op.Err)}
	case errors.As(err, &op) && op.Op == "socks connect": // set by net/http
		return &ProxyError{err: errors.New("it refused the connection, or is no SOCKS proxy")}
	}
	return connectionError(err)
}

// connectionError is networkError without the failures of proxies.
func connectionError(err error) error {
	var (
		op      *net.OpError
		dns     *net.DNSError
		errno   syscall.Errno
		timeout net.Error
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return certificateError(err)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return ErrNoTLS
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
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.SystemRootsError)):
		return ErrUnknownAuthority
	case errors.As(err, new(x509.HostnameError)):
		return ErrWrongHost
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ErrExpired
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
