package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"huaweicloud_meeting_exporter/page"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

// briefRows is how many departments each of several enterprises shows.
const briefRows = 10

func TestSeveralEnterprises(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		other := stack.NewSimulated(t, func(o *stack.Options) { o.Service.AppKey = "another" })
		defer other.Stop()
		s.Run()
		other.Run()
		h := handler(t, func(c *page.Config) { c.Enterprises[0].Name, c.Enterprises[1].Name = `A & "B"`, "中文" }, s, other)

		d := view(t, h, "/", "")
		list := d.table("Enterprises")
		if len(list) != 2 || list[0][0] != "中文" || list[0][1] != "Does not work" || list[1][0] != `A & "B"` || list[1][1] != "All is well" {
			t.Errorf("got %q", list)
		}
		if len(d.all("section", "")) != 2 || len(d.table("By department")) != briefRows {
			t.Errorf("got %d sections, %d departments", len(d.all("section", "")), len(d.table("By department")))
		}
		all := slices.IndexFunc(d.all("a", ""), func(a *html.Node) bool { return strings.HasPrefix(text(a), "All ") })
		if all < 0 {
			t.Fatal("no link to all departments")
		}
		alone := view(t, h, "/"+attribute(d.all("a", "")[all], "href"), "")
		if len(alone.all("section", "")) != 1 || len(alone.table("By department")) <= briefRows {
			t.Errorf("alone: %d departments", len(alone.table("By department")))
		}
		for _, a := range alone.all("a", "")[:2] {
			if d := view(t, h, "/"+attribute(a, "href"), ""); len(d.all("section", "")) != 1 {
				t.Errorf("the switch of languages leads to %s", attribute(a, "href"))
			}
		}

		resp := httptest.NewRecorder()
		h.ServeHTTP(resp, httptest.NewRequest(http.MethodGet, "/?enterprise=nobody", nil))
		if resp.Code != http.StatusNotFound {
			t.Errorf("an unknown enterprise: status %d", resp.Code)
		}
	})
}

// The operator may give any names. The list stays small, whatever each has to show.
func TestManyEnterprises(t *testing.T) {
	names := []string{
		`a "b" & <i>c</i>`, "#a", "100% sure", "%41", "a  b", "a+b", "a%20b", "a b", "?lang=zh", "../metrics", "{{.Now}}", "A", "a",
		"\u202eevil", strings.Repeat("名", 42), "&lt;", "enterprise",
	}
	for i := len(names); i < 200; i++ {
		names = append(names, fmt.Sprint("enterprise ", i))
	}
	stack.Simulate(t, func(o *stack.Options) { o.Service.Role = simulator.User }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		h := handler(t, func(c *page.Config) {
			c.Enterprises = slices.Repeat(c.Enterprises, len(names))
			for i, name := range names {
				c.Enterprises[i].Name = name
			}
		}, s)
		d := view(t, h, "/?lang=zh", "")
		if d.size > 100_000 || len(d.all("section", "")) > 0 {
			t.Errorf("%d enterprises take %d bytes and %d sections", len(names), d.size, len(d.all("section", "")))
		}
		list := document{Node: d.all("tbody", "")[0]}
		for i, row := range list.all("a", "") {
			alone := view(t, h, "/"+attribute(row, "href"), "")
			if got := alone.all("bdi", ""); len(got) != 1 || got[0].FirstChild.Data != names[i] {
				t.Errorf("%q leads to another enterprise: %s", names[i], attribute(row, "href"))
			}
			if problem := text(row.Parent); !strings.HasSuffix(problem, "因此只统计了该用户自己的会议。") {
				t.Errorf("%q does not say what is wrong", problem)
			}
		}
	})
}

func TestOneEnterpriseHasNoName(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		if d := view(t, handler(t, nil, s), "/?enterprise=", ""); strings.Contains(d.body(), "All enterprises") {
			t.Error("there is a link to a list of one")
		}
	})
}
