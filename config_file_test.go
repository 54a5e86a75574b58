package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
)

// loadFile parses the arguments of a command with a --config.file.
func loadFile(t *testing.T, content string, args ...string) (*options, string, error) {
	t.Helper()
	file := writeTemp(t, content)
	command, opts, err := parseFlags(append(args, "--config.file="+file))
	if err == nil {
		err = opts.loadEnterprises(command)
	}
	if err == nil {
		for _, e := range opts.enterprises() {
			if _, err = opts.clientConfig(&e); err != nil {
				break
			}
		}
	}
	return opts, file, err
}

func TestConfigFile(t *testing.T) {
	key := writeTemp(t, "key\n")
	t.Setenv(appKeyVariable, "of the environment")
	opts, _, err := loadFile(t, `
enterprises:
  - name: " north "
    app_id: app
    app_key_file: `+key+`
    corp_id: corp1
    storage_path: ledger
  - {name: south, account: me, password_file: `+key+`, endpoint: "https://other.example", max_requests_per_minute: 7}
`, "--huaweicloud.endpoint=https://default.example", "--huaweicloud.max-requests-per-minute=50")
	if err != nil {
		t.Fatal(err)
	}
	all := opts.enterprises()
	if len(all) != 2 {
		t.Fatalf("%d enterprises", len(all))
	}
	if e := all[0]; e.name != "north" || e.endpoint != "https://default.example" || e.corpID != "corp1" || e.storagePath != "ledger" || e.maxRequestsPerMinute != 50 {
		t.Errorf("the first is %+v", e)
	}
	if e := all[1]; e.name != "south" || e.endpoint != "https://other.example" || e.account != "me" || e.maxRequestsPerMinute != 7 || e.storagePath != "" {
		t.Errorf("the second is %+v", e)
	}
	config, err := opts.clientConfig(&all[0])
	if err != nil {
		t.Fatal(err)
	}
	if secret, err := config.Secret(); secret != "key" || err != nil {
		t.Errorf("got secret %q, %v", secret, err)
	}
}

func TestConfigFileRefusals(t *testing.T) {
	t.Setenv(appKeyVariable, "key")
	key := writeTemp(t, "key")
	entry := func(name, more string) string {
		return "  - name: " + name + "\n    app_id: app\n    app_key_file: " + key + "\n" + more
	}
	const list = "enterprises:\n"
	for name, c := range map[string]struct {
		content, want string // FILE stands for the name of the file
		args          []string
	}{
		"empty":             {"", "FILE: the file is empty", nil},
		"no YAML":           {"enterprises: [", "FILE: yaml: ", nil},
		"other key":         {"enterprise: []", `FILE:1: unknown key "enterprise"`, nil},
		"no mapping":        {"- a", "FILE:1: must be a mapping", nil},
		"no list":           {list + "  a: b", "FILE:2: enterprises: must be a list", nil},
		"empty list":        {"enterprises: []", "FILE: enterprises: the list is empty", nil},
		"entry is text":     {list + "  - a", "FILE:2: must be a mapping", nil},
		"unknown key":       {list + entry("a", "    app_key: x\n"), `FILE:5: unknown key "app_key" of an enterprise`, nil},
		"key twice":         {list + entry("a", "    app_id: x\n"), `FILE:5: the key "app_id" comes twice`, nil},
		"list as value":     {list + entry("a", "    user_id: [x]\n"), "FILE:5: user_id: must be a plain value", nil},
		"control character": {list + entry(`"a\x00"`, ""), "FILE:2: name: contains a control character", nil},
		"no number":         {list + entry("a", "    max_requests_per_minute: many\n"), "FILE:5: max_requests_per_minute: must be a whole number", nil},
		"limit of 0":        {list + entry("a", "    max_requests_per_minute: 0\n"), `FILE:5: enterprise "a": max_requests_per_minute: must be positive`, nil},
		"endpoint":          {list + entry("a", "    endpoint: nowhere\n"), `FILE:5: enterprise "a": endpoint: the URL must begin`, nil},
		"no name":           {list + "  - app_id: a\n", `FILE:2: enterprise "": name: required`, nil},
		"name twice":        {list + entry("a", "") + entry("a", ""), `FILE:5: enterprise "a": name: already used in line 2`, nil},
		"ledger twice":      {list + entry("a", "    storage_path: x\n") + entry("b", "    storage_path: ./x\n"), `FILE:9: enterprise "b": storage_path: already used by enterprise "a"`, nil},
		"no sign-in":        {list + "  - name: a\n", `FILE:2: enterprise "a": app_id: required, unless account is set`, nil},
		"no key":            {list + "  - name: a\n    app_id: app\n", `FILE:2: enterprise "a": app_key_file: required`, nil},
		"no such key":       {list + "  - name: a\n    app_id: app\n    app_key_file: /nowhere\n", `FILE:4: enterprise "a": app_key_file: cannot read the file`, nil},
		"two sign-ins":      {list + entry("a", "    account: me\n"), `FILE:5: enterprise "a": account: cannot be used together with app_id`, nil},
		"flag of sign-in":   {list + entry("a", ""), "--huaweicloud.app-id: cannot be used together with --config.file", []string{"--huaweicloud.app-id=x"}},
		"flag of storage":   {list + entry("a", ""), "--storage.path: cannot be used together with --config.file", []string{"--storage.path=x"}},
		"demo":              {list + entry("a", ""), "--config.file: cannot be used with the command demo", []string{"demo"}},
		"backfill":          {list + entry("a", ""), "--enterprise: required with --config.file", []string{"backfill", "--from=2026-01-01", "--to=2026-01-02", "--output=x"}},
		"no such name":      {list + entry("a", ""), "--enterprise: FILE holds no enterprise of that name", []string{"check", "--enterprise=b"}},
	} {
		_, file, err := loadFile(t, c.content, c.args...)
		if want := strings.ReplaceAll(c.want, "FILE", file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %s", name, err, want)
		}
	}
	if _, opts, err := parseFlags([]string{"check", "--enterprise=a"}); err != nil || opts.loadEnterprises(commandCheck) == nil {
		t.Error("--enterprise is accepted without --config.file")
	}
}

func TestSharedLimiters(t *testing.T) {
	key := writeTemp(t, "key")
	opts, _, err := loadFile(t, strings.ReplaceAll(`enterprises:
  - {name: a, app_id: one, app_key_file: KEY, corp_id: a, max_requests_per_minute: 30}
  - {name: b, app_id: one, app_key_file: KEY, corp_id: b, max_requests_per_minute: 20}
  - {name: c, app_id: two, app_key_file: KEY, max_requests_per_minute: 40}
  - {name: d, app_id: one, app_key_file: KEY, endpoint: "https://other.example"}
`, "KEY", key))
	if err != nil {
		t.Fatal(err)
	}
	all, err := newEnterprises(opts, prometheus.NewRegistry(), log.NewNopLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer all.closeLedgers()
	var limits []int
	for _, e := range all {
		_, allowed := e.client.Demand(0)
		limits = append(limits, allowed)
	}
	if want := []int{20, 20, 40, 60}; !slices.Equal(limits, want) {
		t.Errorf("limits %v, want %v", limits, want)
	}
	if needed, _ := all[0].client.Demand(5); needed != 5 {
		t.Errorf("%d needed", needed)
	}
	if needed, _ := all[1].client.Demand(6); needed != 11 {
		t.Errorf("%d needed by both enterprises of one App ID, want 11", needed)
	}
	if needed, _ := all[2].client.Demand(7); needed != 7 {
		t.Errorf("%d needed by the enterprise of another App ID, want 7", needed)
	}
}
