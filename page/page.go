// Package page is the page for people: what goes on in an enterprise, and whether
// the exporter is well, without Grafana.
//
// It promises to read only what the ledger and the pollers have published: a view
// of the page never calls the service, and never waits for a poll or for the disk.
// The page has no script and loads nothing. What comes from the service is escaped.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the template and the styles
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/text/language"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
)

// Config says what the page shows. Times are shown in the time zone of Now.
type Config struct {
	// Enterprises have a section each, or a row each if there are many of them. With
	// flags alone there is one, without a name.
	Enterprises []Enterprise
	// Window is the length of the recent window.
	Window time.Duration
	// Metrics, Healthy and Ready are the paths to which the page links, each with a
	// slash at its beginning.
	Metrics, Healthy, Ready string
	// Version is the version of the exporter.
	Version string
	// Now is the wall clock. It must not be nil.
	Now func() time.Time
	// Logger receives a line when the page cannot be made. It must not be nil.
	Logger log.Logger
}

// Enterprise is where the section of one enterprise reads.
type Enterprise struct {
	Name string // value of the label enterprise
	// Setting returns how the operator spells a key of the file of enterprises: as
	// it is, or as a flag. It must not be nil.
	Setting func(key string) string
	// Snapshot and Poller return what the ledger and the poller have published.
	Snapshot func() *ledger.Snapshot
	Poller   func() *poller.Status
	// Live, Resources and Attendance are nil if these collectors are switched off.
	Live       *poller.Live
	Resources  *poller.Resources
	Attendance *poller.Attendance
}

//go:embed page.html
var layout string

//go:embed page.css
var styles string

// languages are those of the page. The first one is for those who ask for none of
// them.
var languages = []language.Tag{language.English, language.SimplifiedChinese}

// page is the handler of the page.
type page struct {
	cfg      Config
	matcher  language.Matcher
	editions []edition // as languages
	policy   string
}

// edition is the page in one language.
type edition struct {
	words
	layout *template.Template
}

// New returns the handler of the page. It may be used concurrently.
func New(cfg Config) (http.Handler, error) {
	hash := sha256.Sum256([]byte(styles))
	p := &page{
		cfg: cfg, matcher: language.NewMatcher(languages),
		policy: "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
	for _, tag := range languages {
		var e edition
		var err error
		if e.words, err = newWords(tag); err != nil {
			return nil, err
		}
		if e.layout, err = template.New("page").Funcs(e.functions()).Parse(layout); err != nil {
			return nil, fmt.Errorf("parse the page: %w", err)
		}
		p.editions = append(p.editions, e)
	}
	return p, nil
}

// ServeHTTP shows the page in the language that the parameter lang or else the
// browser asks for. The parameter enterprise asks for one enterprise alone, with
// all its departments.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	chosen := p.edition(query.Get("lang"), r.Header.Get("Accept-Language"))
	v, ok := p.view(chosen.words, query.Get("enterprise"))
	if !ok {
		http.Error(w, "No enterprise has this name.", http.StatusNotFound)
		return
	}
	var body bytes.Buffer
	if err := chosen.layout.Execute(&body, v); err != nil {
		level.Error(p.cfg.Logger).Log("msg", "The page could not be made", "err", err)
		http.Error(w, "The page could not be made; see the log.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", chosen.tag.String())
	header.Set("Content-Security-Policy", p.policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept-Language")
	header.Set("Cache-Control", "no-store")
	_, _ = body.WriteTo(w) // whoever hung up needs no answer
}

// maxAsked limits the languages that a request asks for, in bytes: it takes seconds
// to parse a hostile list of a megabyte.
const maxAsked = 512

// edition returns the page in the first language asked for that there is.
func (p *page) edition(asked ...string) edition {
	asked = slices.DeleteFunc(asked, func(list string) bool { return len(list) > maxAsked })
	_, i := language.MatchStrings(p.matcher, asked...)
	return p.editions[i]
}
