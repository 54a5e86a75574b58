package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// readConfigFile reads the enterprises of a file. Defaults are the options that
// an entry may leave out.
func readConfigFile(path string, defaults enterpriseOptions) ([]enterpriseOptions, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := configFile{path: path, defaults: defaults}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: the file is empty", path)
	}
	var enterprises []enterpriseOptions
	err = f.eachKey(document.Content[0], func(key string, value *yaml.Node) error {
		if key != "enterprises" {
			return f.errorf(value, "unknown key %q; the only one is enterprises", key)
		}
		if value.Kind != yaml.SequenceNode {
			return f.errorf(value, "enterprises: must be a list")
		}
		for _, entry := range value.Content {
			e, err := f.enterprise(entry)
			if err != nil {
				return err
			}
			enterprises = append(enterprises, e)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(enterprises) == 0:
		return nil, fmt.Errorf("%s: enterprises: the list is empty", path)
	}
	return enterprises, checkDistinct(enterprises)
}

// configFile is the file that is read.
type configFile struct {
	path     string
	defaults enterpriseOptions
}

func (f *configFile) errorf(at *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", f.path, at.Line, fmt.Errorf(format, args...))
}

// eachKey calls do for each key of a mapping. No key may come twice.
func (f *configFile) eachKey(mapping *yaml.Node, do func(key string, value *yaml.Node) error) error {
	if mapping.Kind != yaml.MappingNode {
		return f.errorf(mapping, "must be a mapping of keys to values")
	}
	seen := map[string]bool{}
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if seen[key.Value] {
			return f.errorf(key, "the key %q comes twice", key.Value)
		}
		seen[key.Value] = true
		if err := do(key.Value, value); err != nil {
			return err
		}
	}
	return nil
}

// enterprise reads one entry of the list.
func (f *configFile) enterprise(entry *yaml.Node) (enterpriseOptions, error) {
	e := f.defaults
	e.file, e.line, e.lines = f.path, entry.Line, map[string]int{}
	texts := map[string]*string{
		"name": &e.name, "endpoint": &e.endpoint, "app_id": &e.appID, "app_key_file": &e.appKeyFile, "user_id": &e.userID,
		"corp_id": &e.corpID, "account": &e.account, "password_file": &e.passwordFile, "storage_path": &e.storagePath,
	}
	err := f.eachKey(entry, func(key string, value *yaml.Node) error {
		if value.Kind != yaml.ScalarNode {
			return f.errorf(value, "%s: must be a plain value", key)
		}
		text, err := cleanText(value.Value)
		if err != nil {
			return f.errorf(value, "%s: %w", key, err)
		}
		e.lines[key] = value.Line
		if key == "max_requests_per_minute" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return f.errorf(value, "%s: must be a whole number", key)
			}
			e.maxRequestsPerMinute = n
			return nil
		}
		into, known := texts[key]
		if !known {
			return f.errorf(value, "unknown key %q of an enterprise", key)
		}
		*into = text
		return nil
	})
	if err == nil {
		err = e.checkName()
	}
	return e, err
}

// maxNameLength limits a label value, in bytes.
const maxNameLength = 128

func (e *enterpriseOptions) checkName() error {
	switch {
	case e.name == "":
		return e.errorf("name", "required: it is the value of the label enterprise")
	case len(e.name) > maxNameLength:
		return e.errorf("name", "longer than %d bytes", maxNameLength)
	}
	return nil
}

// checkDistinct checks that no name and no ledger is used twice.
func checkDistinct(enterprises []enterpriseOptions) error {
	names, paths := map[string]int{}, map[string]string{}
	for i := range enterprises {
		e := &enterprises[i]
		if line, used := names[e.name]; used {
			return e.errorf("name", "already used in line %d", line)
		}
		names[e.name] = e.lines["name"]
		if e.storagePath == "" {
			continue
		}
		path, err := filepath.Abs(e.storagePath)
		if err != nil {
			return e.errorf("storage_path", "%w", err)
		}
		if other, used := paths[path]; used {
			return e.errorf("storage_path", "already used by enterprise %q", other)
		}
		paths[path] = e.name
	}
	return nil
}
