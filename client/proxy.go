package client

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpproxy"
)

// proxyFor returns the proxy that the environment names for a URL, or nil. It
// returns an error that names the variable if package httpproxy, which is that of
// net/http, would ignore or misread one. The error quotes nothing of the value,
// which may hold a password.
func proxyFor(target *url.URL) (*url.URL, error) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		if value := os.Getenv(name); value != "" && !isProxy(value) {
			return nil, fmt.Errorf("environment variable %s: not the URL of a proxy, such as http://proxy.example:3128; "+
				"it may begin with http, https, socks5 or socks5h, and special characters in a user or password must be percent-encoded", name)
		}
	}
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(target)
	if err != nil { // as in a CGI program
		return nil, errors.New("environment variable HTTP_PROXY: cannot be used while REQUEST_METHOD is set")
	}
	return proxy, nil
}

// isProxy reports whether httpproxy reads a value as the URL of a proxy and
// nothing else. A path, query or fragment may be the rest of a password that
// holds a slash, a question mark or a hash sign.
func isProxy(value string) bool {
	// The host is any that is not local.
	u, err := (&httpproxy.Config{HTTPSProxy: value}).ProxyFunc()(&url.URL{Scheme: "https", Host: "meeting.example"})
	if err != nil || u == nil {
		return false
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	if _, err := strconv.ParseUint(proxyPort(u), 10, 16); err != nil {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err == nil || u.Hostname() != "" && strings.IndexFunc(u.Hostname(), notInName) < 0
}

// notInName reports whether a character cannot be in the name of a host.
func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
}

// proxyPort returns the port of a proxy, or "" if net/http does not know the
// scheme.
func proxyPort(u *url.URL) string {
	defaults := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}
	if port := u.Port(); port != "" && defaults[u.Scheme] != "" {
		return port
	}
	return defaults[u.Scheme]
}
