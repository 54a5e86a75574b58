package main

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/collector"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
)

var update = flag.Bool("update", false, "write the tables of the documentation")

func TestDocsFlags(t *testing.T) {
	app := newApplication(&options{})
	wantSection(t, "docs/flags.md", "flags", flagTable(app.Model().Flags))
	wantSection(t, "docs/backfill.md", "flags of backfill", flagTable(app.GetCommand(commandBackfill).Model().Flags))
}

// TestDocsCommands looks for each command, with the flags of its own, in the table
// of commands.
func TestDocsCommands(t *testing.T) {
	doc := readDoc(t, "docs/flags.md")
	for _, command := range newApplication(&options{}).Model().Commands {
		row := regexp.MustCompile("(?m)^\\| `" + command.Name + "` \\|.*$").FindString(doc)
		if row == "" {
			t.Errorf("docs/flags.md has no row of the command %s", command.Name)
		}
		for _, f := range command.Flags {
			if command.Name != commandBackfill && !strings.Contains(row, "`--"+f.Name+"`") {
				t.Errorf("docs/flags.md: the row of %s lacks --%s", command.Name, f.Name)
			}
		}
	}
}

// TestDocsMake looks for each command of make in CONTRIBUTING.md.
func TestDocsMake(t *testing.T) {
	doc := readDoc(t, "CONTRIBUTING.md")
	for _, target := range regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(readDoc(t, "Makefile"), -1) {
		if name := target[1]; name != "help" && !strings.Contains(doc, "`make "+name+"`") {
			t.Errorf("CONTRIBUTING.md lacks make %s", name)
		}
	}
}

// TestDocsPackages compares the table of packages with the packages, and what each
// may import of the others with what it imports.
func TestDocsPackages(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "-deps", ".", "./dashboards/translate").Output()
	if err != nil {
		t.Fatal(err)
	}
	doc := readDoc(t, "docs/architecture.md")
	for line := range strings.Lines(string(output)) {
		paths := strings.Fields(line)
		name, own := strings.CutPrefix(paths[0], program+"/")
		if !own {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\|.*\\| (.*) \\|$").FindStringSubmatch(doc)
		if row == nil {
			t.Errorf("docs/architecture.md has no row of the package %s", name)
			continue
		}
		may, _, _ := strings.Cut(row[1], ";") // the rest says what it must not
		for _, path := range paths[1:] {
			if other, own := strings.CutPrefix(path, program+"/"); own && !strings.Contains(may, "`"+other+"`") {
				t.Errorf("docs/architecture.md does not let %s import %s", name, other)
			}
		}
	}
}

func flagTable(flags []*kingpin.FlagModel) string {
	var table strings.Builder
	table.WriteString("| Flag | Default | Meaning |\n|---|---|---|\n")
	for _, f := range flags {
		if strings.HasPrefix(f.Name, "help") || f.Name == "version" || f.Hidden {
			continue
		}
		value := ""
		if d := strings.Join(f.Default, ", "); d != "" {
			value = "`" + d + "`"
		}
		fmt.Fprintf(&table, "| `--%s` | %s | %s |\n", f.Name, value, f.Help)
	}
	return table.String()
}

func TestDocsMetrics(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n")
	for _, f := range everyFamily(t) {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		slices.Sort(labels)
		help := strings.TrimSuffix(f.GetHelp(), " Updated by polls in the background.")
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), help)
	}
	wantSection(t, "docs/metrics.md", "metrics", table.String())
}

// everyFamily polls a simulated service once and returns what is gathered
// then: every metric of the exporter's own.
func everyFamily(t *testing.T) []*dto.MetricFamily {
	server := httptest.NewServer(simulator.New(demoEnterprise()))
	defer server.Close()
	opts := &options{}
	if _, err := newApplication(opts).Parse([]string{commandDemo}); err != nil {
		t.Fatal(err)
	}
	opts.useSimulator(server.URL)
	cfg, err := opts.clientConfig(&opts.enterpriseOptions)
	if err != nil {
		t.Fatal(err)
	}
	requests := collector.NewRequests(client.Endpoints())
	cfg.Observe = func(e client.Exchange) { requests.Observe(e.Endpoint, e.Status, e.Duration, e.Date, e.Received) }
	service, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	meetings := ledger.New(opts.ledgerConfig(), time.Now())
	p := poller.New(opts.pollerConfig(log.NewNopLogger()), service, meetings)
	if _, err := p.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	optional := poller.OptionalConfig{Interval: time.Minute, Now: time.Now, Logger: log.NewNopLogger()}
	live, resources := poller.NewLive(optional, service, meetings.Snapshot), poller.NewResources(optional, service)
	live.Round(t.Context())
	resources.Round(t.Context())
	attendance := poller.NewAttendance(opts.attendanceConfig(log.NewNopLogger()), service, meetings)
	attendance.Round(t.Context())
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector.New(meetings, opts.window, time.Now), collector.NewHealth(p.Status), requests,
		collector.NewLive(live, time.Now), collector.NewResources(resources, time.Now), collector.NewAttendance(meetings),
		collector.NewOptional(live.Status, resources.Status, attendance.Status),
	)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// wantSection compares the part of a file between two marks.
