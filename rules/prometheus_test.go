package rules_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rule is one as Prometheus has loaded it.
type rule struct {
	Type        string            `json:"type"` // alerting or recording
	Name        string            `json:"name"`
	Query       string            `json:"query"`
	Duration    float64           `json:"duration"` // for, in seconds
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`

	tree any // of the query, as Prometheus parses it
}

func alerts(rules []rule) []rule {
	var found []rule
	for _, r := range rules {
		if r.Type == "alerting" {
			found = append(found, r)
		}
	}
	return found
}

// load loads the rules into a real Prometheus, which proves that it takes
// them, and returns what it makes of them.
func load(t *testing.T) []rule {
	t.Helper()
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "rule_files: ['%s/*.yaml']\n", here), 0o600); err != nil {
		t.Fatal(err)
	}
	api := serve(t, "--config.file="+config, "--storage.tsdb.path="+dir, "--web.listen-address=127.0.0.1:0") + "/api/v1"

	var answer struct {
		Groups []struct {
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	get(t, api+"/rules", &answer)
	var rules []rule
	for _, group := range answer.Groups {
		for _, r := range group.Rules {
			get(t, api+"/parse_query?"+url.Values{"query": {r.Query}}.Encode(), &r.tree)
			rules = append(rules, r)
		}
	}
	if len(alerts(rules)) == 0 || len(alerts(rules)) == len(rules) {
		t.Fatalf("Prometheus has %d rules, %d of them alerts, want both kinds", len(rules), len(alerts(rules)))
	}
	return rules
}

// serve runs Prometheus until the test ends, and returns its URL.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, tool(t, "prometheus"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, ready, ended := make(chan string, 1), make(chan struct{}), make(chan struct{})
	var lines strings.Builder
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(log); scanner.Scan(); {
			fmt.Fprintln(&lines, scanner.Text())
			if match := regexp.MustCompile(`msg="Listening on".* address=(\S+)`).FindStringSubmatch(scanner.Text()); match != nil {
				address <- match[1]
			}
			if strings.Contains(scanner.Text(), "Server is ready to receive web requests") {
				close(ready)
			}
		}
		_ = cmd.Wait() // the log tells why it ended
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	select {
	case <-ready:
		return "http://" + <-address
	case <-ended:
		t.Fatalf("prometheus ended before it was ready:\n%s", lines.String())
	}
	return ""
}

// get decodes the data of an answer.
func get(t *testing.T, url string, data any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: status %q, error %v", url, answer.Status, err)
	}
}
