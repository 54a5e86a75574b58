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

// weather is what the service and the network are like: a simulator.Fault that
// changes from poll to poll.
type weather struct {
	rng        *rand.Rand
	enterprise *enterprise

	mu       sync.Mutex // requests come one by one, save those of a killed process
	name     string
	fault    func(n int) simulator.Fault
	bad      float64 // how likely a request meets the fault
	lasts    int     // for how many more polls
	disturbs int     // how often the listing may still change between two pages of the poll
	readings int     // how often the poll began from the first page
	lied     bool    // about how much there is, since the poll began
}

// clear makes the service well.
func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.name, w.fault, w.bad, w.lasts, w.disturbs = "fair", nil, 0, 0, 0
}

// turnFair is turn without a change of the weather.
func (w *weather) turnFair() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readings, w.lied = 0, false
}

// turn lets the weather change before a poll.
func (w *weather) turn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readings, w.lied = 0, false
	if w.lasts--; w.lasts > 0 {
		return
	}
	w.name, w.fault, w.bad, w.lasts, w.disturbs = "fair", nil, 0, 1, 0
	names := slices.Sorted(maps.Keys(faults))
	switch x := w.rng.Float64(); {
	case x < 0.45:
	case x < 0.6:
		w.name, w.disturbs = "moving", 5
	case x < 0.85: // now and then a request fails
		w.name = oneOf(w.rng, names...)
		w.bad = 0.05 + 0.5*w.rng.Float64()
		w.disturbs = w.rng.IntN(3)
	default: // every request fails
		w.name, w.bad = oneOf(w.rng, names...), 1
		if w.lasts = 1 + w.rng.IntN(3); chance(w.rng, 0.08) {
			w.lasts = 36 + w.rng.IntN(150)
		}
	}
	w.fault = faults[w.name]
}

// confess tells whether the service has lied during the poll.
func (w *weather) confess() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lied
}

// meet is the fault that the service has all the time.
func (w *weather) meet(rw http.ResponseWriter, r *http.Request, next http.Handler) {
	fault := w.strike(r)
	if fault == nil {
		next.ServeHTTP(rw, r)
		return
	}
	fault(rw, r, next)
}

// strike decides what happens to a request.
func (w *weather) strike(r *http.Request) simulator.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Path == simulator.PathHistory {
		if r.URL.Query().Get("offset") == "0" {
			w.readings++
		} else if w.disturbs > 0 && chance(w.rng, 0.4) {
			w.disturbs--
			w.enterprise.disturb(w.readings <= 1)
		}
	}
	if w.fault == nil || !chance(w.rng, w.bad) {
		return nil
	}
	if w.name == revoked {
		w.enterprise.service.RevokeTokens()
		return nil
	}
	if w.name == lyingCount || w.name == nothingThere {
		if w.readings > 1 {
			// A page that the client gave up, and never saw again because of a
			// lie, may count or not. An honest reading shows its rows again.
			return nil
		}
		w.lied = true
	}
	return w.fault(w.rng.IntN(7))
}

// Names of the weather that needs more than a fault.
const (
	revoked      = "tokens revoked"
	lyingCount   = "lying count"
	nothingThere = "nothing there"
)

// faults are what may go wrong with a request, by name. Each is made anew with
// a random number from 0 to 6.
var faults = map[string]func(n int) simulator.Fault{
	"500":               always(simulator.Answer(500, "MMC.111070003", "processing failure")),
	"503 and later":     always(simulator.RetryAfter("20", simulator.Body(503, "text/html", "<p>busy</p>"))),
	"429":               always(simulator.Throttled()),
	"429 and later":     always(simulator.RetryAfter("45", simulator.Throttled())),
	"429 and far later": always(simulator.RetryAfter("3600", simulator.Throttled())),
	"400":               always(simulator.Answer(400, "MMC.111070001", "bad request")),
	"401":               always(simulator.On(simulator.PathHistory, simulator.Answer(401, "MMC.111070111", "token"))),
	"403":               always(simulator.On(simulator.PathHistory, simulator.Answer(403, "MMC.111070002", "no permission"))),
	"refused":           always(simulator.On(simulator.PathAppAuth, simulator.Answer(401, "USG.206010025", "App ID"))),
	"disabled":          always(simulator.On(simulator.PathAppAuth, simulator.Answer(412, "USG.206010007", "disabled"))),
	"locked":            always(simulator.On(simulator.PathAppAuth, simulator.Answer(423, "USG.206010008", "locked"))),
	"error with 200":    always(simulator.Answer(200, "MMC.111070003", "processing failure")),
	"page of a proxy":   always(simulator.HTML()),
	"no data":           always(simulator.NoData()),
	"redirect":          always(simulator.Redirect("http://elsewhere/login")),
	"silence":           always(simulator.Hang()),
	"reset":             always(simulator.Cut()),
	"broken off":        always(simulator.CutBody()),
	"slow":              slow,
	"cut short": func(n int) simulator.Fault {
		return altered(func(body []byte) []byte { return body[:len(body)*(n+1)/8] })
	},
	"empty page": always(altered(func(body []byte) []byte { return edited(body, "data", func(any) any { return []any{} }) })),
	"no count":   always(altered(func(body []byte) []byte { return edited(body, "count", func(any) any { return nil }) })),
	"same page":  func(n int) simulator.Fault { return asking("offset", func(offset int) int { return max(0, offset-n) }) },
	"clamped":    func(n int) simulator.Fault { return asking("limit", func(limit int) int { return min(limit, 1+n) }) },
	revoked:      nil,
	nothingThere: always(simulator.On(simulator.PathHistory, simulator.Body(200, "application/json", `{"data":[],"offset":0,"limit":20,"count":0}`))),
	lyingCount: func(n int) simulator.Fault {
		return altered(func(body []byte) []byte {
			return edited(body, "count", func(count any) any { return max(0, count.(float64)+float64(n-3)) })
		})
	},
}

func always(f simulator.Fault) func(int) simulator.Fault {
	return func(int) simulator.Fault { return f }
}

// slow answers late, perhaps too late.
func slow(n int) simulator.Fault {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		time.Sleep(time.Duration(n)*6*time.Second + 300*time.Millisecond)
		next.ServeHTTP(rw, r)
	}
}

// altered changes the body of the usual answer.
func altered(change func(body []byte) []byte) simulator.Fault {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		usual := httptest.NewRecorder()
		next.ServeHTTP(usual, r)
		maps.Copy(rw.Header(), usual.Header())
		rw.WriteHeader(usual.Code)
		_, _ = rw.Write(change(usual.Body.Bytes()))
	}
}

// edited changes one field of an answer, if it has that.
func edited(body []byte, field string, change func(any) any) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil || answer[field] == nil {
		return body
	}
	answer[field] = change(answer[field])
	changed, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return changed
}

// asking changes a number of the query before it is answered.
func asking(name string, change func(int) int) simulator.Fault {
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
