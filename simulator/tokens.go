package simulator

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// clientAPI is the client type of server-side callers. The API page allows
// such a user 64 tokens at a time, and one to each other type of client.
const (
	clientAPI    = 72
	maxAPITokens = 64
)

// token is one sign-in.
type token struct {
	value      string
	user       string // who signed in; empty for the default administrator
	clientType int
	expires    time.Time
}

// tokens are the live sign-ins, the oldest first.
type tokens struct {
	seed     uint64
	lifetime time.Duration // 0: between 12 and 24 hours, by the seed

	mu     sync.Mutex
	issued uint64
	live   []token
}

// issue gives out a token and silently kills the user's oldest if there are
// now too many. It also returns how long the token lives.
func (t *tokens) issue(user string, clientType int, now time.Time) (token, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	life := t.lifetime
	if life <= 0 {
		life = 12*time.Hour + time.Duration(stream(t.seed, forToken, t.issued).IntN(12*3600+1))*time.Second
	}
	t.issued++

	same := func(o token) bool { return o.user == user && o.clientType == clientType }
	most := 1
	if clientType == clientAPI {
		most = maxAPITokens
	}
	others := 0
	for _, o := range t.live {
		if same(o) {
			others++
		}
	}
	if others >= most {
		oldest := slices.IndexFunc(t.live, same)
		t.live = slices.Delete(t.live, oldest, oldest+1)
	}

	tok := token{value: "cnr3" + rand.Text(), user: user, clientType: clientType, expires: now.Add(life)}
	t.live = append(t.live, tok)
	return tok, life
}

// valid tells whether a token is known and has not expired.
func (t *tokens) valid(value string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	return t.index(value) >= 0
}

// revoke ends a token and tells whether it was alive.
func (t *tokens) revoke(value string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	i := t.index(value)
	if i < 0 {
		return false
	}
	t.live = slices.Delete(t.live, i, i+1)
	return true
}

func (t *tokens) index(value string) int {
	return slices.IndexFunc(t.live, func(o token) bool { return o.value == value })
}

func (t *tokens) expire(now time.Time) {
	t.live = slices.DeleteFunc(t.live, func(o token) bool { return !now.Before(o.expires) })
}

// LiveTokens is how many tokens are valid now, over all users.
func (s *Service) LiveTokens() int {
	now := s.cfg.Now()
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.expire(now)
	return len(s.tokens.live)
}

// RevokeTokens ends every token, as when an administrator signs everyone out.
func (s *Service) RevokeTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.live = nil
}
