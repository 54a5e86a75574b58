package page_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"golang.org/x/net/html"

	"huaweicloud_meeting_exporter/page"
	"huaweicloud_meeting_exporter/test/stack"
)

// handler returns the page of stacks, as the command serve makes it.
func handler(t *testing.T, change func(*page.Config), stacks ...*stack.Simulated) http.Handler {
	t.Helper()
	cfg := page.Config{
		Window: 24 * time.Hour, Metrics: "/metrics", Healthy: "/-/healthy", Ready: "/-/ready", Version: "1.2.3",
		Now: time.Now, Logger: log.NewNopLogger(),
	}
	for _, s := range stacks {
		cfg.Enterprises = append(cfg.Enterprises, page.Enterprise{
			Setting:  func(key string) string { return "--the." + key },
			Snapshot: s.Ledger.Snapshot, Poller: s.Poller.Status, Live: s.Live, Resources: s.Resources, Attendance: s.Attendance,
		})
	}
	if change != nil {
		change(&cfg)
	}
	h, err := page.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// document is a page that keeps the rules of every page.
type document struct {
	*html.Node
	header http.Header
	size   int
}

// view asks for the page at an address.
func view(t *testing.T, h http.Handler, address, accept string) document {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, address, nil)
	req.Header.Set("Accept-Language", accept)
	resp := httptest.NewRecorder()
	h.ServeHTTP(resp, req)
	if resp.Code != http.StatusOK {
		t.Fatalf("%s: status %d, %s", address, resp.Code, resp.Body)
	}
	text := resp.Body.String()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := document{root, resp.Header(), len(text)}
	d.checkRules(t, text)
	return d
}

// all returns the elements of a name, and of a class if it is given.
func (d document) all(name, class string) (found []*html.Node) {
	for n := range d.Descendants() {
		if n.Type == html.ElementNode && n.Data == name && (class == "" || attribute(n, "class") == class) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text returns the text of an element, in one line.
func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && c.Parent.Data != "title" {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (d document) body() string { return text(d.all("main", "")[0]) }

// tile returns the value of the first tile of a name.
func (d document) tile(name string) string {
	for _, dt := range d.all("dt", "") {
		if text(dt) == name {
			return text(dt.NextSibling)
		}
	}
	return ""
}

// table returns the rows of the table with a caption, without the head.
func (d document) table(caption string) (rows [][]string) {
	for _, table := range d.all("table", "") {
		part := document{Node: table}
		if captions := part.all("caption", ""); len(captions) != 1 || text(captions[0]) != caption {
			continue
		}
		for _, tr := range part.all("tr", "")[1:] {
			var row []string
			for cell := range tr.ChildNodes() {
				if cell.Type == html.ElementNode {
					row = append(row, text(cell))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// checkRules checks what every page promises: no script, nothing to load, and what
// screen readers need.
func (d document) checkRules(t *testing.T, raw string) {
	t.Helper()
	for _, mistake := range []string{"%!(", "%!d(int", "%!s(", "ZgotmplZ", "<nil>"} {
		if strings.Contains(raw, mistake) {
			t.Errorf("%s in the page", mistake)
		}
	}
	ids, references, level := map[string]bool{}, []string{}, 0
	for n := range d.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		part := document{Node: n}
		switch n.Data {
		case "script", "iframe", "object", "form", "img", "base":
			t.Errorf("element %s", n.Data)
		case "html":
			if attribute(n, "lang") != d.header.Get("Content-Language") {
				t.Errorf("lang is %q", attribute(n, "lang"))
			}
		case "h1", "h2", "h3":
			now := int(n.Data[1] - '0')
			if now > level+1 {
				t.Errorf("%s after h%d", n.Data, level)
			}
			level = now
		case "table":
			if len(part.all("caption", "")) != 1 {
				t.Error("a table without a caption")
			}
		case "th":
			if attribute(n, "scope") == "" {
				t.Error("th without a scope")
			}
		case "svg":
			if attribute(n, "aria-hidden") != "true" && (attribute(n, "role") != "img" || attribute(n, "aria-labelledby") == "") {
				t.Error("a picture without a text")
			}
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on") || a.Key == "style":
				t.Errorf("attribute %s", a.Key)
			case a.Key == "id":
				if ids[a.Val] {
					t.Errorf("two elements have the id %s", a.Val)
				}
				ids[a.Val] = true
			case a.Key == "aria-labelledby":
				references = append(references, a.Val)
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				references = append(references, a.Val[1:])
			case a.Key == "href" && !strings.HasPrefix(a.Val, "./") && !strings.HasPrefix(a.Val, "?") && a.Val != "data:,":
				t.Errorf("the link %s does not work behind a prefix", a.Val)
			case a.Key == "src" || a.Key == "srcset":
				t.Errorf("the page loads %s", a.Val)
			}
		}
	}
	for _, id := range references {
		if !ids[id] {
			t.Errorf("no element has the id %s", id)
		}
	}
	if len(d.all("h1", "")) != 1 || len(d.all("main", "")) != 1 {
		t.Error("want one h1 and one main")
	}
}
