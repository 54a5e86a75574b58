// Package client speaks the Huawei Cloud Meeting server API. It signs in, keeps the
// token, and reads the history, who joined a meeting, the meetings in progress and
// the resources.
//
// A listing is either complete or an error. Every failed request is an Error
// with a Reason. The client keeps to a request rate, and signs in only if it
// must. No key, token, password or response body appears in an error.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Names of the API's endpoints, as in Exchange.Endpoint.
const (
	EndpointSignIn        = "sign_in"
	EndpointHistory       = "history"
	EndpointSignOut       = "sign_out"
	EndpointLive          = "live"
	EndpointOrgResources  = "org_resources"
	EndpointCorpResources = "corp_resources"
	EndpointResourceList  = "resource_list"
	EndpointAttendance    = "attendance"
)

// Endpoints returns the name of every endpoint that the client calls.
func Endpoints() []string {
	return []string{
		EndpointSignIn, EndpointHistory, EndpointSignOut,
		EndpointLive, EndpointOrgResources, EndpointCorpResources, EndpointResourceList, EndpointAttendance,
	}
}

const (
	// maxPageLimit is the largest page of history (API page: limit).
	maxPageLimit = 500
	// defaultMaxAttempts covers failures that last some seconds. The next poll
	// covers longer ones.
	defaultMaxAttempts = 4
)

// Config says how to reach the service and how to sign in: by App ID and App
// Key, or by account and password.
type Config struct {
	// Endpoint is the base URL, such as https://api.meeting.huaweicloud.com.
	Endpoint string
	// AppID selects the sign-in by App ID. UserID is a third-party user. If it
	// is empty, the service signs in the enterprise's default administrator.
	// CorpID must be set in SP mode only.
	AppID, UserID, CorpID string
	// Account selects the sign-in by account. Exactly one of AppID and Account
	// must be set.
	Account string
	// Secret returns the App Key or the password. The client calls it at every
	// sign-in, so a changed secret needs no restart.
	Secret func() (string, error)
	// Timeout limits one request and its response.
	Timeout time.Duration
	// MaxRequestsPerMinute limits the requests to all endpoints together,
	// retries included. Sign-outs do not wait for it.
	MaxRequestsPerMinute int
	// Limiter, if set, is a limiter that clients share. It replaces
	// MaxRequestsPerMinute.
	Limiter *Limiter
	// MaxAttendanceRequestsPerMinute is the part of the limit that Attendance may
	// use. Zero means all of it.
	MaxAttendanceRequestsPerMinute int
	// SignInInterval is the shortest time from the beginning of a failed
	// sign-in to the next one. It should be the interval of the polls. The time
	// doubles with every failure, up to 15 minutes or SignInInterval, whichever
	// is longer. A sign-in that did not reach the service does not count.
	SignInInterval time.Duration
	// PageLimit is the number of records to ask for in one page. Zero means
	// 500, the API's maximum.
	PageLimit int
	// MaxAttempts limits the attempts at one request. Zero means 4.
	MaxAttempts uint
	// UserAgent is sent with every request.
	UserAgent string

	// Observe, if set, is called after every exchange with the service, in the
	// goroutine that made the request. Calls may be concurrent.
	Observe func(Exchange)
	// Transport sends the requests. Nil means a transport of the client's own
	// with the settings of http.DefaultTransport, and with the proxy that the
	// environment names.
	Transport http.RoundTripper
	// Now is the wall clock, for the expiry of signatures and tokens, to find
	// records that end in the future, and for Exchange.Received. Nil means
	// time.Now.
	Now func() time.Time
	// Random is the source of nonces and jitter. Nil means crypto/rand.
	Random io.Reader
}

// Owner identifies the service and the user who signs in, and so the meetings
// that the client sees. It contains no secret.
func (c *Config) Owner() string {
	return strings.Join([]string{c.Application(), c.UserID, c.CorpID}, "\x00")
}

// Application identifies the service and the App ID or account, whose requests
// the service limits together. It contains no secret.
func (c *Config) Application() string {
	host := c.Endpoint
	if u, err := ParseEndpoint(c.Endpoint); err == nil {
		defaultPort := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
		host = strings.TrimSuffix(strings.ToLower(u.Host), defaultPort)
	}
	return strings.Join([]string{host, c.AppID, c.Account}, "\x00")
}

// Client is a client of the API. Its methods may be called concurrently.
type Client struct {
	cfg     Config
	base    *url.URL
	proxy   *url.URL // nil if there is none
	limiter *Limiter
	session session
	paging  atomic.Int32 // the Paging of the history, as far as known
	// The same for the other listings. One that pages in another way must not
	// make the client forget how the history does.
	onlinePaging, resourcePaging, attendancePaging atomic.Int32
	attendanceShare                                *rate.Limiter // nil if attendance may use all of the limit
}

// New returns a client. It sends no request. It returns an error if the
// endpoint is invalid, if not exactly one of AppID and Account is set, or if it
// would have to ignore or misread a proxy that the environment names.
func New(cfg Config) (*Client, error) {
	base, err := ParseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if (cfg.AppID == "") == (cfg.Account == "") {
		return nil, errors.New("exactly one of app ID and account must be set")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.PageLimit == 0 {
		cfg.PageLimit = maxPageLimit
	}
	if cfg.MaxAttempts == 0 {
		cfg.MaxAttempts = defaultMaxAttempts
	}
	var proxy *url.URL
	if cfg.Transport == nil {
		if proxy, err = proxyFor(base); err != nil {
			return nil, err
		}
		cfg.Transport = newTransport(proxy)
	}
	if cfg.Limiter == nil {
		cfg.Limiter = NewLimiter(cfg.MaxRequestsPerMinute)
	}
	var attendanceShare *rate.Limiter
	if n := cfg.MaxAttendanceRequestsPerMinute; n > 0 {
		attendanceShare = newRateLimiter(n)
	}
	return &Client{
		cfg:     cfg,
		base:    base,
		proxy:   proxy,
		limiter: cfg.Limiter,
		session: session{lock: make(chan struct{}, 1)},

		attendanceShare: attendanceShare,
	}, nil
}

// Proxy returns the host and port of the proxy that the environment names for
// the endpoint, or "" if there is none.
func (c *Client) Proxy() string {
	if c.proxy == nil {
		return ""
	}
	return net.JoinHostPort(c.proxy.Hostname(), proxyPort(c.proxy))
}

// ParseEndpoint parses the base URL of the service. Its errors do not quote the
// URL, which may contain a password.
func ParseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, errors.New("not a URL, which must begin with https:// or http://")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("the URL names no host")
	case u.User != nil:
		return nil, errors.New("the URL must not hold a user or password")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL must not hold a query or fragment")
	}
	return u, nil
}

// Close signs out, if the client is signed in, and closes idle connections. It
// makes one attempt at the sign-out and does not wait for the limit on requests.
// The client can be used again: its next
// request signs in.
func (c *Client) Close(ctx context.Context) error {
	if t, ok := c.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		defer t.CloseIdleConnections()
	}
	return c.signOut(ctx)
}
