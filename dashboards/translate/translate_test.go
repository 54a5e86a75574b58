package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const root = "../.."

// TestUpToDate compares the Chinese files with what the program writes.
func TestUpToDate(t *testing.T) {
	want, err := translate(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, pattern := range []string{"dashboards/zh-CN/*.json", "rules/zh-CN/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			got[filepath.ToSlash(name)] = text
		}
	}
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("got files %q, want %q; run make dashboards", g, w)
	}
	for name, text := range want {
		if string(got[name]) != string(text) {
			t.Errorf("%s is not what the source and the dictionary make; run make dashboards", name)
		}
	}
}

// project returns a project with one dashboard and one alert. Its panel has a
// renamed column, a legend, and an override for each of both and for a label.
func project() fstest.MapFS {
	files := map[string]string{
		"dashboards/translate/zh-CN.yaml": `
Usage: 使用
up to 5: 5 以内
Hours: 时长
CPU: CPU
"suffix:h": suffix:小时
"No meeting of {{ $labels.job }} for 2h, see --storage.path": job {{ $labels.job }} 已 2 小时没有会议，见 --storage.path
`,
		"dashboards/usage.json": `{
  "uid": "usage",
  "title": "Usage",
  "tags": ["meeting"],
  "panels": [
    {"title": "CPU", "targets": [{"expr": "Usage", "legendFormat": "{{job}}"}]},
    {
      "title": "Hours",
      "targets": [{"expr": "up < 5", "legendFormat": "up to 5"}, {"expr": "up", "legendFormat": "{{job}}"}],
      "transformations": [{"id": "organize", "options": {"renameByName": {"Value #A": "Hours"}}}],
      "fieldConfig": {"defaults": {"noValue": "–", "unit": "suffix:h"}, "overrides": [
        {"matcher": {"id": "byName", "options": "up to 5"}},
        {"matcher": {"id": "byName", "options": "Hours"}},
        {"matcher": {"id": "byName", "options": "Usage"}}
      ]}
    }
  ],
  "refresh": "5m"
}
`,
		"rules/usage-alerts.yaml": `groups:
  - rules:
      # A comment.
      - alert: Usage
        annotations:
          description: >-
            No meeting of {{ $labels.job }}
            for 2h, see --storage.path
          runbook: Usage
`,
	}
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestTranslate(t *testing.T) {
	files, err := translate(project())
	if err != nil {
		t.Fatal(err)
	}
	dashboard := strings.NewReplacer(
		`"uid": "usage"`, `"uid": "usage-zh"`,
		`"title": "Usage"`, `"title": "使用"`,
		`"meeting"`, `"meeting-zh"`,
		`"Hours"`, `"时长"`,
		`"up to 5"`, `"5 以内"`,
		`suffix:h`, `suffix:小时`,
	)
	source := string(project()["dashboards/usage.json"].Data)
	if got, want := string(files["dashboards/zh-CN/usage.json"]), dashboard.Replace(source); got != want {
		t.Errorf("got dashboard\n%s\nwant\n%s", got, want)
	}
	source = header + string(project()["rules/usage-alerts.yaml"].Data)
	alerts := strings.NewReplacer(
		"No meeting of {{ $labels.job }}\n", "job {{ $labels.job }} 已 2 小时没有会议，见 --storage.path\n",
		"            for 2h, see --storage.path\n", "",
	)
	if got, want := string(files["rules/zh-CN/usage-alerts.yaml"]), alerts.Replace(source); got != want {
		t.Errorf("got alerts\n%s\nwant\n%s", got, want)
	}
}

func TestRefusals(t *testing.T) {
	const dictionary, dashboard, alerts = dictionaryFile, "dashboards/usage.json", "rules/usage-alerts.yaml"
	for name, test := range map[string]struct{ file, old, new, want string }{
		"a missing text":           {dashboard, `"CPU"`, `"Memory"`, `no Chinese of the text "Memory"`},
		"two missing legends":      {dashboard, `up to 5"}, {"expr": "up", "legendFormat": "`, `low"}, {"expr": "up", "legendFormat": "high `, `no Chinese of the text "low"`},
		"a stale text":             {dictionary, "CPU: CPU", "CPU: CPU\nMemory: 内存", `has the text "Memory" any more`},
		"a text that comes twice":  {dictionary, "CPU: CPU", "CPU: CPU\nCPU: 处理器", `mapping key "CPU" already defined`},
		"English in the Chinese":   {dictionary, "时长", "hours", `"hours" is not Chinese`},
		"another number":           {dictionary, "2 小时", "3 小时", `has the numbers, flags and actions ["--storage.path" "3"`},
		"another flag":             {dictionary, "见 --storage.path", "见 --storage", `has the numbers, flags and actions ["--storage" "2"`},
		"another action":           {dictionary, "job {{ $labels.job }}", "job {{ $labels.jop }}", `"{{ $labels.jop }}"], want`},
		"an action is left out":    {dictionary, "job {{ $labels.job }}", "job", `has the numbers, flags and actions ["--storage.path" "2"], want`},
		"two fields of one name":   {dictionary, "Hours: 时长", "Hours: 5 以内", `panel "Hours": both`},
		"an unknown key":           {dashboard, `"refresh"`, `"fresh"`, `/fresh: is "5m" a text? Add the key "fresh"`},
		"a dashboard that is none": {dashboard, `"refresh":`, `"refresh"`, dashboard},
		"alerts that are none":     {alerts, "description: >-", "description: -", alerts},
		"nothing after a text":     {alerts, "runbook", "# runbook", "Usage: description is the last annotation"},
	} {
		t.Run(name, func(t *testing.T) {
			root := project()
			text := string(root[test.file].Data)
			if !strings.Contains(text, test.old) {
				t.Fatalf("%s lacks %q", test.file, test.old)
			}
			root[test.file].Data = []byte(strings.Replace(text, test.old, test.new, 1))
			if _, err := translate(root); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

// TestTypography checks how the Chinese is set: a space between Chinese and Latin
// letters or digits, also those that an action makes, and full-width punctuation
// without spaces.
func TestTypography(t *testing.T) {
	text, err := os.ReadFile("zh-CN.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := readDictionary(text)
	if err != nil {
		t.Fatal(err)
	}
	const full = `，。：；、（）“”`
	trim := strings.NewReplacer(" {{-", "{{", "{{-", "{{", "-}} ", "}}", "-}}", "}}")
	control := regexp.MustCompile(`\{\{ (with|else|end)\b.*?\}\}`)
	optional := regexp.MustCompile(`\{\{ with \$labels.*?\{\{ end \}\}`)
	for what, wrong := range map[string]*regexp.Regexp{
		"no space between Chinese and Latin": regexp.MustCompile(`\p{Han}[A-Za-z0-9-]|[A-Za-z0-9%]\p{Han}`),
		"half-width punctuation":             regexp.MustCompile(`[\p{Han}` + full + `] ?[,;:!?()"]|[,;:!?("] ?\p{Han}|\p{Han}\.`),
		"a space beside a punctuation mark":  regexp.MustCompile(`[` + full + `] | [` + full + `]`),
		"a space between Chinese":            regexp.MustCompile(`\p{Han} \p{Han}`),
		"two spaces":                         regexp.MustCompile(`  |^ | $`),
	} {
		for english, chinese := range d.texts {
			chinese = trim.Replace(strings.TrimPrefix(chinese, "suffix:"))
			for _, set := range []string{chinese, optional.ReplaceAllString(chinese, "")} { // with and without a label
				set = action.ReplaceAllString(control.ReplaceAllString(set, ""), "X")
				if found := wrong.FindString(set); found != "" {
					t.Errorf("%s at %q in the Chinese of %q: %s", what, found, english, set)
				}
			}
		}
	}
}
