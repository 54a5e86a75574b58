package client_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/client"
)

// setProxy sets the variables that net/http reads. Names that are not given are
// empty.
func setProxy(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, variables[name])
	}
}

func TestProxyVariables(t *testing.T) {
	for value, want := range map[string]string{ // "" means that the value is refused
		"http://proxy.example:3128":           "proxy.example:3128",
		"http://proxy.example/":               "proxy.example:80",
		"HTTPS://proxy.example":               "proxy.example:443",
		"socks5://proxy_1.example":            "proxy_1.example:1080",
		"socks5h://user:w0rd@proxy.example:1": "proxy.example:1",
		"proxy.example:3128":                  "proxy.example:3128",
		"user:w0rd@proxy.example:3128":        "proxy.example:3128",
		"http://user:w0rd@proxy.example":      "proxy.example:80",
		"http://user:w@0rd@proxy.example":     "proxy.example:80",
		"http://user:w%230rd@proxy.example":   "proxy.example:80",
		"http://[2001:db8::1]:3128":           "[2001:db8::1]:3128",
		"http://192.0.2.1":                    "192.0.2.1:80",
		"http://代理.example":                   "代理.example:80",
		"http://user:w@0rd#1@proxy.example":   "",
		"user:w@0rd#1@proxy.example":          "",
		"http://user:w0rd?1@proxy.example":    "",
		"http://user:w@0rd?@proxy.example":    "",
		"http://user:w@0rd/1@proxy.example":   "",
		"http://user:w0rd/1@proxy.example":    "",
		"http://user:12/w0rd@proxy.example":   "",
		`http://user:w\0rd@proxy.example`:     "",
		"http://user:w%0rd@proxy.example":     "",
		"http://user:w 0rd@proxy.example":     "",
		"http://proxy.example:w0rd":           "",
		"http://proxy.example:65536":          "",
		"http://proxy.example:3128/w0rd":      "",
		"http://proxy.example:3128 ":          "",
		" http://proxy.example:3128":          "",
		"http://proxy.example:3128\n":         "",
		`"http://proxy.example:3128"`:         "",
		`'proxy.example'`:                     "",
		"<proxy>":                             "",
		"http:proxy.example":                  "",
		"http:/proxy.example:3128":            "",
		"http//proxy.example:3128":            "",
		"//proxy.example:3128":                "",
		"://proxy.example:3128":               "",
		"http://":                             "",
		"http://:3128":                        "",
		"htttp://proxy.example:3128":          "",
		"ftp://proxy.example:21":              "",
		"socks4://proxy.example":              "",
		"socks://proxy.example":               "",
	} {
		for name, endpoint := range map[string]string{
			"HTTPS_PROXY": "https://meeting.example", "https_proxy": "https://meeting.example",
			"HTTP_PROXY": "http://meeting.example", "http_proxy": "http://meeting.example",
		} {
			t.Run(name+"="+strings.TrimSpace(value), func(t *testing.T) {
				setProxy(t, map[string]string{name: value})
				c, err := client.New(client.Config{Endpoint: endpoint, AppID: appID})
				switch {
				case want == "" && (err == nil || !strings.HasPrefix(err.Error(), "environment variable "+name+": ")):
					t.Errorf("error %v, want one that names %s", err, name)
				case want == "" && strings.Contains(err.Error(), "0rd"):
					t.Errorf("a part of the password in: %v", err)
				case want == "":
				case err != nil || c.Proxy() != want:
					t.Errorf("error %v, proxy %v, want %s", err, c, want)
				}
			})
		}
	}
}

func TestProxyInUse(t *testing.T) {
	const good, bad = "http://proxy.example", "http://a#b@proxy.example"
	for name, c := range map[string]struct {
		variables map[string]string
		proxy     string
		refused   string // the variable
	}{
		"none":                   {},
		"lower case wins":        {map[string]string{"HTTPS_PROXY": "http://upper.example", "https_proxy": good}, "proxy.example:80", ""},
		"the other case is bad":  {map[string]string{"HTTPS_PROXY": bad, "https_proxy": good}, "", "HTTPS_PROXY"},
		"of another scheme":      {map[string]string{"HTTP_PROXY": good}, "", ""},
		"bad, of another scheme": {map[string]string{"HTTP_PROXY": bad}, "", "HTTP_PROXY"},
		"excepted":               {map[string]string{"HTTPS_PROXY": good, "NO_PROXY": ".example"}, "", ""},
		"bad and excepted":       {map[string]string{"https_proxy": bad, "no_proxy": "*"}, "", "https_proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			setProxy(t, c.variables)
			got, err := client.New(client.Config{Endpoint: "https://meeting.example", AppID: appID})
			switch {
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused+":")):
				t.Errorf("error %v, want one that names %s", err, c.refused)
			case c.refused == "" && (err != nil || got.Proxy() != c.proxy):
				t.Errorf("error %v, want the proxy %q", err, c.proxy)
			}
		})
	}
	setProxy(t, map[string]string{"HTTP_PROXY": good, "REQUEST_METHOD": "GET"})
	if _, err := client.New(client.Config{Endpoint: "http://meeting.example", AppID: appID}); err == nil || !strings.Contains(err.Error(), "HTTP_PROXY") {
		t.Errorf("error %v of a CGI program", err)
	}
}

// A proxy that fails must not be taken for the service, and its words must not
// appear.
func TestProxyThatFails(t *testing.T) {
	answering := func(text string) func(*httptest.Server) string {
		return func(proxy *httptest.Server) string {
			proxy.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { raw(text)(w, r, nil) })
			proxy.Start()
			return proxy.URL
		}
	}
	words := strings.Join(secrets, " ")
	for name, c := range map[string]struct {
		start  func(*httptest.Server) (url string)
		status int
		want   string
	}{
		"407": {answering("HTTP/1.1 407 " + words + "\r\n\r\n"), 407, "the proxy answered 407"},
		"503": {answering("HTTP/1.1 503 " + words + "\r\n\r\n"), 503, "the proxy answered 503"},
		"refused": {func(proxy *httptest.Server) string {
			proxy.Start()
			proxy.Close()
			return proxy.URL
		}, 0, "connection refused"},
		"no TLS": {func(proxy *httptest.Server) string {
			proxy.Start()
			return strings.Replace(proxy.URL, "http:", "https:", 1)
		}, 0, "does not speak TLS"},
		"unknown authority": {func(proxy *httptest.Server) string {
			serveTLS(proxy)
			return proxy.URL
		}, 0, "its authority is unknown"},
		"no SOCKS": {func(proxy *httptest.Server) string {
			proxy.Config.ConnState = func(conn net.Conn, state http.ConnState) {
				if state == http.StateNew {
					_, _ = conn.Write([]byte(words))
					conn.Close()
				}
			}
			proxy.Start()
			return strings.Replace(proxy.URL, "http:", "socks5:", 1)
		}, 0, "it refused the connection, or is no SOCKS proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			setProxy(t, map[string]string{"HTTPS_PROXY": c.start(server)})
			defer server.Close()
			s := newService(nil)
			s.cfg.Endpoint, s.cfg.MaxAttempts = "https://meeting.example", 1
			s.reset(t)
			err := s.wantFailure(t, client.Network)
			var failure *client.ProxyError
			if !errors.As(err, &failure) || failure.Status != c.status || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			wantNoSecret(t, err)
		})
	}
}
