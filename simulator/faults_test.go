package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

func TestFaultsThatAnswer(t *testing.T) {
	s := simulator.New(open())
	a := signedIn(t, s)
	for name, c := range map[string]struct {
		fault  simulator.Fault
		status int
		body   string // a part of it
		header string // Retry-After, Location or Content-Type
		value  string
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
			got := a.list()
			if got.status != c.status || !bytes.Contains(got.body, []byte(c.body)) || got.header.Get(c.header) != c.value {
				t.Errorf("%d %v %s", got.status, got.header, got.body)
			}
		})
	}
	s.SetFault(nil)
	a.rows()
}

func TestCutsAreNotAnswers(t *testing.T) {
	s := simulator.New(open())
	s.Add(numbered(3)...)
	a := signedIn(t, s)
	whole := a.list().body
	list := func() (answer, error) {
		return a.try("GET", simulator.PathHistory+"?startDate=0&queryAll=true&sortType=ASC_StartTIME&endDate="+ms(noon),
			map[string]string{"X-Access-Token": a.token}, nil)
	}
	// A client may send a request again whose connection was cut at once.
	s.SetFault(simulator.Cut())
	if got, err := list(); err == nil {
		t.Errorf("cut: %d %s", got.status, got.body)
	}
	s.SetFault(simulator.CutBody())
	got, err := list()
	if !errors.Is(err, io.ErrUnexpectedEOF) || got.status != 200 || !bytes.HasPrefix(whole, got.body) || len(got.body) == 0 {
		t.Errorf("cut in the body: %v, %d %s", err, got.status, got.body)
	}
}

func TestHangLastsUntilTheClientGivesUp(t *testing.T) {
	s := simulator.New(open())
	a := serve(t, s)
	ended := make(chan any, 1)
	hang := simulator.Hang()
	arrived := make(chan struct{})
	s.SetFault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		defer func() { e := recover(); ended <- e; panic(e) }()
		close(arrived)
		hang(w, r, next)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+simulator.PathAppAuth, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := a.http.Do(request)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", response, err)
	}
	select {
	case e := <-ended:
		if err, _ := e.(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("ended with %v", e)
		}
	case <-time.After(10 * time.Second):
		t.Error("still hanging")
	}
}

func TestOversizeIsValidAndMoreThan64MiB(t *testing.T) {
	s := simulator.New(open())
	a := serve(t, s)
	s.SetFault(simulator.Oversize())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := a.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	head := make([]byte, 200)
	if _, err := io.ReadFull(response.Body, head); err != nil {
		t.Fatal(err)
	}
	rest, err := io.Copy(io.Discard, response.Body)
	if err != nil || rest < 64<<20 {
		t.Errorf("%d bytes, %v", rest, err)
	}
	if text := strings.TrimRight(string(head), "x") + `"}`; !json.Valid([]byte(text)) {
		t.Errorf("not JSON: %s", text)
	}
}

func TestFaultsCompose(t *testing.T) {
	s := simulator.New(open())
	a := signedIn(t, s)
	s.SetFault(simulator.On(simulator.PathHistory, simulator.Skip(1, simulator.Times(2, simulator.Throttled()))))
	for i, want := range []int{200, 429, 429, 200, 200} {
		if got := a.appAuth("", 72).status; got != 200 {
			t.Errorf("sign in %d: %d", i, got)
		}
		if got := a.list().status; got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
	}
}
