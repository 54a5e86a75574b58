package main

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// TestChinesePages holds each Chinese page against its English one. The line
// below a Chinese heading names the English section, and has the hash of what
// was translated: <!-- Try it: 3f2a9c1d -->.
func TestChinesePages(t *testing.T) {
	for _, page := range chinesePages(t) {
		t.Run(page, func(t *testing.T) {
			english := englishOf(page)
			wantSwitcher(t, english, "English · [简体中文]("+relative(t, english, page)+")")
			wantSwitcher(t, page, "[English]("+relative(t, page, english)+") · 简体中文")

			from, to := sectionsOf(t, english), sectionsOf(t, page)
			var want, got []string
			for _, s := range from {
				want = append(want, s.level+" "+s.heading)
			}
			for _, s := range to {
				got = append(got, s.level+" "+s.original)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s must have the sections of %s in their order, each with <!-- English heading: hash --> below its heading; "+
					"take 00000000 for a new one, and the test will tell the hash (-want +got):\n%s", page, english, diff)
			}
			for i, s := range from {
				compareSections(t, english, page, s, to[i])
			}
		})
	}
}

// compareSections compares what must be the same in both languages.
func compareSections(t *testing.T, english, page string, from, to section) {
	t.Helper()
	if hash := hashOf(from); hash != to.hash {
		t.Errorf("The section %q of %s changed; git log -p %[2]s shows how. Translate the change in %s, then set the hash of %[4]q to %s.",
			from.heading, english, page, to.heading, hash)
	}
	for _, same := range []struct {
		what string
		of   func(page, text string) []string
	}{
		{"the code blocks, without comments", func(_, text string) []string { return codeBlocks(text) }},
		{"the code in the text", func(_, text string) []string { return codeIn(fencePattern.ReplaceAllString(text, "")) }},
		{"the table rows, by the code in them", func(_, text string) []string { return tableRows(text) }},
		{"the links, each to the Chinese page if there is one", func(page, text string) []string { return linksToEnglish(t, page, text) }},
	} {
		if diff := cmp.Diff(same.of(english, from.text), same.of(page, to.text)); diff != "" {
			t.Errorf("%s, section %q: %s must be those of section %q of %s (-want +got):\n%s",
				page, to.heading, same.what, from.heading, english, diff)
		}
	}
}

// TestChineseText finds what GitHub shows badly or a typesetter would mend.
func TestChineseText(t *testing.T) {
	mistakes := map[string]*regexp.Regexp{
		"a space is missing between Chinese and Latin": regexp.MustCompile(`\p{Han}[A-Za-z0-9].{0,9}|.{0,9}[A-Za-z0-9]\p{Han}`),
		"the punctuation beside Chinese is half-width": regexp.MustCompile(`.{0,9}(\p{Han}[,.:;!?()]|[,.:;!?()]\p{Han})`),
		"a line break inside a paragraph is a space":   regexp.MustCompile(`.{0,9}[\p{Han}，。；：、！？）”]\n[\p{L}*\[（“].{0,9}`),
	}
	bold, letter := regexp.MustCompile(`(.?)\*\*([^*\n]+)\*\*(.?)`), regexp.MustCompile(`\pL`)
	for _, page := range chinesePages(t) {
		text := codePattern.ReplaceAllString(readDoc(t, page), "x")
		text = regexp.MustCompile(`(?s)<!--.*?-->|\]\(.*?\)`).ReplaceAllString(text, "]")
		for mistake, pattern := range mistakes {
			for _, found := range pattern.FindAllString(text, -1) {
				t.Errorf("%s: %s: %q", page, mistake, found)
			}
		}
		for _, b := range bold.FindAllStringSubmatch(text, -1) {
			inner := []rune(b[2])
			first, last := inner[0], inner[len(inner)-1]
			if unicode.IsPunct(first) && letter.MatchString(b[1]) || unicode.IsPunct(last) && letter.MatchString(b[3]) {
				t.Errorf("%s: not shown as bold, the punctuation must be outside: %q", page, b[0])
			}
		}
	}
}

