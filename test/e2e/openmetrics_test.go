package e2e_test

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// suffixes are the suffixes of sample names by the type of the family.
var suffixes = map[string][]string{
	"counter":   {"_total"},
	"gauge":     {""},
	"histogram": {"_bucket", "_sum", "_count"},
	"summary":   {"", "_sum", "_count"},
}

var (
	metadataLine = regexp.MustCompile(`^# (HELP|TYPE|UNIT) ([a-zA-Z_]\w*) (.*)$`)
	sampleLine   = regexp.MustCompile(`^([a-zA-Z_]\w*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\["\\n])*"(?:,|\}))+))? (\S+)$`)
	labelPattern = regexp.MustCompile(`([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"[,}]`)
)

// exposition checks a page of metrics line by line against what OpenMetrics
// 1.0.0 demands. The parsers of Prometheus accept two families of one name, for
// example, and samples that do not belong to the type of their family.
type exposition struct {
	*testing.T
	suffixes map[string][]string
	line     string

	family   string // of the last line
	metadata map[string]string
	sampled  bool              // the family has samples
	owners   map[string]string // the family by the names of its samples
	series   map[string]bool
	bucket   float64 // the last one of the histogram, or -1
	top      string  // its upper bound
}

// checkOpenMetrics checks a page in the format OpenMetrics.
func checkOpenMetrics(t *testing.T, page string) {
	t.Helper()
	text, ok := strings.CutSuffix(page, "\n# EOF\n")
	if !ok {
		t.Error("the page does not end with # EOF")
	}
	(&exposition{T: t, suffixes: suffixes}).check(text)
}

// checkText checks a page in the text format of Prometheus, which keeps _total
// in the name of a family.
func checkText(t *testing.T, page string) {
	t.Helper()
	text, ok := strings.CutSuffix(page, "\n")
	if !ok {
		t.Error("the page does not end with a line feed")
	}
	own := maps.Clone(suffixes)
	own["counter"] = []string{""}
	(&exposition{T: t, suffixes: own}).check(text)
}

func (e *exposition) check(text string) {
	e.Helper()
	e.owners, e.series = map[string]string{}, map[string]bool{}
	for e.line = range strings.SplitSeq(text, "\n") {
		if m := metadataLine.FindStringSubmatch(e.line); m != nil {
			e.describe(m[1], m[2], m[3])
		} else if m := sampleLine.FindStringSubmatch(e.line); m != nil {
			e.sample(m[1], m[2], m[3])
		} else {
			e.wrong("the line is none of the format")
		}
	}
}

func (e *exposition) wrong(what string) {
	e.Helper()
	e.Fatalf("%s: %q", what, e.line)
}

// describe takes a line of metadata. The first one begins a family.
func (e *exposition) describe(kind, family, value string) {
	if family != e.family {
		e.family, e.metadata, e.sampled = family, map[string]string{}, false
		e.claim(family)
	}
	if _, ok := e.metadata[kind]; ok || e.sampled {
		e.wrong("metadata that comes twice or after samples")
	}
	e.metadata[kind] = value
	switch {
	case kind == "TYPE" && e.suffixes[value] == nil:
		e.wrong("an unknown type")
	case kind == "TYPE":
		for _, suffix := range append([]string{"_created"}, e.suffixes[value]...) {
			if suffix != "" {
				e.claim(family + suffix)
			}
		}
	case kind == "UNIT" && !strings.HasSuffix(family, "_"+value):
		e.wrong("the name does not end with the unit")
	}
}

// claim takes a name for the samples of the family. No other family may have it.
func (e *exposition) claim(name string) {
	if owner, ok := e.owners[name]; ok {
		e.wrong("the name " + name + " is that of family " + owner)
	}
	e.owners[name] = e.family
}

func (e *exposition) sample(name, labels, number string) {
	suffix, ok := strings.CutPrefix(name, e.family)
	kind := e.metadata["TYPE"]
	if !ok || !slices.Contains(e.suffixes[kind], suffix) {
		e.wrong("a sample that does not belong to family " + e.family)
	}
	e.sampled = true
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || (kind == "counter" || suffix == "_bucket" || suffix == "_count") && !(value >= 0) {
		e.wrong("a wrong value")
	}
	pairs := labelPattern.FindAllStringSubmatch(labels, -1)
	slices.SortFunc(pairs, func(a, b []string) int { return cmp.Compare(a[1], b[1]) })
	key, le := name, ""
	for i, pair := range pairs {
		if i > 0 && pair[1] == pairs[i-1][1] {
			e.wrong("a label that comes twice")
		}
		if pair[1] == "le" {
			le = pair[2]
		}
		key += "," + pair[1] + "=" + pair[2]
	}
	if e.series[key] {
		e.wrong("a series that comes twice")
	}
	e.series[key] = true
	if kind == "histogram" {
		e.histogram(suffix, le, value)
	}
}

// histogram takes a sample of a histogram. Its buckets come first, in order, and
// the last one has all observations.
func (e *exposition) histogram(suffix, le string, value float64) {
	bound, err := strconv.ParseFloat(le, 64)
	below, _ := strconv.ParseFloat(cmp.Or(e.top, "-Inf"), 64)
	switch {
	case suffix == "_bucket" && (err != nil || bound <= below || value < e.bucket):
		e.wrong("a bucket out of order")
	case suffix == "_bucket":
		e.bucket, e.top = value, le
	case e.top != "+Inf" || suffix == "_count" && value != e.bucket:
		e.wrong("a histogram whose last bucket does not have all observations")
	case suffix == "_count":
		e.bucket, e.top = -1, ""
	}
}
