package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const dictionaryFile = "dashboards/translate/zh-CN.yaml"

// dictionary has the Chinese of English texts. It remembers what was asked for.
type dictionary struct {
	texts map[string]string
	asked map[string]bool
}

func readDictionary(text []byte) (*dictionary, error) {
	d := &dictionary{asked: map[string]bool{}}
	return d, yaml.Unmarshal(text, &d.texts) // a key that comes twice is an error
}

// chinese returns the Chinese of a text. A text without words stays as it is.
func (d *dictionary) chinese(english string) string {
	if !strings.ContainsFunc(action.ReplaceAllString(english, ""), unicode.IsLetter) {
		return english
	}
	d.asked[english] = true
	return d.texts[english]
}

// problems returns an error for each text that was asked for and has no Chinese,
// for each that nobody asked for, and for each whose Chinese cannot be right.
func (d *dictionary) problems() error {
	var problems []error
	for _, english := range slices.Sorted(maps.Keys(d.asked)) {
		if _, ok := d.texts[english]; !ok {
			problems = append(problems, fmt.Errorf("there is no Chinese of the text %q", english))
		}
	}
	for _, english := range slices.Sorted(maps.Keys(d.texts)) {
		chinese := d.texts[english]
		if !d.asked[english] {
			problems = append(problems, fmt.Errorf("no dashboard and no alert has the text %q any more", english))
		}
		if isHan := func(r rune) bool { return unicode.Is(unicode.Han, r) }; chinese != english && !strings.ContainsFunc(chinese, isHan) {
			problems = append(problems, fmt.Errorf("%q is not Chinese; the Chinese of a text that stays the same is the text itself", chinese))
		}
		if got, want := facts(chinese), facts(english); !slices.Equal(got, want) {
			problems = append(problems, fmt.Errorf("the Chinese of %q has the numbers, flags and actions %q, want %q", english, got, want))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("correct %s, then run make dashboards:\n%w", dictionaryFile, errors.Join(problems...))
}

var (
	action = regexp.MustCompile(`\{\{.*?\}\}`)
	fact   = regexp.MustCompile(`--[a-z][a-z.-]*[a-z]|[0-9]+`)
)

// facts returns what a text must say in both languages, sorted: the actions of
// templates, each as often as it comes, and flags and numbers, each once.
func facts(text string) []string {
	facts := fact.FindAllString(action.ReplaceAllString(text, " "), -1)
	slices.Sort(facts)
	actions := action.FindAllString(text, -1)
	slices.Sort(actions)
	return append(slices.Compact(facts), actions...)
}
