package dashboards_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChinese compares the Chinese dashboards with the English ones. The package
// translate makes them; this test knows nothing of how.
func TestChinese(t *testing.T) {
	english, chinese := dashboards(t, "."), dashboards(t, "zh-CN")
	for file, want := range english {
		t.Run(file, func(t *testing.T) {
			got := chinese[file]
			if len(got.Panels) != len(want.Panels) || len(got.Templating.List) != len(want.Templating.List) {
				t.Fatalf("%d panels and %d variables, want %d and %d",
					len(got.Panels), len(got.Templating.List), len(want.Panels), len(want.Templating.List))
			}
			if got.Tags[0] == want.Tags[0] {
				t.Errorf("the tag is %q in both languages, so links lead to both", got.Tags[0])
			}
			for i, v := range want.Templating.List {
				v.Label, v.Description = got.Templating.List[i].Label, got.Templating.List[i].Description
				if diff := cmp.Diff(v, got.Templating.List[i]); diff != "" {
					t.Errorf("variable %s:\n%s", v.Name, diff)
				}
			}
			for i, p := range want.Panels {
				if p.Title == got.Panels[i].Title && p.Title != "CPU" || strings.HasSuffix(got.Panels[i].Description, ".") {
					t.Errorf("panel %d is not translated: %q, %q", p.ID, got.Panels[i].Title, got.Panels[i].Description)
				}
				if diff := cmp.Diff(skeleton(p), skeleton(got.Panels[i])); diff != "" {
					t.Errorf("panel %q:\n%s", p.Title, diff)
				}
			}
		})
	}
}

// TestTitlesInREADME checks that the README of each language calls the dashboards
// by their titles.
func TestTitlesInREADME(t *testing.T) {
	for dir, readme := range map[string]string{".": "../README.md", "zh-CN": "../README.zh-CN.md"} {
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dashboards(t, dir) {
			if title := "*" + d.Title + "*"; !strings.Contains(string(text), title) {
				t.Errorf("%s does not name the dashboard %s", readme, title)
			}
		}
	}
}

// skeleton returns what a panel has in every language. Where an override or an
// order names a field that a query or a column defines, it has the place of the
// definition in place of the name.
func skeleton(p panel) map[string]any {
	var fields []any
	targets := slices.Clone(p.Targets)
	for i := range targets {
		fields = append(fields, targets[i].LegendFormat)
		if !strings.HasPrefix(targets[i].LegendFormat, "{{") {
			targets[i].LegendFormat = ""
		}
	}
	for _, transformation := range p.Transformations {
		renamed, _ := transformation.(map[string]any)["options"].(map[string]any)["renameByName"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(renamed)) {
			fields = append(fields, renamed[name])
		}
	}
	field := func(name any) any {
		if i := slices.Index(fields, name); i >= 0 {
			return i
		}
		return name
	}
	var named []any
	for _, override := range p.FieldConfig.Overrides {
		named = append(named, field(override.(map[string]any)["matcher"].(map[string]any)["options"]))
	}
	order, _ := p.Options["sortBy"].([]any)
	for _, by := range order {
		named = append(named, field(by.(map[string]any)["displayName"]))
	}
	return map[string]any{
		"id": p.ID, "type": p.Type, "place": p.GridPos, "queries": targets, "fields": len(fields), "named fields": named,
	}
}
