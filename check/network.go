package check

import (
	"errors"
	"net/http"
	"os"
	"strings"

	"huaweicloud_meeting_exporter/client"
)

// adviseNetwork distinguishes the causes of an exchange that was not completed.
func (c *check) adviseNetwork(e *client.Error) (sentence, todo string) {
	var proxy *client.ProxyError
	endpoint := c.setting("endpoint")
	switch {
	case errors.As(e, &proxy):
		return c.adviseProxy(proxy)
	case errors.Is(e, client.ErrNoTLS):
		return c.text("What listens at %s does not speak TLS.", c.host()),
			c.text("check %s. Only the endpoint of the simulator begins with http://. A proxy or firewall may also stand in the way.", endpoint)
	case errors.Is(e, client.ErrUnknownAuthority):
		todo = c.text("name the file of your proxy's or operator's CA certificate in the environment variable SSL_CERT_FILE. On Windows and macOS, add it to the system's certificates.")
		if os.Getenv("SSL_CERT_FILE") != "" {
			todo = c.text("check the file that the environment variable SSL_CERT_FILE names: it must be readable, and hold your proxy's or operator's CA certificate in the form PEM.")
		}
		return c.text("The certificate of %s is of an unknown authority.", c.host()), todo
	case errors.Is(e, client.ErrWrongHost):
		return c.text("The certificate that came is not for %s.", c.host()),
			c.sentences(c.text("check %s and name resolution.", endpoint), c.text("A proxy or firewall may also answer in its place."))
	case errors.Is(e, client.ErrExpired):
		return c.text("The certificate of %s is not valid at this time.", c.host()),
			c.text("check the local clock first. If it is right, the certificate must be renewed: tell its operator, or that of your proxy.")
	case errors.Is(e, client.ErrCertificate):
		return c.text("The certificate of %s is not valid.", c.host()),
			c.text("tell its operator, or that of your proxy.")
	}
	todo = c.text("check %s, name resolution and the firewall. If only a proxy leads there, name it in the environment variable %s.", endpoint, c.proxyVariable())
	if c.proxy != "" {
		todo = c.text("check %s, the firewall, and that the proxy %s leads there. NO_PROXY names hosts to reach without it.", endpoint, c.proxy)
	}
	return c.text("No complete answer comes from %s.", c.host()), todo
}

// adviseProxy is for a proxy that fails before the service is reached. If the
// environment names none, it is one that the network put there.
func (c *check) adviseProxy(e *client.ProxyError) (sentence, todo string) {
	proxy := c.text("A proxy")
	if c.proxy != "" {
		proxy = c.text("The proxy %s", c.proxy)
	}
	switch e.Status {
	case 0:
		return c.text("%s does not work.", proxy), c.text("check the environment variable %s and the proxy itself.", c.proxyVariable())
	case http.StatusProxyAuthRequired:
		return c.text("%s demands a user and password, or does not accept those it got.", proxy),
			c.text("put them into the environment variable %s, as in http://USER:PASSWORD@proxy.example:3128, with special characters percent-encoded.", c.proxyVariable())
	}
	return c.text("%s refuses to connect to %s.", proxy, c.host()),
		c.text("ask its operator to allow this, or name the host in NO_PROXY if it can be reached without a proxy.")
}

// proxyVariable returns the name of the variable that holds the proxy for the
// endpoint.
func (c *check) proxyVariable() string {
	if strings.HasPrefix(strings.ToLower(c.cfg.Endpoint), "http:") {
		return "HTTP_PROXY"
	}
	return "HTTPS_PROXY"
}
