package deploy

import (
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestArchives checks the systems of the archives. Windows opens a zip without
// another program.
func TestArchives(t *testing.T) {
	var config struct {
		Builds   []struct{ Goos, Goarch []string }
		Archives []struct {
			FormatOverrides []struct {
				Goos    string
				Formats []string
			} `json:"format_overrides"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, root+"/.goreleaser.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Builds) != 1 || len(config.Archives) != 1 || len(config.Archives[0].FormatOverrides) != 1 {
		t.Fatalf("got %+v, want one build, one archive and one other format", config)
	}
	build, other := config.Builds[0], config.Archives[0].FormatOverrides[0]
	if !slices.Equal(build.Goos, []string{"linux", "darwin", "windows"}) || !slices.Equal(build.Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("archives are for %q on %q", build.Goos, build.Goarch)
	}
	if other.Goos != "windows" || !slices.Equal(other.Formats, []string{"zip"}) {
		t.Errorf("archives for %s are %q", other.Goos, other.Formats)
	}
}
