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

// dashboard is as much of Grafana's JSON as the dashboards use. Reading is
// strict, so that whatever an export leaves behind (versions, ids of data
// sources, defaults) is refused; the module tools/dashboards compares with all
// that Grafana knows.
type dashboard struct {
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	Editable      bool     `json:"editable"`
	GraphTooltip  int      `json:"graphTooltip"`
	Timezone      string   `json:"timezone"`
	Time          struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Refresh     string `json:"refresh"`
	Links       []link `json:"links"`
	Annotations struct {
		List []struct{} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type link struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
}

type variable struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Label       string `json:"label"`
	Description string `json:"description"`
	// Query is a text, or of a query variable an object.
	Query      json.RawMessage `json:"query"`
	Datasource *datasource     `json:"datasource"`
	Definition string          `json:"definition"`
	Refresh    int             `json:"refresh"`
	Sort       int             `json:"sort"`
	Multi      bool            `json:"multi"`
	IncludeAll bool            `json:"includeAll"`
	Current    struct {
		Text  any `json:"text"`
		Value any `json:"value"`
	} `json:"current"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Collapsed   bool        `json:"collapsed"`
	Datasource  *datasource `json:"datasource"`
	GridPos     struct {
		X int `json:"x"`
		Y int `json:"y"`
		W int `json:"w"`
		H int `json:"h"`
	} `json:"gridPos"`
	Panels          []panel  `json:"panels"`
	Targets         []target `json:"targets"`
	Transformations []struct {
		ID      string         `json:"id"`
		Options map[string]any `json:"options"`
	} `json:"transformations"`
	Options     map[string]any `json:"options"`
	FieldConfig struct {
		Defaults struct {
			Unit        string         `json:"unit"`
			Decimals    *int           `json:"decimals"`
			Min         *float64       `json:"min"`
			Max         *float64       `json:"max"`
			FieldMinMax bool           `json:"fieldMinMax"`
			NoValue     string         `json:"noValue"`
			Color       map[string]any `json:"color"`
			Mappings    []any          `json:"mappings"`
			Thresholds  map[string]any `json:"thresholds"`
			Custom      map[string]any `json:"custom"`
		} `json:"defaults"`
		Overrides []struct {
			Matcher struct {
				ID      string `json:"id"`
				Options string `json:"options"`
			} `json:"matcher"`
			Properties []struct {
				ID    string `json:"id"`
				Value any    `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
}

type target struct {
	RefID        string      `json:"refId"`
	Datasource   *datasource `json:"datasource"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Interval     string      `json:"interval"`
	Instant      bool        `json:"instant"`
	Range        bool        `json:"range"`
	Format       string      `json:"format"`
}

const isRow = "row"

// dashboards reads all dashboards, by file name.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
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
		all[file] = d
	}
	if len(all) != 2 {
		t.Fatalf("%d dashboards, want 2", len(all))
	}
	return all
}

func TestADashboardCanBeImportedWithoutEdits(t *testing.T) {
	uids := map[string]string{}
	for file, d := range dashboards(t) {
		if other := uids[d.UID]; d.UID == "" || len(d.UID) > 40 || other != "" {
			t.Errorf("%s: uid %q, also of %q", file, d.UID, other)
		}
		uids[d.UID] = file
		if d.Title == "" || d.Description == "" || d.SchemaVersion != 42 || len(d.Tags) == 0 {
			t.Errorf("%s: title %q, description %q, schemaVersion %d, tags %q", file, d.Title, d.Description, d.SchemaVersion, d.Tags)
		}
		if len(d.Links) != 1 || !slices.Equal(d.Links[0].Tags, d.Tags) {
			t.Errorf("%s: the link to the other dashboard goes by the tag: %v", file, d.Links)
		}
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name)
			if v.Label == "" {
				t.Errorf("%s: variable %s has no label", file, v.Name)
			}
			if v.Type == "query" && (v.Datasource == nil || *v.Datasource != byVariable || !v.Multi || !v.IncludeAll) {
				t.Errorf("%s: variable %s: %+v", file, v.Name, v)
			}
		}
		if len(variables) < 3 || !slices.Equal(variables[:3], []string{"datasource", "job", "instance"}) {
			t.Errorf("%s: variables %q", file, variables)
		}
	}
}

// byVariable is the data source that the variable chooses.
var byVariable = datasource{Type: "prometheus", UID: "${datasource}"}

func TestAPanelSaysWhatItShowsAndInWhichUnit(t *testing.T) {
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			where := fmt.Sprintf("%s: panel %d %q", file, p.ID, p.Title)
			if p.Title == "" {
				t.Errorf("%s has no title", where)
			}
			if p.Type == isRow {
				continue
			}
			if !strings.HasSuffix(p.Description, ".") || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
				t.Errorf("%s: description %q, unit %q, %d queries", where, p.Description, p.FieldConfig.Defaults.Unit, len(p.Targets))
			}
			if p.Datasource == nil || *p.Datasource != byVariable {
				t.Errorf("%s: data source %v", where, p.Datasource)
			}
			for i, q := range p.Targets {
				if q.Datasource == nil || *q.Datasource != byVariable || q.RefID != string(rune('A'+i)) || q.Instant == q.Range {
					t.Errorf("%s: query %+v", where, q)
				}
				if strings.Contains(q.Expr, "offset 7d") && p.FieldConfig.Defaults.NoValue == "" {
					t.Errorf("%s needs last week, and does not say so when there is none", where)
				}
			}
		}
	}
}

func TestPanelsFillTheGridWithoutOverlap(t *testing.T) {
	const columns = 24
	for file, d := range dashboards(t) {
		ids := map[int]bool{}
		taken := map[[2]int]int{}
		bottom := 0
		for _, p := range d.Panels {
			if p.ID < 1 || ids[p.ID] {
				t.Errorf("%s: id %d of panel %q is not its own", file, p.ID, p.Title)
			}
			ids[p.ID] = true
			if len(p.Panels) > 0 {
				t.Errorf("%s: row %q is collapsed", file, p.Title)
			}
			g := p.GridPos
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != 0 || x < 0 || x >= columns {
						t.Errorf("%s: panels %d and %d meet at %d, %d", file, p.ID, other, x, y)
					}
					taken[[2]int{x, y}] = p.ID
				}
			}
			bottom = max(bottom, g.Y+g.H)
		}
		if len(taken) != columns*bottom {
			t.Errorf("%s: %d of %d cells are empty", file, columns*bottom-len(taken), columns*bottom)
		}
	}
}
