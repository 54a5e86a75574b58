package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// selector is how a description with a query begins: it makes the selector of the
// source, and has no text.
var selector = regexp.MustCompile(`^\{\{ \$source := .*?\{\{ end -\}\} \{\{ end -\}\} `)

const header = "# Made by make dashboards from the English alerts. Do not edit.\n#\n"

// translateAlerts replaces the summaries and descriptions of alerts where they
// stand. Each must have another annotation after it.
func translateAlerts(d *dictionary, text []byte) ([]byte, error) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations yaml.Node
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	out := bytes.NewBufferString(header)
	lines := bytes.SplitAfter(text, []byte("\n"))
	written := 0 // lines
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			annotations := rule.Annotations.Content // keys and values in turn
			for i := 0; i < len(annotations); i += 2 {
				key, value := annotations[i], annotations[i+1]
				if key.Value != "summary" && key.Value != "description" {
					continue
				}
				if i+2 >= len(annotations) {
					return nil, fmt.Errorf("%s: %s is the last annotation", rule.Alert, key.Value)
				}
				out.Write(bytes.Join(lines[written:key.Line-1], nil))
				written = annotations[i+2].Line - 1
				query := selector.FindString(value.Value)
				writeAnnotation(out, key, query+d.chinese(strings.TrimPrefix(value.Value, query)))
			}
		}
	}
	if written == 0 {
		return nil, errors.New("there are no annotations")
	}
	out.Write(bytes.Join(lines[written:], nil))
	return out.Bytes(), nil
}

// word is what no line break may divide.
var word = regexp.MustCompile(`(\{\{.*?\}\}|\S)+`)

// writeAnnotation writes a text as a folded block, in lines that end at spaces.
func writeAnnotation(out *bytes.Buffer, key *yaml.Node, text string) {
	const width = 100
	indent := strings.Repeat(" ", key.Column-1)
	fmt.Fprintf(out, "%s%s: >-", indent, key.Value)
	column := width
	for _, w := range word.FindAllString(text, -1) {
		length := utf8.RuneCountInString(w)
		if column+1+length > width {
			out.WriteString("\n  " + indent + w)
			column = length
		} else {
			out.WriteString(" " + w)
			column += 1 + length
		}
	}
	out.WriteByte('\n')
}
