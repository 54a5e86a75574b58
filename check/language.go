package check

import (
	"fmt"
	"strings"
	"time"
)

// Language is the language of the output. Errors are in English.
type Language int

// The languages.
const (
	English Language = iota
	Chinese          // with simplified characters
)

// text formats a text in the language of the output. Every text of the package
// goes through it, with its English format, which chinese translates. What goes
// into a text must be translated before.
func (c *check) text(format string, args ...any) string {
	if translation, ok := chinese[format]; ok && c.language == Chinese {
		return fmt.Sprintf(translation, args...)
	}
	return fmt.Sprintf(format, args...)
}

// ok says what works.
func (c *check) ok(format string, args ...any) {
	c.line(c.text("ok  "), c.text(format, args...))
}

// note says what the operator should know.
func (c *check) note(format string, args ...any) {
	c.line(c.text("note"), c.text(format, args...))
}

// fail says what stops polling, what came back, and what to do.
func (c *check) fail(sentence string, err error, todo string) {
	c.line(c.text("FAIL"), sentence)
	c.line("    ", c.text("What came back: %v", err))
	c.line("    ", c.text("What to do: %s", todo))
}

// line writes a line behind a mark, which takes four columns.
func (c *check) line(mark, text string) { fmt.Fprintf(c, "%s  %s\n", mark, text) }

// sentences joins sentences. Those that are empty do not count.
func (c *check) sentences(all ...string) string {
	var b strings.Builder
	for _, s := range all {
		if b.Len() > 0 && s != "" && c.language == English {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	return b.String()
}

// list joins the items of a list.
func (c *check) list(items []string) string { return strings.Join(items, c.text(", ")) }

// count formats a number and its noun, such as "%d meetings". In English the noun
// of 1 is in the singular.
func (c *check) count(format string, n int) string {
	s := c.text(format, n)
	if n == 1 && c.language == English {
		s = strings.TrimSuffix(s, "s")
	}
	return s
}

// inWords formats a duration to the minute, or to the second if it is shorter.
// It leaves out parts that are 0.
func (c *check) inWords(d time.Duration) string {
	s := d.Round(time.Second).String()
	if d >= time.Minute {
		s = strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if c.language == Chinese {
		s = strings.TrimSuffix(chineseUnits.Replace(s), " ")
	}
	return s
}
