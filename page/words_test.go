package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"

	"golang.org/x/text/language"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/poller"
)

// TestChineseOfEachText checks that every text has a Chinese form with the same
// arguments, and that no form is left of a text that is gone.
func TestChineseOfEachText(t *testing.T) {
	used := map[string]bool{}
	for _, text := range slices.Concat(textsOfLayout(t), textsOfSource(t)) {
		used[text] = true
		if _, ok := chinese[text]; !ok {
			t.Errorf("no Chinese of %q", text)
		}
	}
	verb := regexp.MustCompile(`%(\[\d\])?[a-z%]`)
	for english, text := range chinese {
		if !used[english] {
			t.Errorf("nothing says %q", english)
		}
		if !slices.ContainsFunc([]rune(text), func(r rune) bool { return unicode.Is(unicode.Han, r) }) && english != "IdeaHub boards" {
			t.Errorf("%q is not Chinese", text)
		}
		want, got := verb.FindAllString(english, -1), verb.FindAllString(text, -1)
		if !slices.Equal(got, want) {
			t.Errorf("%q has the verbs %q, %q has %q", english, want, text, got)
		}
	}
}

func TestEachFailureHasItsText(t *testing.T) {
	w, err := newWords(language.SimplifiedChinese)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]client.Reason{}
	for _, reason := range poller.Reasons() {
		text, cure := w.failure(reason, func(key string) string { return key })
		if other, ok := seen[text]; ok {
			t.Errorf("%s and %s have one text", reason, other)
		}
		if seen[text] = reason; strings.Contains(text+cure, "%!") {
			t.Errorf("%s: %s %s", reason, text, cure)
		}
	}
}

// textsOfLayout returns the texts of the template.
func textsOfLayout(t *testing.T) (texts []string) {
	w, err := newWords(languages[0])
	if err != nil {
		t.Fatal(err)
	}
	trees, err := parse.Parse("page", layout, "{{", "}}", w.functions(), map[string]any{"eq": 0, "ge": 0, "len": 0, "index": 0, "print": 0, "printf": 0, "not": 0})
	if err != nil {
		t.Fatal(err)
	}
	var walk func(parse.Node)
	walkAll := func(nodes []parse.Node) {
		for _, n := range nodes {
			walk(n)
		}
	}
	branch := func(b *parse.BranchNode) {
		walk(b.Pipe)
		walk(b.List)
		if b.ElseList != nil {
			walk(b.ElseList)
		}
	}
	walk = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			walkAll(n.Nodes)
		case *parse.ActionNode:
			walk(n.Pipe)
		case *parse.TemplateNode:
			if n.Pipe != nil {
				walk(n.Pipe)
			}
		case *parse.IfNode:
			branch(&n.BranchNode)
		case *parse.RangeNode:
			branch(&n.BranchNode)
		case *parse.WithNode:
			branch(&n.BranchNode)
		case *parse.PipeNode:
			for _, command := range n.Cmds {
				walk(command)
			}
		case *parse.CommandNode:
			if f, ok := n.Args[0].(*parse.IdentifierNode); ok && f.Ident == "t" {
				texts = append(texts, n.Args[1].(*parse.StringNode).Text)
			}
			walkAll(n.Args)
		}
	}
	for _, tree := range trees {
		walk(tree.Root)
	}
	return texts
}

// textsOfSource returns the texts of the package: what the method t is given, and
// the names in the functions resource and meetingType, which it is given later.
func textsOfSource(t *testing.T) (texts []string) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == "chinese.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		literal := func(n ast.Node) {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				english, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, english)
			}
		}
		ast.Inspect(source, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "t" {
					literal(n.Args[0])
				}
			case *ast.CompositeLit:
				if _, ofWords := n.Type.(*ast.ArrayType); ofWords || isStrings(n.Type) {
					for _, e := range n.Elts {
						if pair, ok := e.(*ast.KeyValueExpr); ok {
							literal(pair.Value)
						}
					}
				}
			}
			return true
		})
	}
	return texts
}

// isStrings reports whether a type is map[string]string.
func isStrings(e ast.Expr) bool {
	m, ok := e.(*ast.MapType)
	if !ok {
		return false
	}
	value, ok := m.Value.(*ast.Ident)
	return ok && value.Name == "string"
}
