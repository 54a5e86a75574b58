package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	// textKeys are the keys of a dashboard whose values people read.
	textKeys = strings.Fields("description displayName label legendFormat noValue text title tooltip")
	// nameKeys are the keys whose values may be the name of a field of the panel.
	nameKeys = strings.Fields("field options")
	// otherKeys are the keys whose values Grafana reads. A key that is in none of
	// these lists is an error, so no text is forgotten.
	otherKeys = strings.Fields(`align allValue calcs cellHeight color colorMode definition displayMode drawStyle expr fields fill
		fixedColor format from graphMode group icon id interval justifyMode lineInterpolation match mode name namePlacement
		orientation percentChangeColorMode placement query refId refresh showPoints sizing sort textMode timezone to type uid
		unit value valueDisplayMode valueMode`)
	// idPaths are the paths of what tells dashboards apart. The link of a dashboard
	// finds the others by their tag.
	idPaths = strings.Fields("/uid /tags /links/tags")
)

// translateDashboard replaces the texts of a dashboard where they stand.
func translateDashboard(d *dictionary, text []byte) ([]byte, error) {
	panels, err := fieldNames(d, text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	written := 0 // bytes of text
	for decoder := jsontext.NewDecoder(bytes.NewReader(text)); ; {
		token, err := decoder.ReadToken()
		if errors.Is(err, io.EOF) {
			out.Write(text[written:])
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		container, length := decoder.StackIndex(decoder.StackDepth())
		if isKey := container == '{' && length%2 == 1; isKey || token.Kind() != '"' {
			continue
		}
		english := token.String()
		chinese, err := translateString(d, decoder.StackPointer(), english, panels)
		if err != nil {
			return nil, err
		}
		if chinese == english {
			continue
		}
		quoted, err := jsontext.AppendQuote(nil, english)
		if err != nil {
			return nil, err
		}
		end := int(decoder.InputOffset())
		start := end - len(quoted)
		if start < written || !bytes.Equal(text[start:end], quoted) {
			return nil, fmt.Errorf("%q has needless escapes", english)
		}
		out.Write(text[written:start])
		if quoted, err = jsontext.AppendQuote(quoted[:0], chinese); err != nil {
			return nil, err
		}
		out.Write(quoted)
		written = end
	}
}

// translateString returns the Chinese of a string of a dashboard, or the string
// itself if it is no text. Panels has the names of the fields of each panel.
func translateString(d *dictionary, at jsontext.Pointer, english string, panels [][]string) (string, error) {
	var keys []string // without the indices of lists
	panel := -1
	for token := range at.Tokens() {
		index, err := strconv.Atoi(token)
		switch {
		case err != nil:
			keys = append(keys, token)
		case panel < 0 && slices.Equal(keys, []string{"panels"}):
			panel = index
		}
	}
	path, key := "/"+strings.Join(keys, "/"), keys[len(keys)-1]
	switch {
	case slices.Contains(idPaths, path):
		return english + "-zh", nil
	case strings.HasSuffix(path, "/current/text"): // Grafana makes it of the value
		return english, nil
	case slices.Contains(textKeys, key), strings.Contains(path, "/renameByName/"), strings.HasPrefix(english, "suffix:"):
		return d.chinese(english), nil
	case slices.Contains(nameKeys, key):
		if panel >= 0 && slices.Contains(panels[panel], english) {
			return d.chinese(english), nil
		}
		return english, nil // the value of a label, or a name that the query gives
	case slices.Contains(otherKeys, key):
		return english, nil
	}
	return "", fmt.Errorf("%s: is %q a text? Add the key %q to textKeys or otherKeys in dashboards/translate/dashboard.go", at, english, key)
}

// fieldNames returns the names that each panel gives to fields: the legends of
// its queries and the renamed columns. They must differ in Chinese too.
func fieldNames(d *dictionary, text []byte) ([][]string, error) {
	var dashboard struct {
		Panels []struct {
			Title           string
			Targets         []struct{ LegendFormat string }
			Transformations []struct {
				Options struct{ RenameByName map[string]string }
			}
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return nil, err
	}
	var panels [][]string
	for _, panel := range dashboard.Panels {
		var names []string
		for _, target := range panel.Targets {
			names = append(names, target.LegendFormat)
		}
		for _, transformation := range panel.Transformations {
			names = slices.AppendSeq(names, maps.Values(transformation.Options.RenameByName))
		}
		panels = append(panels, names)
		seen := map[string]string{}
		for _, english := range names {
			chinese := d.chinese(english)
			if other, ok := seen[chinese]; ok && other != english && chinese != "" {
				return nil, fmt.Errorf("panel %q: both %q and %q are %q in Chinese", panel.Title, other, english, chinese)
			}
			seen[chinese] = english
		}
	}
	return panels, nil
}
