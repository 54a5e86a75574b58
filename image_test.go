package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestImageHasEveryPackage(t *testing.T) {
	ignored, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(ignored), "\n")
	packages, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.Lines(string(packages)) {
		if dir, own := strings.CutPrefix(strings.TrimSpace(path), program+"/"); own && !slices.Contains(lines, "!"+dir) {
			t.Errorf(".dockerignore excludes %s, which the program imports", dir)
		}
	}
}

// TestImageHasTheVersion checks the version that the label of the image has by
// default.
func TestImageHasTheVersion(t *testing.T) {
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\nARG VERSION=" + strings.TrimSpace(versionFile) + "\n"; !strings.Contains(string(dockerfile), want) {
		t.Errorf("Dockerfile lacks the line %q", want)
	}
}
