// Package simulator is a stand-in for the Huawei Cloud Meeting service: an
// http.Handler for the calls that the exporter needs (sign in, list the ended
// meetings, who joined them and the running meetings, read the resources, sign
// out) and for those that look up and refresh a token. The enterprise behind it is
// invented.
//
// The simulator reproduces what makes the real service hard to use. It checks
// signatures and their expiry. The 65th token of a user silently ends the
// oldest one. A page size above the maximum is silently reduced, and an offset
// past the end returns the last page again. A meeting is listed some time after
// its end, and its recording later still. Times are UTC, cut to the minute, and
// misspelt field names stay misspelt. Records hold invented names, phone
// numbers, subjects, passwords and join links, so that tests can prove that the
// exporter leaks none of them.
//
// The meetings depend only on the seed and on time, never on earlier requests.
// The simulator runs no goroutines. It generates the meetings of a day when a
// request needs them, at about 1.5 KB each, and forgets them again, so its
// memory stays bounded however long it runs (see maxKept).
//
// Tests can add records beside the generated ones (Add, Edit, Remove), make the
// service differ from its API pages (SetVariant) or misbehave (SetFault), reach
// it in virtual time (Pipe), and compare their results with its own sums
// (Listed, Window).
package simulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Paths of the endpoints.
const (
	PathAppAuth  = "/v2/usg/acs/auth/appauth"               // POST: sign in by App ID
	PathAccount  = "/v1/usg/acs/auth/account"               // POST: sign in by account
	PathToken    = "/v1/usg/acs/token"                      // DELETE: sign out; PUT: refresh a token
	PathValidate = "/v1/usg/acs/token/validate"             // POST: look up a token
	PathHistory  = "/v1/mmc/management/conferences/history" // GET: list the ended meetings
	PathOnline   = "/v1/mmc/management/conferences/online"  // GET: list the running meetings
	PathUsage    = "/v1/mmc/management/orgRes"              // GET: the resources in use
	PathQuotas   = "/v1/usg/dcs/corp/resource"              // GET: the resources bought
	PathBought   = "/v1/usg/dcs/corp/resource-list"         // GET: list the resources bought

	// GET: list who joined an ended meeting
	PathAttendance = "/v1/mmc/management/conferences/history/confAttendeeRecord"
)

// Service is the simulated service. Its methods are safe for concurrent use.
type Service struct {
	cfg      Config
	opened   time.Time    // when New made the service
	role     atomic.Int32 // a Role, or roleUnset
	variant  atomic.Pointer[Variant]
	account  atomic.Int32 // an AccountState
	appKey   atomic.Pointer[string]
	fault    atomic.Pointer[Fault]
	requests map[string]*atomic.Int64 // by path; "" is any other path
	throttle *throttle
	tokens   tokens
	archive  archive
}

// New returns a service for the configuration.
func New(cfg Config) *Service {
	cfg = cfg.withDefaults()
	s := &Service{
		cfg:      cfg,
		opened:   cfg.Now(),
		requests: make(map[string]*atomic.Int64),
		throttle: &throttle{limit: cfg.RateLimit},
		tokens:   tokens{seed: cfg.Seed, lifetime: cfg.TokenLifetime},
		archive: archive{
			enterprise: newEnterprise(cfg), start: cfg.Start, retention: cfg.Retention, maxKept: maxKept,
			days: make(map[day]*generatedDay), replaced: make(map[string]bool),
		},
	}
	for _, path := range []string{PathAppAuth, PathAccount, PathToken, PathValidate, PathHistory, PathOnline, PathUsage, PathQuotas, PathBought, PathAttendance, ""} {
		s.requests[path] = new(atomic.Int64)
	}
	s.SetVariant(cfg.Variant)
	s.SetRole(roleUnset)
	if cfg.Role == User {
		s.SetRole(User)
	}
	s.SetAppKey(cfg.AppKey)
	return s
}

// SetAppKey changes the App Key that later sign-ins must use.
func (s *Service) SetAppKey(key string) { s.appKey.Store(&key) }

// Requests returns the number of requests received for one of the paths above,
// whatever their method and response. The path "" stands for all other paths.
func (s *Service) Requests(path string) int { return int(s.counter(path).Load()) }

func (s *Service) counter(path string) *atomic.Int64 {
	if n, ok := s.requests[path]; ok {
		return n
	}
	return s.requests[""]
}

// ServeHTTP responds as the service does, or as the current fault decides.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Date", s.cfg.Now().UTC().Format(http.TimeFormat))
	h.Set("Server", "api-gateway")
	h.Set("X-Request-Id", fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()))
	s.counter(r.URL.Path).Add(1)

	if fault := s.fault.Load(); fault != nil {
		(*fault)(w, r, http.HandlerFunc(s.serve))
		return
	}
	if acceptsGzip(r) {
		w = compressing{w}
	}
	s.serve(w, r)
}

// serve applies the rate limit and calls the endpoint. The gateway responds to
// a wrong method as it does to a wrong path.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	if s.throttle.limit > 0 {
		left, wait := s.throttle.admit(time.Now())
		if wait > 0 {
			s.variant.Load().Throttle.writeThrottled(w, s.throttle.limit, wait)
			return
		}
		setRateHeader(w, left, s.throttle.limit)
	}
	switch r.Method + " " + r.URL.Path {
	case "POST " + PathAppAuth:
		s.signIn(w, r, s.checkAppID)
	case "POST " + PathAccount:
		s.signIn(w, r, s.checkPassword)
	case "DELETE " + PathToken:
		s.signOut(w, r)
	case "PUT " + PathToken:
		s.refresh(w, r)
	case "POST " + PathValidate:
		s.validate(w, r)
	case "GET " + PathHistory:
		s.history(w, r)
	case "GET " + PathOnline:
		s.online(w, r)
	case "GET " + PathUsage:
		s.usage(w, r)
	case "GET " + PathQuotas:
		s.quotas(w, r)
	case "GET " + PathBought:
		s.bought(w, r)
	case "GET " + PathAttendance:
		s.attendance(w, r)
	default:
		writeNotFound(w)
	}
}

func writeNotFound(w http.ResponseWriter) {
	writeError(w, http.StatusNotFound, "APIGW.0101", "The API does not exist or has not been published in the environment")
}
