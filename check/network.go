package check

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"huaweicloud_meeting_exporter/client"
)

// adviseNetwork distinguishes the causes of an exchange that was not completed.
func (c *check) adviseNetwork(e *client.Error) (sentence, todo string) {
	var proxy *client.ProxyError
	switch {
	case errors.As(e, &proxy):
		return c.adviseProxy(proxy)
	case errors.Is(e, client.ErrNoTLS):
		return fmt.Sprintf("What listens at %s does not speak TLS.", c.host()),
			"check " + c.setting("endpoint") + ". Only the endpoint of the simulator begins with http://. A proxy or firewall may also stand in the way."
	case errors.Is(e, client.ErrUnknownAuthority):
		todo = "name the file of your proxy's or operator's CA certificate in the environment variable SSL_CERT_FILE. On Windows and macOS, add it to the system's certificates."
		if os.Getenv("SSL_CERT_FILE") != "" {
			todo = "check the file that the environment variable SSL_CERT_FILE names: it must be readable, and hold your proxy's or operator's CA certificate in the form PEM."
		}
		return fmt.Sprintf("The certificate of %s is of an unknown authority.", c.host()), todo
	case errors.Is(e, client.ErrWrongHost):
		return fmt.Sprintf("The certificate that came is not for %s.", c.host()),
			"check " + c.setting("endpoint") + " and name resolution. A proxy or firewall may also answer in its place."
	case errors.Is(e, client.ErrExpired):
		return fmt.Sprintf("The certificate of %s is not valid at this time.", c.host()),
			"check the local clock first. If it is right, the certificate must be renewed: tell its operator, or that of your proxy."
	case errors.Is(e, client.ErrCertificate):
		return fmt.Sprintf("The certificate of %s is not valid.", c.host()),
			"tell its operator, or that of your proxy."
	}
	todo = "check " + c.setting("endpoint") + ", name resolution and the firewall. If only a proxy leads there, name it in the environment variable " + c.proxyVariable() + "."
	if c.proxy != "" {
		todo = fmt.Sprintf("check %s, the firewall, and that the proxy %s leads there. NO_PROXY names hosts to reach without it.", c.setting("endpoint"), c.proxy)
	}
	return fmt.Sprintf("No complete answer comes from %s.", c.host()), todo
}

// adviseProxy is for a proxy that fails before the service is reached. If the
// environment names none, it is one that the network put there.
func (c *check) adviseProxy(e *client.ProxyError) (sentence, todo string) {
	proxy := "A proxy"
	if c.proxy != "" {
		proxy = "The proxy " + c.proxy
	}
	switch e.Status {
	case 0:
		return proxy + " does not work.", "check the environment variable " + c.proxyVariable() + " and the proxy itself."
	case http.StatusProxyAuthRequired:
		return proxy + " demands a user and password, or does not accept those it got.",
			"put them into the environment variable " + c.proxyVariable() + ", as in http://USER:PASSWORD@proxy.example:3128, with special characters percent-encoded."
	}
	return fmt.Sprintf("%s refuses to connect to %s.", proxy, c.host()),
		"ask its operator to allow this, or name the host in NO_PROXY if it can be reached without a proxy."
}

// proxyVariable returns the name of the variable that holds the proxy for the
// endpoint.
func (c *check) proxyVariable() string {
	if strings.HasPrefix(strings.ToLower(c.cfg.Endpoint), "http:") {
		return "HTTP_PROXY"
	}
	return "HTTPS_PROXY"
}
