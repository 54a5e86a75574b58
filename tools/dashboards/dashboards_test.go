// Package dashboards_test reads the dashboards with Grafana's own types, which
// know every panel, option and query. It is a module of its own, so that the
// exporter's does not name them. Run it with make test.
package dashboards_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func TestGrafanaKnowsEveryField(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard.Dashboard
		err = d.UnmarshalJSONStrict(text)
		// No errors come as an empty list, which is not nil.
		if list, isList := err.(cog.BuildErrors); err != nil && (!isList || len(list) > 0) {
			t.Errorf("%s: %v", file, err)
		}
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if current := dashboard.NewDashboard().SchemaVersion; d.SchemaVersion != current {
			t.Errorf("%s: schemaVersion %d, current is %d", file, d.SchemaVersion, current)
		}
	}
}