func chinesePages(t *testing.T) []string {
	pages, err := filepath.Glob("docs/zh-CN/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(pages, "README.zh-CN.md")
}

// englishOf returns the English page or picture of a Chinese one, and any other
// file as it is.
func englishOf(file string) string {
	return strings.NewReplacer(".zh-CN.md", ".md", "docs/zh-CN/", "docs/", "/page-zh-", "/page-en-", "-zh-CN.png", "-light.png").Replace(file)
}

func relative(t *testing.T, from, to string) string {
	path, err := filepath.Rel(filepath.Dir(from), to)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func wantSwitcher(t *testing.T, page, want string) {
	t.Helper()
	if got, _, _ := strings.Cut(readDoc(t, page), "\n"); got != want {
		t.Errorf("the first line of %s is %q, want %q", page, got, want)
	}
}

// section is a heading and the text up to the next heading. Chinese ones have
// the heading and the hash of the original.
type section struct{ level, heading, text, original, hash string }

func sectionsOf(t *testing.T, page string) (sections []section) {
	content := readDoc(t, page)
	heading := regexp.MustCompile(`(?m)^(#+) (.+)$`)
	mark := regexp.MustCompile(`^\n<!-- (.+): ([0-9a-f]{8}) -->`)
	// Blanks in place of code blocks keep comments in them from being headings.
	prose := fencePattern.ReplaceAllStringFunc(content, func(block string) string { return strings.Repeat(" ", len(block)) })
	found := heading.FindAllStringSubmatchIndex(prose, -1)
	found = append(found, []int{len(content)})
	for i, at := range found[:len(found)-1] {
		s := section{level: content[at[2]:at[3]], heading: content[at[4]:at[5]], text: content[at[1]:found[i+1][0]]}
		if m := mark.FindStringSubmatch(s.text); m != nil {
			s.original, s.hash = m[1], m[2]
		}
		sections = append(sections, s)
	}
	return sections
}

func hashOf(s section) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s.heading+"\n"+strings.TrimSpace(s.text))))[:8]
}

var commentPattern = regexp.MustCompile(`(?m)(^|[ \t]+)# .*$`)

// codeBlocks returns the code blocks without comments. Of a console, it keeps
// the commands and the number of lines: the output may be in Chinese.
func codeBlocks(text string) []string {
	blocks := fencePattern.FindAllString(text, -1)
	for i, block := range blocks {
		if strings.HasPrefix(block, "```console") {
			blocks[i] = regexp.MustCompile(`(?m)^[^$\x60\n].*$`).ReplaceAllString(block, "output")
		} else {
			blocks[i] = commentPattern.ReplaceAllString(block, "")
		}
	}
	return blocks
}

// codeIn returns the code between backticks, sorted.
func codeIn(text string) []string {
	code := regexp.MustCompile("`[^`\n]+`").FindAllString(text, -1)
	slices.Sort(code)
	return slices.Compact(code)
}

func tableRows(text string) (rows []string) {
	for _, row := range regexp.MustCompile(`(?m)^\|.*$`).FindAllString(text, -1) {
		rows = append(rows, strings.Join(codeIn(row), " "))
	}
	return rows
}

// linksToEnglish returns the links of a section, sorted. A link to a Chinese
// page, and to a heading of it, stands as the link to the English one.
func linksToEnglish(t *testing.T, page, text string) (links []string) {
	for _, link := range linksIn(text) {
		target, anchor := followLink(page, link)
		english := englishOf(target)
		if anchor != "" && english != target {
			chinese, originals := anchorsOf(t, target), anchorsOf(t, english)
			if i := slices.Index(chinese, anchor); len(chinese) == len(originals) && i >= 0 {
				anchor = originals[i]
			}
		}
		if englishOf(page) != page && english == target && slices.ContainsFunc(chinesePages(t), func(p string) bool { return englishOf(p) == target }) {
			english += " in English"
		}
		links = append(links, english+"#"+anchor)
	}
	slices.Sort(links)
	return links
}
