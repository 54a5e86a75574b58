package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChineseHasEveryText(t *testing.T) {
	want := slices.Sorted(maps.Keys(formats(t)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(chinese))); diff != "" {
		t.Errorf("the formats of chinese differ from those in use (-want +got):\n%s", diff)
	}
	for english, translation := range chinese {
		if diff := cmp.Diff(verbs(t, english), verbs(t, translation)); diff != "" {
			t.Errorf("%q takes other arguments than %q (-want +got):\n%s", translation, english, diff)
		}
		if strings.HasSuffix(english, ".") != strings.HasSuffix(translation, "。") && english != "To have these metrics, %s" {
			t.Errorf("%q ends in another way than %q", translation, english)
		}
	}
}

// takeFormat are the methods whose first argument is a format.
var takeFormat = []string{"text", "ok", "note", "count"}

// formats returns the formats that the sources of this package hold.
func formats(t *testing.T) map[string]bool {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(takeFormat, method.Sel.Name) {
				return true
			}
			if argument, ok := call.Args[0].(*ast.Ident); ok && argument.Name == "format" && name == "language.go" {
				return true // a method of takeFormat calls another
			}
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: the format is not a literal", positions.Position(call.Pos()))
				return true
			}
			format, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[format] = true
			return true
		})
	}
	return found
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([a-z])`)

// verbs returns the verb of each argument of a format, by position.
func verbs(t *testing.T, format string) map[int]string {
	found := map[int]string{}
	if len(verb.FindAllString(format, -1)) != strings.Count(format, "%") {
		t.Errorf("%q has more than plain verbs", format)
	}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		found[next] = m[2]
		next++
	}
	return found
}
