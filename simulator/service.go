// Package simulator is a stand-in for the Huawei Cloud Meeting service: an
// http.Handler that speaks the wire format of the three calls an exporter
// needs (sign in, list the history of ended meetings, sign out), in front of
// an invented enterprise.
//
// It promises to be as awkward as the service where clients trip: signatures
// and their expiry are checked, the 65th token of a user silently kills the
// oldest, page sizes are clamped without a word, a page past the end repeats
// the last one, a meeting is listed some time after its end and its recording
// later still, times are UTC cut to the minute, and misspelt field names stay
// misspelt. Records hold personal data (names, phone numbers, subjects,
// passwords, join links), all of it invented, so that a test can prove that
// none leaks.
//
// The enterprise is a pure function of the seed and of time. The same
// configuration gives the same records whatever was asked before; there are no
// goroutines and no background work. Meetings are generated, day by day, when
// an answer first needs them, and kept, at about 1.5 KB each.
//
// Tests put records of their own beside the generated ones (Add, Edit,
// Remove), make the service misbehave (SetFault), talk to it in virtual time
// (Pipe) and compare what they computed with the plain truth (Listed, Window).
package simulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Paths of the endpoints that the service knows.
const (
	PathAppAuth = "/v2/usg/acs/auth/appauth"
	PathAccount = "/v1/usg/acs/auth/account"
	PathToken   = "/v1/usg/acs/token"
	PathHistory = "/v1/mmc/management/conferences/history"
)

// Role is what the user who signs in may see.
type Role int

const (
	// Administrator sees the meetings of the whole enterprise with
	// queryAll=true, and only their own without it.
	Administrator Role = iota
	// User sees only their own meetings. queryAll is accepted and ignored.
	User
)

// Range says which meetings lie in the range between startDate and endDate.
// The API page does not say it; the service appears to go by the start.
type Range int

const (
	// RangeStart takes meetings that started in the range.
	RangeStart Range = iota
	// RangeEnd takes meetings that ended in the range.
	RangeEnd
	// RangeOverlap takes meetings that were running at some instant of it.
	RangeOverlap
)

// Config describes a service. The zero value is an enterprise without
// meetings into which nobody can sign in.
type Config struct {
	// Seed chooses the enterprise.
	Seed uint64
	// Now is the service's wall clock: it dates answers, ends tokens and
	// decides what is listed. Default time.Now.
	Now func() time.Time
	// Start is the instant from which history is held: generated meetings
	// that started earlier do not exist. Default Now() - History, read once.
	Start time.Time
	// History is how much of the past is held at the start. Default 8 days.
	History time.Duration
	// MeetingsPerDay is how many meetings the whole enterprise holds on an
	// ordinary working day. With 0 there are only the records of Add.
	MeetingsPerDay int
	// Worldwide spreads the enterprise over offices in many time zones, so
	// that as many meetings end in every hour of every day: with 1,500 a day
	// about one a minute. Otherwise there is one office at UTC+8, with
	// working hours and weekends.
	Worldwide bool
	// PublicationDelay is the time between the end of a generated meeting
	// and its appearance in the history; each meeting takes up to half as
	// long again, a whole number of seconds fixed by the seed. A record of
	// Add that does not say when it is listed takes exactly this long.
	// Default 30 s.
	PublicationDelay time.Duration
	// AppID and AppKey open the App ID sign-in. CorpID switches it to SP
	// mode, in which the signature covers a corpId.
	AppID, AppKey, CorpID string
	// Account and Password open the account sign-in.
	Account, Password string
	// Admin is the role of whoever signs in.
	Admin Role
	// RangeMeans is how the service reads startDate and endDate.
	RangeMeans Range
	// MaxLimit is the largest page. Default and at most 500.
	MaxLimit int
	// TokenLifetime is how long a token lives. By default each lives between
	// 12 and 24 hours, as the service's do.
	TokenLifetime time.Duration
	// RateLimit is how many requests the gateway lets through in any minute,
	// rejected ones included; 0 means any number.
	RateLimit int
}

