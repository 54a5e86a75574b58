package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Provider is a service in SP mode: one App ID signs in to several enterprises,
// and the corpId of the sign-in chooses which. Each enterprise is a Service with
// people, meetings and tokens of its own. They share the limit on requests. It is
// safe for concurrent use.
type Provider struct{ enterprises []*Service }

// NewProvider returns a service of the enterprises of one App ID. There must be
// at least one, and their CorpIDs must differ. A sign-in without a corpId goes to
// the first. The RateLimit of the first holds for all of them together.
func NewProvider(enterprises ...*Service) *Provider {
	for _, s := range enterprises {
		s.throttle = enterprises[0].throttle
	}
	return &Provider{enterprises}
}

// ServeHTTP passes a request on to the enterprise that it is for.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.enterprise(w, r).ServeHTTP(w, r)
}

// enterprise returns the enterprise that a request is for: by the corpId of a
// sign-in or by the token of another request. The first one refuses what is for
// none.
func (p *Provider) enterprise(w http.ResponseWriter, r *http.Request) *Service {
	isIts := func(s *Service) bool { return s.tokens.has(r.Header.Get("X-Access-Token")) }
	if r.URL.Path == PathAppAuth {
		content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		r.Body = io.NopCloser(bytes.NewReader(content))
		var body signInBody
		if err == nil && json.Unmarshal(content, &body) == nil {
			isIts = func(s *Service) bool { return s.cfg.CorpID == body.CorpID }
		}
	}
	if i := slices.IndexFunc(p.enterprises, isIts); i >= 0 {
		return p.enterprises[i]
	}
	return p.enterprises[0]
}

// has reports whether a token, or the token of a refresh token, was issued here
// and is not forgotten.
func (t *tokens) has(value string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.index(strings.TrimPrefix(value, refreshPrefix)) >= 0
}
