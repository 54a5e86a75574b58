package client

import (
	"net/http"
	"net/url"
)

// UseProxy sends the requests of a client with the default transport through a
// proxy.
func (c *Client) UseProxy(proxy *url.URL) {
	c.cfg.Transport.(*http.Transport).Proxy = http.ProxyURL(proxy)
}