func wantSection(t *testing.T, file, name, want string) {
	t.Helper()
	content := readDoc(t, file)
	section := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n)(.*)(<!-- end of ` + name + ` -->)`)
	got := section.FindStringSubmatch(content)
	if got == nil {
		t.Fatalf("%s has no section %s", file, name)
	}
	if *update {
		content = section.ReplaceAllLiteralString(content, got[1]+want+got[3])
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got[2]); diff != "" {
		t.Errorf("%s: go test . -update writes this table (-want +got):\n%s", file, diff)
	}
}

// TestDocsEnterprises reads the example of --config.file, and an entry with all
// keys of the table.
func TestDocsEnterprises(t *testing.T) {
	doc := readDoc(t, "docs/enterprises.md")
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(doc)
	if example == nil {
		t.Fatal("docs/enterprises.md has no example")
	}
	key := writeTemp(t, "key")
	opts, _, err := loadFile(t, regexp.MustCompile(`(_file:) \S+`).ReplaceAllString(example[1], "$1 "+key))
	if err != nil || len(opts.enterprises()) != 2 {
		t.Errorf("the example has %d enterprises: %v", len(opts.enterprises()), err)
	}
	keys := 0
	entry := "enterprises:\n- {"
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`"+`.*?) \|`).FindAllStringSubmatch(doc, -1) {
		for _, name := range strings.Split(row[1], ", ") {
			entry += strings.Trim(name, "`") + ": 1, "
			keys++
		}
	}
	if _, err := readConfigFile(writeTemp(t, entry+"}"), enterpriseOptions{}); err != nil || keys != 10 {
		t.Errorf("the table has %d keys: %v", keys, err)
	}
}

// TestDocsLinks follows every relative link of every page: its file must exist,
// and its anchor must be a heading of that file. The README must lead to every
// page of docs/.
func TestDocsLinks(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/zh-CN/*.md", "rules/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		if filepath.Dir(page) == "docs" && !slices.Contains(linksOf(t, "README.md"), page) {
			t.Errorf("README.md does not link %s", page)
		}
		for _, link := range linksOf(t, page) {
			target, anchor := followLink(page, link)
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link %s: %v", page, link, err)
			} else if strings.Contains(link, "#") && !slices.Contains(anchorsOf(t, target), anchor) {
				t.Errorf("%s: link %s: %s has no such heading", page, link, target)
			}
		}
	}
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	codePattern = regexp.MustCompile("(?ms)^ *```.*?^ *```$|`[^`\n]*`")
)

// linksOf returns the targets of the relative links of a page.
func linksOf(t *testing.T, page string) []string { return linksIn(readDoc(t, page)) }

func linksIn(text string) (links []string) {
	for _, match := range linkPattern.FindAllStringSubmatch(codePattern.ReplaceAllString(text, "x"), -1) {
		if link := match[1] + match[2]; !strings.Contains(link, "://") {
			links = append(links, link)
		}
	}
	return links
}

// followLink returns the file that a link of a page leads to, and the anchor.
func followLink(page, link string) (target, anchor string) {
	path, anchor, _ := strings.Cut(link, "#")
	if path == "" {
		return page, anchor
	}
	return filepath.Join(filepath.Dir(page), path), anchor
}

var (
	headingPattern = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fencePattern   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// anchorsOf returns the anchors that GitHub makes of the headings of a page.
func anchorsOf(t *testing.T, page string) (anchors []string) {
	for _, match := range headingPattern.FindAllStringSubmatch(fencePattern.ReplaceAllString(readDoc(t, page), ""), -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, match[1])
		if slices.Contains(anchors, anchor) {
			t.Errorf("%s has two headings %q", page, match[1])
		}
		anchors = append(anchors, anchor)
	}
	return anchors
}

func readDoc(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
