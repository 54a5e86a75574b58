package simulator

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// clientAPI is the client type of server-side callers. A user of that type may
// have maxAPITokens at a time, and one token with any other type (API page:
// App ID sign-in).
const (
	clientAPI    = 72
	maxAPITokens = 64
)

// refreshLife is how long a refresh token is valid.
const refreshLife = 30 * 24 * time.Hour

// token is one sign-in. Its refresh token is the value after refreshPrefix.
type token struct {
	value      string
	user       string // "" is the default administrator
	clientType int
	created    time.Time // at the sign-in or the last refresh
	expires    time.Time
}

const refreshPrefix = "refresh"

// isValid reports whether the service accepts the token at an instant.
func (t token) isValid(now time.Time) bool { return now.Before(t.expires) }

// tokens holds the tokens that are valid or can be refreshed, the oldest first.
// It is safe for concurrent use.
type tokens struct {
	seed     uint64
	lifetime time.Duration // 0 takes 12 to 24 hours from the seed

	mu     sync.Mutex
	issued uint64
	all    []token
}

// issue creates a token. If the user has too many tokens, the oldest one ends
// silently.
func (t *tokens) issue(user string, clientType int, now time.Time) token {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(now)
	limit := 1
	if clientType == clientAPI {
		limit = maxAPITokens
	}
	held, ends := 0, 0
	for i, o := range slices.Backward(t.all) {
		if o.user != user || o.clientType != clientType {
			continue
		}
		// An expired token ends before a valid one.
		if held == 0 || !o.isValid(now) || t.all[ends].isValid(now) {
			ends = i
		}
		held++
	}
	if held >= limit {
		t.all = slices.Delete(t.all, ends, ends+1)
	}
	tok := token{value: "cnr3" + rand.Text(), user: user, clientType: clientType}
	t.start(&tok, now)
	t.all = append(t.all, tok)
	return tok
}

// start begins the lifetime of a token. The caller holds the lock.
func (t *tokens) start(tok *token, now time.Time) {
	life := t.lifetime
	if life <= 0 {
		life = 12*time.Hour + time.Duration(stream(t.seed, forToken, t.issued).IntN(12*3600+1))*time.Second
	}
	t.issued++
	tok.created, tok.expires = now, now.Add(life)
}

// refresh begins another lifetime of the token to which a refresh token belongs,
// even if that token has expired. The token keeps its value, as in the sample on
// the API page. refresh reports whether the refresh token is valid.
func (t *tokens) refresh(refreshToken string, now time.Time) (token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(now)
	value, ok := strings.CutPrefix(refreshToken, refreshPrefix)
	i := t.index(value)
	if !ok || i < 0 {
		return token{}, false
	}
	t.start(&t.all[i], now)
	return t.all[i], true
}

// find returns a valid token and reports whether there is one with that value.
func (t *tokens) find(value string, now time.Time) (token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.index(value)
	if i < 0 || !t.all[i].isValid(now) {
		return token{}, false
	}
	return t.all[i], true
}

// revoke ends a token and reports whether it was valid.
func (t *tokens) revoke(value string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.index(value)
	if i < 0 || !t.all[i].isValid(now) {
		return false
	}
	t.all = slices.Delete(t.all, i, i+1)
	return true
}

func (t *tokens) index(value string) int {
	return slices.IndexFunc(t.all, func(o token) bool { return o.value == value })
}

// drop forgets the tokens whose refresh token has expired too.
func (t *tokens) drop(now time.Time) {
	t.all = slices.DeleteFunc(t.all, func(o token) bool { return !now.Before(o.created.Add(refreshLife)) })
}

// LiveTokens returns the number of valid tokens of all users.
func (s *Service) LiveTokens() int {
	now := s.cfg.Now()
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	live := 0
	for _, o := range s.tokens.all {
		if o.isValid(now) {
			live++
		}
	}
	return live
}

// RevokeTokens ends every token, as when an administrator signs everyone out.
func (s *Service) RevokeTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.all = nil
}

// holder returns the token of a request. If it is not valid, holder responds
// and returns false.
func (s *Service) holder(w http.ResponseWriter, r *http.Request) (token, bool) {
	tok, ok := s.tokens.find(r.Header.Get("X-Access-Token"), s.cfg.Now())
	if !ok {
		s.rejectToken(w)
	}
	return tok, ok
}

// rejectToken responds to a call whose token is missing, unknown, revoked or
// expired. The code USG.200000002 is a guess.
func (s *Service) rejectToken(w http.ResponseWriter) {
	const message = "The access token is missing, invalid or expired"
	switch s.variant.Load().DeadToken {
	case DeadTokenNull:
		writeError(w, http.StatusBadRequest, "111070111", message)
	case DeadTokenBadRequest:
		writeError(w, http.StatusBadRequest, "MBI.000000004", message)
	case DeadTokenForbidden:
		writeError(w, http.StatusForbidden, "USG.200000002", message)
	case DeadTokenNoBody:
		w.WriteHeader(http.StatusForbidden)
	case DeadTokenOK:
		writeError(w, http.StatusOK, "MMC.111070111", message)
	default:
		writeError(w, http.StatusUnauthorized, "MMC.111070111", message)
	}
}
