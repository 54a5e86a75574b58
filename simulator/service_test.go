package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestResponseHeaders(t *testing.T) {
	a := signedIn(t, simulator.New(empty()))
	seen := make(map[string]bool)
	for _, got := range []response{a.list(""), a.list("limit=x"), a.do("GET", "/", nil, nil), a.signIn("", 1)} {
		id := got.header.Get("X-Request-Id")
		if seen[id] || len(id) != 32 {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
		if got.header.Get("Date") != "Fri, 14 Mar 2025 12:00:00 GMT" || got.header.Get("Server") == "" {
			t.Errorf("headers %v", got.header)
		}
	}
}

func TestUnknownRoutes(t *testing.T) {
	a := serve(t, simulator.New(empty()))
	for _, route := range []string{
		"GET /", "GET " + simulator.PathHistory + "/", "POST " + simulator.PathHistory, "POST " + simulator.PathToken,
		"GET " + simulator.PathValidate,
		"GET " + simulator.PathAppAuth, "DELETE " + simulator.PathAccount,
	} {
		method, path, _ := strings.Cut(route, " ")
		a.do(method, path, nil, nil).want(t, http.StatusNotFound, "APIGW.0101")
	}
	equal(t, "HEAD", a.do("HEAD", simulator.PathHistory, nil, nil).status, http.StatusNotFound)
}

func TestRequestsAreCountedByPath(t *testing.T) {
	s := simulator.New(empty())
	a := signedIn(t, s)
	a.list("")
	a.list("limit=x")
	a.do("GET", "/favicon.ico", nil, nil)
	a.do("GET", "/robots.txt", nil, nil)
	for path, want := range map[string]int{
		simulator.PathAppAuth: 1, simulator.PathAccount: 0, simulator.PathToken: 0, simulator.PathHistory: 2, "": 2,
	} {
		equal(t, "requests for "+path, s.Requests(path), want)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := simulator.New(generated(20))
	a := signedIn(t, s)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			id := fmt.Sprint(i)
			s.Add(record(id, time.Minute, time.Hour))
			s.Edit(id, func(r *simulator.Record) { r.Subject = "edited" })
			s.SetFault(simulator.Times(1, simulator.Throttled()))
			a.list("")
			s.Listed(noon)
			s.Remove(id)
		})
	}
	all.Wait()
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := empty()
		cfg.RateLimit = 3
		a := signedIn(t, simulator.New(cfg))
		time.Sleep(30 * time.Second)
		equal(t, "header", a.list("").header.Get("X-APIG-Ratelimit-Api"), "remain:1,limit:3,time:1 minute")
		a.rows("")
		got := a.list("")
		got.want(t, 429, "APIGW.0308") // counts too, in place of the sign-in
		if !strings.Contains(string(got.body), "over ratelimit,limit:3,time:1 minute") {
			t.Errorf("body %s", got.body)
		}
		time.Sleep(time.Minute - time.Second)
		a.list("").want(t, 429, "APIGW.0308")
		time.Sleep(time.Second)
		a.rows("")
	})
}
