// Package client reads ended meetings from the Huawei Cloud Meeting server
// API: it signs in, keeps the token, and lists history.
//
// It promises that a listing is either complete or an error, that every error
// tells its Reason, that the service is asked no faster than allowed and never
// signed in to more often than needed, and that no key, token, password or
// body ever appears in an error.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// The endpoints of the API that the client uses, as named in an Exchange.
const (
	EndpointSignIn  = "sign_in"
	EndpointHistory = "history"
	EndpointSignOut = "sign_out"
)

const (
	// maxPageLimit is the most records the API returns in one page.
	maxPageLimit = 500
	// maxAttempts is enough for what passes within seconds; what lasts longer
	// is for the next poll.
	maxAttempts = 4
	// limiterBurst lets a poll of a few pages run without waiting.
	limiterBurst = 5
)

// Config says how to reach the service and how to sign in: with App ID and
// App Key, or with account and password.
type Config struct {
	// Endpoint is the base URL, such as https://api.meeting.huaweicloud.com.
	Endpoint string
	// AppID selects App ID sign-in. UserID is a third-party user, empty for
	// the enterprise's default administrator; CorpID is for SP mode only.
	AppID, UserID, CorpID string
	// Account selects account sign-in where AppID is empty.
	Account string
	// Secret returns the App Key or the password. It is called at every
	// sign-in, so that a changed secret needs no restart.
	Secret func() (string, error)
	// Timeout bounds one request, its answer included.
	Timeout time.Duration
	// MaxRequestsPerMinute bounds requests to all endpoints together, retries
	// included.
	MaxRequestsPerMinute int
	// SignInInterval is the least time between two sign-ins of which the
	// first was refused.
	SignInInterval time.Duration
	// PageLimit is the number of records asked for in one page; 0 means 500,
	// the most that the API gives.
	PageLimit int
	// MaxAttempts bounds the attempts at one request; 0 means 4.
	MaxAttempts uint
	// UserAgent is sent with every request.
	UserAgent string

	// Observe, if set, is told of every exchange with the service, from the
	// goroutine that made it.
	Observe func(Exchange)
	// Transport is http.DefaultTransport's configuration where nil.
	Transport http.RoundTripper
	// Now is the wall clock that dates a signature; time.Now where nil.
	Now func() time.Time
	// Random is the source of nonces and jitter; crypto/rand where nil.
	Random io.Reader
}

// Owner tells whose meetings the client sees: the service and who signs in.
// It is the same for the same configuration, and holds no secret.
func (c *Config) Owner() string {
	host := c.Endpoint
	if u, err := ParseEndpoint(c.Endpoint); err == nil {
		host = strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	}
	return strings.Join([]string{host, c.AppID, c.Account, c.UserID, c.CorpID}, "\x00")
}

// Exchange is one request and what came of it.
type Exchange struct {
	Endpoint string
	// Status is the HTTP status, or 0 if no complete answer came.
	Status   int
	Duration time.Duration
	// Date is the service's clock, to the second; zero if it sent none.
	Date time.Time
}

// Client is a client of the API. Its methods may be called concurrently.
type Client struct {
	cfg     Config
	base    *url.URL
	limiter *rate.Limiter
	session session
}

// New returns a client. It does not talk to the service.
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
		cfg.MaxAttempts = maxAttempts
	}
	if cfg.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		// Polls are further apart than servers keep idle connections: a new
		// one is better than one that may just be closing.
		transport.IdleConnTimeout = 30 * time.Second
		// HTTP/2 would send the empty body of a GET, see newRequest, which some
		// gateways refuse.
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
		cfg.Transport = transport
	}
	return &Client{
		cfg:     cfg,
		base:    base,
		limiter: rate.NewLimiter(rate.Limit(float64(cfg.MaxRequestsPerMinute)/60), limiterBurst),
		session: session{lock: make(chan struct{}, 1)},
	}, nil
}

// MaxRequestsPerMinute is the limit that the client keeps to.
func (c *Client) MaxRequestsPerMinute() int { return c.cfg.MaxRequestsPerMinute }

// ParseEndpoint returns the base URL of the service, or an error that says
// what is wrong with it.
func ParseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		// The error of url.Parse repeats the URL, and with it any password.
		return nil, errors.New("not a URL")
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

// Close signs out, if signed in, and closes idle connections. It makes one
// attempt and is bounded by ctx.
func (c *Client) Close(ctx context.Context) error {
	if t, ok := c.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		defer t.CloseIdleConnections()
	}
	return c.signOut(ctx)
}
