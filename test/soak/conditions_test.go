package soak_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// conditions are the state of the service and the network. They change from
// poll to poll.
type conditions struct {
	rng        *rand.Rand
	loops      *rand.Rand // for the requests of the loops, which come at any time
	enterprise *enterprise
	variant    *simulator.Variant // as the service behaves now

	mu        sync.Mutex // requests come one by one, except for those of a killed process
	fault     string     // the name of the fault, empty for none
	faultRate float64    // how likely a request meets the fault
	pollsLeft int        // for how many more polls the conditions last
	changes   int        // how often the listing may still change between two pages
	lied      bool       // the service lied about how much it has, since the poll began
}

// next chooses the conditions of the next poll: good ones, or as chance has it.
func (c *conditions) next(good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lied = false
	if c.pollsLeft--; c.pollsLeft > 0 && !good {
		return
	}
	c.fault, c.pollsLeft, c.changes = "", 1, 0
	if good {
		return
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(faults(0))), func(name string) bool { return name == gzipBomb })
	switch x := c.rng.Float64(); {
	case x < 0.45: // all is well
	case x < 0.6:
		c.changes = 5
	case x < 0.85: // some requests fail
		c.fault, c.faultRate = oneOf(c.rng, names...), 0.05+0.5*c.rng.Float64()
		c.changes = c.rng.IntN(3)
	case x < 0.855:
		c.fault, c.faultRate = gzipBomb, 1
	default: // every request fails
		c.fault, c.faultRate = oneOf(c.rng, names...), 1
		if c.pollsLeft = 1 + c.rng.IntN(3); chance(c.rng, 0.08) {
			c.pollsLeft = 36 + c.rng.IntN(150)
		}
	}
}

// honest reports whether the service has not lied since the poll began.
func (c *conditions) honest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.lied
}

// serve is the simulator.Fault of the service.
func (c *conditions) serve(rw http.ResponseWriter, r *http.Request, next http.Handler) {
	if fault := c.choose(r); fault != nil {
		fault(rw, r, next)
		return
	}
	next.ServeHTTP(rw, r)
}

// choose returns the fault that a request meets, nil for none.
func (c *conditions) choose(r *http.Request) simulator.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ofLoops(r) {
		if c.fault == "" || !chance(c.loops, c.faultRate) {
			return nil
		}
		return faults(c.loops.IntN(7))[c.fault]
	}
	laterPage := r.URL.Path == simulator.PathHistory && r.URL.Query().Get("offset") != "0"
	if laterPage && c.changes > 0 && chance(c.rng, 0.4) {
		c.changes--
		c.enterprise.change(true)
	}
	if c.fault == "" || !chance(c.rng, c.faultRate) {
		return nil
	}
	if r.URL.Path == simulator.PathAttendance && slices.Contains([]string{wrongCount, emptyPage, otherPage, fewerRows}, c.fault) {
		return nil // nobody could tell what is missing
	}
	switch c.fault {
	case tokensRevoked, tokenRejected:
		c.enterprise.service.RevokeTokens()
	case wrongCount, emptyHistory:
		c.lied = true
	case otherPage, fewerRows:
		if c.variant.Offset != simulator.OffsetRecord {
			return nil // nobody could tell which records such a page lacks
		}
		c.lied = c.lied || c.variant.CountCap > 0
	case emptyPage:
		c.lied = c.lied || c.variant.CountCap > 0
	case gzipBomb:
		c.faultRate = 0 // one is enough: it is slow
	}
	return faults(c.rng.IntN(7))[c.fault]
}

// The names of faults that need more than a changed answer.
const (
	tokensRevoked = "tokens revoked"
	tokenRejected = "401"
	wrongCount    = "wrong count"
	emptyHistory  = "empty history"
	emptyPage     = "empty page"
	otherPage     = "same page again"
	fewerRows     = "fewer rows than asked"
	gzipBomb      = "gzip bomb"
)

