// Package dashboards_test decodes the dashboards with the types of Grafana, which
// have every panel, option and query. It is a separate module, to keep those
// types out of the go.mod of the exporter. Run it with make test.
package dashboards_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func TestGrafanaFields(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob("../../dashboards/*.json")
	chinese, chineseErr := filepath.Glob("../../dashboards/zh-CN/*.json")
	if err := errors.Join(err, chineseErr); err != nil || len(files) == 0 || len(chinese) != len(files) {
		t.Fatalf("got %d English and %d Chinese dashboards and error %v, want some and as many", len(files), len(chinese), err)
	}
	files = append(files, chinese...)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard.Dashboard //nolint:staticcheck // the files are of this version, which every Grafana imports
		err = d.UnmarshalJSONStrict(text)
		// Without errors the result is an empty list and not nil.
		var list cog.BuildErrors
		if err != nil && (!errors.As(err, &list) || len(list) > 0) {
			t.Errorf("%s: %v", file, err)
		}
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if current := dashboard.NewDashboard().SchemaVersion; d.SchemaVersion != current {
			t.Errorf("%s: schemaVersion is %d, the current one is %d", file, d.SchemaVersion, current)
		}
	}
}
