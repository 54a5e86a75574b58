package simulator

import (
	"crypto/rand"
	"slices"
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

// token is one sign-in.
type token struct {
	value      string
	user       string // "" is the default administrator
	clientType int
	expires    time.Time
}

// tokens holds the valid tokens, the oldest first. It is safe for concurrent use.
type tokens struct {
	seed     uint64
	lifetime time.Duration // 0 takes 12 to 24 hours from the seed

	mu     sync.Mutex
	issued uint64
	valid  []token
}

// issue creates a token and returns it with its lifetime. If the user has too
// many tokens, the oldest one ends silently.
func (t *tokens) issue(user string, clientType int, now time.Time) (token, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	life := t.lifetime
	if life <= 0 {
		life = 12*time.Hour + time.Duration(stream(t.seed, forToken, t.issued).IntN(12*3600+1))*time.Second
	}
	t.issued++

	limit := 1
	if clientType == clientAPI {
		limit = maxAPITokens
	}
	oldest, held := 0, 0
	for i := len(t.valid) - 1; i >= 0; i-- {
		if t.valid[i].user == user && t.valid[i].clientType == clientType {
			oldest = i
			held++
		}
	}
	if held >= limit {
		t.valid = slices.Delete(t.valid, oldest, oldest+1)
	}

	tok := token{value: "cnr3" + rand.Text(), user: user, clientType: clientType, expires: now.Add(life)}
	t.valid = append(t.valid, tok)
	return tok, life
}

// isValid reports whether a token is known and has not expired.
func (t *tokens) isValid(value string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	return t.index(value) >= 0
}

// revoke ends a token and reports whether it was valid.
func (t *tokens) revoke(value string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	i := t.index(value)
	if i < 0 {
		return false
	}
	t.valid = slices.Delete(t.valid, i, i+1)
	return true
}

func (t *tokens) index(value string) int {
	return slices.IndexFunc(t.valid, func(o token) bool { return o.value == value })
}

func (t *tokens) expire(now time.Time) {
	t.valid = slices.DeleteFunc(t.valid, func(o token) bool { return !now.Before(o.expires) })
}

// LiveTokens returns the number of valid tokens of all users.
func (s *Service) LiveTokens() int {
	now := s.cfg.Now()
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.expire(now)
	return len(s.tokens.valid)
}

// RevokeTokens ends every token, as when an administrator signs everyone out.
func (s *Service) RevokeTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.valid = nil
}
