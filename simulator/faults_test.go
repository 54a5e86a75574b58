package simulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestFaultResponses(t *testing.T) {
	s := simulator.New(empty())
	a := signedIn(t, s)
	for name, c := range map[string]struct {
		fault         simulator.Fault
		status        int
		body          string // a part of it
		header, value string
	}{
		"status":           {simulator.Answer(503, "MMC.1", "later"), 503, `"error_msg":"later"`, "Content-Type", "application/json;charset=UTF-8"},
		"retry after":      {simulator.RetryAfter("120", simulator.Answer(503, "MMC.1", "later")), 503, "MMC.1", "Retry-After", "120"},
		"throttled":        {simulator.Throttled(), 429, "APIGW.0308", "X-APIG-Ratelimit-Api", "remain:0,limit:100,time:1 minute"},
		"error as success": {simulator.Answer(200, "MMC.2", "no"), 200, `"error_code":"MMC.2"`, "", ""},
		"page":             {simulator.HTML(), 200, "<!DOCTYPE html>", "Content-Type", "text/html; charset=utf-8"},
		"no data":          {simulator.NoData(), 200, `{"offset":0,"limit":20}`, "", ""},
		"any body":         {simulator.Body(200, "text/plain", "null"), 200, "null", "Content-Type", "text/plain"},
		"redirect":         {simulator.Redirect("https://portal.example/"), 302, "", "Location", "https://portal.example/"},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetFault(c.fault)
			got := a.list("")
			if got.status != c.status || !bytes.Contains(got.body, []byte(c.body)) || got.header.Get(c.header) != c.value {
				t.Errorf("%d %v %s", got.status, got.header, got.body)
			}
		})
	}
	s.SetFault(nil)
	a.rows("")
}

func TestCutConnections(t *testing.T) {
	s := withRecords(numbered(3)...)
	a := signedIn(t, s)
	whole := a.list("").body
	s.SetFault(simulator.Cut())
	if got := a.list(""); got.err == nil {
		t.Errorf("cut: %d %s", got.status, got.body)
	}
	s.SetFault(simulator.CutBody())
	got := a.list("")
	if !errors.Is(got.err, io.ErrUnexpectedEOF) || got.status != 200 || !bytes.HasPrefix(whole, got.body) || len(got.body) == 0 {
		t.Errorf("cut in the body: %v, %d %s", got.err, got.status, got.body)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(empty())
		a := serve(t, s)
		a.http.Timeout = time.Hour
		ended := make(chan any, 1)
		s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			defer func() { e := recover(); ended <- e; panic(e) }()
			simulator.Hang()(w, r, next)
		})
		begin := time.Now()
		if err := a.signIn("", 72).err; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		equal(t, "waited", time.Since(begin), time.Hour)
		equal(t, "panic", <-ended, any(http.ErrAbortHandler))
	})
}

func TestOversize(t *testing.T) {
	s := simulator.New(empty())
	s.SetFault(simulator.Oversize())
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	body := w.Body.Bytes()
	if len(body) < 64<<20 {
		t.Fatalf("%d bytes", len(body))
	}
	// Only padding lies between head and tail.
	head, tail := bytes.TrimRight(body[:200], "x"), bytes.TrimLeft(body[len(body)-200:], "x")
	if text := string(head) + string(tail); !json.Valid([]byte(text)) {
		t.Errorf("not JSON: %s", text)
	}
}

func TestManyRows(t *testing.T) {
	s := withRecords(numbered(3)...)
	a := signedIn(t, s)
	s.SetFault(simulator.ManyRows(2000))
	got := a.rows("limit=2")
	equal(t, "rows, limit, count", [3]int{len(got.Data), got.Limit, got.Count}, [3]int{2000, 2, 3})
	equal(t, "last row", got.Data[1999]["confUUID"], any("1"))
	s.SetFault(simulator.ManyRows(1))
	equal(t, "rows of a full page", a.rows("limit=2").ids(), "0 1")
	a.token = ""
	a.list("").want(t, 401, invalidToken)
}

func TestGzipBomb(t *testing.T) {
	s := simulator.New(empty())
	s.SetFault(simulator.GzipBomb())
	for accept, most := range map[string]int{"gzip": 1 << 20, "": 65 << 20} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", accept)
		s.ServeHTTP(w, r)
		equal(t, "encoding", w.Header().Get("Content-Encoding"), accept)
		between(t, "bytes sent", w.Body.Len(), 1, most)
		unpacked := io.Reader(w.Body)
		if accept != "" {
			var err error
			if unpacked, err = gzip.NewReader(w.Body); err != nil {
				t.Fatal(err)
			}
		}
		body, err := io.ReadAll(unpacked)
		between(t, "bytes", len(body), 64<<20, 65<<20)
		// Only zeros lie between head and tail.
		head, tail := body[:200], body[len(body)-200:]
		if text := string(head) + string(tail); err != nil || !json.Valid([]byte(text)) {
			t.Errorf("%v, not JSON: %s", err, text)
		}
	}
}

func TestSignInThatBreaksOff(t *testing.T) {
	s := simulator.New(empty())
	a := serve(t, s)
	s.SetFault(simulator.On(simulator.PathAppAuth, simulator.CutBody()))
	if got := a.signIn("", 72); !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, %s", got.err, got.body)
	}
	equal(t, "valid tokens", s.LiveTokens(), 1)
}

func TestFaultsCompose(t *testing.T) {
	s := simulator.New(empty())
	a := signedIn(t, s)
	s.SetFault(simulator.On(simulator.PathHistory, simulator.Skip(1, simulator.Times(2, simulator.Throttled()))))
	for i, want := range []int{200, 429, 429, 200, 200} {
		equal(t, fmt.Sprint("sign-in ", i), a.signIn("", 72).status, 200)
		equal(t, fmt.Sprint("list ", i), a.list("").status, want)
	}
}
