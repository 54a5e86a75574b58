// Command translate writes the Chinese dashboards and alerts. It replaces each
// text of the English ones by its Chinese of the dictionary zh-CN.yaml, and leaves
// everything else as it is: queries, names of alerts, labels, links to runbooks.
// It refuses to write anything if the dictionary lacks a text, has one that is not
// used, or says something else than the English.
//
// Run it with make dashboards. Never edit what it writes.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the Chinese files into the root directory of the project.
func run(root string) error {
	files, err := translate(os.DirFS(root))
	if err != nil {
		return err
	}
	for file, text := range files {
		file = filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // files for everybody
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // files for everybody
			return err
		}
	}
	return nil
}

// translate returns the Chinese files by their path.
func translate(root fs.FS) (map[string][]byte, error) {
	text, err := fs.ReadFile(root, dictionaryFile)
	if err != nil {
		return nil, err
	}
	d, err := readDictionary(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dictionaryFile, err)
	}
	files := map[string][]byte{}
	for pattern, translateFile := range map[string]func(*dictionary, []byte) ([]byte, error){
		"dashboards/*.json":   translateDashboard,
		"rules/*-alerts.yaml": translateAlerts,
	} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(root, name)
			if err != nil {
				return nil, err
			}
			dir, base := path.Split(name)
			if files[dir+"zh-CN/"+base], err = translateFile(d, text); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return files, d.problems()
}
