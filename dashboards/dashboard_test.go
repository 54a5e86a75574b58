package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dashboard has the fields of Grafana's JSON that the dashboards use. The
// tests decode strictly, to reject what an export adds (versions, ids of data
// sources, defaults). The module tools/dashboards checks against all fields
// that Grafana knows.
type dashboard struct {
	UID, Title, Description     string
	Tags                        []string
	SchemaVersion, GraphTooltip int
	Editable                    bool
	Timezone, Refresh           string
	Time                        struct{ From, To string }
	Links                       []link
	Annotations                 struct{ List []struct{} }
	Templating                  struct{ List []variable }
	Panels                      []panel
}

type link struct {
	Type, Title, Icon, Tooltip                     string
	Tags                                           []string
	AsDropdown, IncludeVars, KeepTime, TargetBlank bool
}

type variable struct {
	Type, Name, Label, Description, Definition string
	Query                                      json.RawMessage // an object if the type is query, a string otherwise
	Datasource                                 datasource
	Refresh, Sort                              int
	Multi, IncludeAll                          bool
	AllValue                                   string // a regular expression; empty for all values
	Current                                    struct{ Text, Value any }
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	Collapsed                bool
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	Panels                   []panel
	Targets                  []target
	Transformations          []any
	Options                  map[string]any
	FieldConfig              struct {
		Defaults struct {
			Unit, NoValue             string
			Decimals                  *int
			Min, Max                  *float64
			FieldMinMax               bool
			Mappings                  []any
			Color, Thresholds, Custom map[string]any
		}
		Overrides []any
	}
}

type target struct {
	RefID, Expr, LegendFormat, Interval, Format string
	Datasource                                  datasource
	Instant, Range                              bool
}

// dashboards returns the dashboards of a directory by file name. Those of "." are
// English, those of "zh-CN" Chinese.
func dashboards(t *testing.T, dir string) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("got files %q and error %v, want 3 dashboards", files, err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = d
	}
	return all
}

func TestDashboards(t *testing.T) {
	uids := map[string]bool{}
	for _, dir := range []string{".", "zh-CN"} {
		for file, d := range dashboards(t, dir) {
			if uids[d.UID] {
				t.Errorf("two dashboards have the uid %q", d.UID)
			}
			uids[d.UID] = true
			t.Run(filepath.Join(dir, file), func(t *testing.T) {
				t.Run("imports without edits", func(t *testing.T) { checkImport(t, d) })
				t.Run("panels are described", func(t *testing.T) { checkPanels(t, d) })
				t.Run("panels fill the grid", func(t *testing.T) { checkGrid(t, d) })
			})
		}
	}
}

// chosen is the data source that the variable datasource selects.
var chosen = datasource{Type: "prometheus", UID: "${datasource}"}

func checkImport(t *testing.T, d dashboard) {
	if d.UID == "" || len(d.UID) > 40 || d.Title == "" || d.Description == "" || d.SchemaVersion != 42 || len(d.Tags) == 0 {
		t.Errorf("uid %q, title %q, description %q, schemaVersion %d, tags %q", d.UID, d.Title, d.Description, d.SchemaVersion, d.Tags)
	}
	if len(d.Links) != 1 || !slices.Equal(d.Links[0].Tags, d.Tags) {
		t.Errorf("links %v, want one that finds the other dashboards by their tags", d.Links)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Label == "" {
			t.Errorf("variable %s has no label", v.Name)
		}
		if v.Type == "query" && (v.Datasource != chosen || !v.Multi || !v.IncludeAll) {
			t.Errorf("variable %s: %+v", v.Name, v)
		}
	}
	if len(names) < 4 || !slices.Equal(names[:4], []string{"datasource", "job", "instance", "enterprise"}) {
		t.Fatalf("variables %q", names)
	}
	// A series may lack the label enterprise, but not job and instance.
	if v := d.Templating.List[3]; v.AllValue != ".*" {
		t.Errorf("all enterprises are %q, which does not match a series without the label", v.AllValue)
	}
}

func checkPanels(t *testing.T, d dashboard) {
	for _, p := range d.Panels {
		where := fmt.Sprintf("panel %d %q", p.ID, p.Title)
		if p.Title == "" {
			t.Errorf("%s has no title", where)
		}
		if p.Type == "row" {
			continue
		}
		isSentence := strings.HasSuffix(p.Description, ".") || strings.HasSuffix(p.Description, "。")
		if !isSentence || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource != chosen {
			t.Errorf("%s: description %q, unit %q, %d queries, data source %v",
				where, p.Description, p.FieldConfig.Defaults.Unit, len(p.Targets), p.Datasource)
		}
		for i, q := range p.Targets {
			if q.Datasource != chosen || q.RefID != string(rune('A'+i)) || q.Instant == q.Range {
				t.Errorf("%s: query %+v", where, q)
			}
			if strings.Contains(q.Expr, "offset 7d") && p.FieldConfig.Defaults.NoValue == "" {
				t.Errorf("%s needs data of last week, and has no text for when there is none", where)
			}
		}
	}
}

// checkGrid checks that ids are unique, and that panels neither overlap nor
// leave gaps.
func checkGrid(t *testing.T, d dashboard) {
	const columns = 24
	ids, cells, bottom := map[int]bool{}, map[[2]int]int{}, 0
	for _, p := range d.Panels {
		if p.ID < 1 || ids[p.ID] || len(p.Panels) > 0 {
			t.Errorf("panel %q: id %d is not unique, or it is a collapsed row", p.Title, p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := cells[[2]int{x, y}]; other != 0 || x < 0 || x >= columns {
					t.Errorf("panel %d is at %d, %d, outside the grid or on panel %d", p.ID, x, y, other)
				}
				cells[[2]int{x, y}] = p.ID
			}
		}
		bottom = max(bottom, g.Y+g.H)
	}
	if empty := columns*bottom - len(cells); empty != 0 {
		t.Errorf("%d of %d cells are empty", empty, columns*bottom)
	}
}