// faults returns what may happen to a request, by name, with a random number
// from 0 to 6.
func faults(n int) map[string]simulator.Fault {
	field := func(name string, change func(any) any) simulator.Fault {
		return changedBody(func(body []byte) []byte { return withField(body, name, change) })
	}
	history := func(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathHistory, f) }
	signIn := func(f simulator.Fault) simulator.Fault { return simulator.On(simulator.PathAppAuth, f) }
	return map[string]simulator.Fault{
		"500":                   simulator.Answer(500, "MMC.111070003", "processing failure"),
		"503, Retry-After 20 s": simulator.RetryAfter("20", simulator.Body(503, "text/html", "<p>busy</p>")),
		"429":                   simulator.Throttled(),
		"429, Retry-After 45 s": simulator.RetryAfter("45", simulator.Throttled()),
		"429, Retry-After 1 h":  simulator.RetryAfter("3600", simulator.Throttled()),
		"400":                   simulator.Answer(400, "MMC.111070001", "bad request"),
		tokenRejected:           history(simulator.Answer(401, "MMC.111070111", "token")),
		"403":                   history(simulator.Answer(403, "MMC.111070002", "no permission")),
		"403, throttled":        simulator.RetryAfter("30", simulator.Answer(403, "APIGW.0308", "throttled")),
		"429, broken off":       brokenOff(simulator.Throttled()),
		"sign-in broken off":    signIn(simulator.CutBody()),
		"sign-in error in 200":  signIn(simulator.Answer(200, "USG.206010025", "App ID")),
		"sign-in refused":       signIn(simulator.Answer(401, "USG.206010025", "App ID")),
		"account disabled":      signIn(simulator.Answer(412, "USG.206010007", "disabled")),
		"account locked":        signIn(simulator.Answer(423, "USG.206010008", "locked")),
		"error with 200":        simulator.Answer(200, "MMC.111070003", "processing failure"),
		"page of a proxy":       simulator.HTML(),
		"no data":               simulator.NoData(),
		"redirect":              simulator.Redirect("http://elsewhere/login"),
		"no answer":             simulator.Hang(),
		"connection reset":      simulator.Cut(),
		"body broken off":       simulator.CutBody(),
		"slow":                  slow(time.Duration(n)*6*time.Second + 300*time.Millisecond),
		"body cut short":        changedBody(func(body []byte) []byte { return body[:len(body)*(n+1)/8] }),
		emptyPage:               field("data", func(any) any { return []any{} }),
		"no count":              field("count", func(any) any { return nil }),
		otherPage:               changedQuery("offset", func(offset int) int { return max(0, offset-n) }),
		fewerRows:               changedQuery("limit", func(limit int) int { return min(limit, 2+n) }),
		"too many rows":         history(simulator.ManyRows(50)),
		gzipBomb:                history(simulator.GzipBomb()),
		tokensRevoked:           nil,
		wrongCount:              field("count", func(count any) any { return max(0, count.(float64)+float64(n-3)) }),
		emptyHistory:            history(simulator.Body(200, "application/json", `{"data":[],"offset":0,"limit":20,"count":0}`)),
	}
}

// brokenOff breaks the answer of another fault off.
func brokenOff(f simulator.Fault) simulator.Fault {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := func(rw http.ResponseWriter, r *http.Request) { f(rw, r, next) }
		simulator.CutBody()(rw, r, http.HandlerFunc(answer))
	}
}

// slow answers late, perhaps too late.
func slow(delay time.Duration) simulator.Fault {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		time.Sleep(delay)
		next.ServeHTTP(rw, r)
	}
}

// changedBody changes the body of the usual answer.
func changedBody(change func(body []byte) []byte) simulator.Fault {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		usual := httptest.NewRecorder()
		next.ServeHTTP(usual, r)
		maps.Copy(rw.Header(), usual.Header())
		rw.WriteHeader(usual.Code)
		_, _ = rw.Write(change(usual.Body.Bytes()))
	}
}

// withField returns a body with one field changed, if it has that field.
func withField(body []byte, name string, change func(any) any) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil || answer[name] == nil {
		return body
	}
	answer[name] = change(answer[name])
	changed, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return changed
}

// changedQuery changes a number of the query before it is answered.
func changedQuery(name string, change func(int) int) simulator.Fault {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		r = r.Clone(r.Context())
		q := r.URL.Query()
		if asked, err := strconv.Atoi(q.Get(name)); err == nil {
			q.Set(name, strconv.Itoa(change(asked)))
			r.URL.RawQuery = q.Encode()
		}
		next.ServeHTTP(rw, r)
	}
}