// Service is the simulated service. Its methods may be called from any number
// of goroutines; none waits for the network while it holds a lock.
type Service struct {
	cfg      Config
	role     atomic.Int32
	account  atomic.Int32
	appKey   atomic.Pointer[string]
	fault    atomic.Pointer[Fault]
	requests map[string]*atomic.Int64
	gate     throttle
	tokens   tokens
	archive  archive
}

// New returns a service for the configuration.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.History <= 0 {
		cfg.History = 8 * 24 * time.Hour
	}
	if cfg.Start.IsZero() {
		cfg.Start = cfg.Now().Add(-cfg.History)
	}
	if cfg.PublicationDelay <= 0 {
		cfg.PublicationDelay = 30 * time.Second
	}
	if cfg.MaxLimit <= 0 || cfg.MaxLimit > 500 {
		cfg.MaxLimit = 500
	}
	s := &Service{
		cfg: cfg,
		requests: map[string]*atomic.Int64{
			PathAppAuth: new(atomic.Int64),
			PathAccount: new(atomic.Int64),
			PathToken:   new(atomic.Int64),
			PathHistory: new(atomic.Int64),
			"":          new(atomic.Int64),
		},
		gate:    throttle{limit: cfg.RateLimit},
		tokens:  tokens{seed: cfg.Seed, lifetime: cfg.TokenLifetime},
		archive: archive{enterprise: newEnterprise(cfg), start: cfg.Start},
	}
	s.SetRole(cfg.Admin)
	s.SetAppKey(cfg.AppKey)
	return s
}

// SetRole changes what whoever signed in may see, at once and for tokens
// already given out.
func (s *Service) SetRole(role Role) { s.role.Store(int32(role)) }

// SetAppKey changes the App Key that later sign-ins must use.
func (s *Service) SetAppKey(key string) { s.appKey.Store(&key) }

// Requests is how many requests have come for one of the paths above, with
// any method and however they were answered. Those for any other path are
// counted together, under "".
func (s *Service) Requests(path string) int {
	return int(s.counter(path).Load())
}

func (s *Service) counter(path string) *atomic.Int64 {
	if n, ok := s.requests[path]; ok {
		return n
	}
	return s.requests[""]
}

// ServeHTTP answers as the service would, or as the fault in force wants it.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Date", s.cfg.Now().UTC().Format(http.TimeFormat))
	h.Set("Server", "api-gateway")
	h.Set("X-Request-Id", fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()))
	s.counter(r.URL.Path).Add(1)

	if f := s.fault.Load(); f != nil {
		(*f)(w, r, http.HandlerFunc(s.gateway))
		return
	}
	s.gateway(w, r)
}

// gateway is what stands before the endpoints: the throttle and the routes.
// A wrong method is answered like a wrong path.
func (s *Service) gateway(w http.ResponseWriter, r *http.Request) {
	if s.gate.limit > 0 {
		left, ok := s.gate.admit(time.Now())
		if !ok {
			throttled(w, s.gate.limit)
			return
		}
		setRate(w, left, s.gate.limit)
	}
	switch r.Method + " " + r.URL.Path {
	case "POST " + PathAppAuth:
		s.signInByAppID(w, r)
	case "POST " + PathAccount:
		s.signInByAccount(w, r)
	case "DELETE " + PathToken:
		s.signOut(w, r)
	case "GET " + PathHistory:
		s.history(w, r)
	default:
		fail(w, http.StatusNotFound, "APIGW.0101", "The API does not exist or has not been published in the environment")
	}
}

// fail answers with the error body that gateway and service share.
func fail(w http.ResponseWriter, status int, code, message string) {
	reply(w, status, map[string]string{
		"error_code": code,
		"error_msg":  message,
		"request_id": w.Header().Get("X-Request-Id"),
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, status, "application/json;charset=UTF-8", body)
}

// send writes a whole answer. That the client has gone is none of our business.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
