// Package promserver runs a real Prometheus for tests.
package promserver

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a running Prometheus. It may be used concurrently.
type Server struct {
	// URL is the address of the server, without a path.
	URL string
}

// Tool returns the path of a program of Prometheus.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run the tests with make test, which builds it", err)
	}
	return path
}

var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// Start starts a Prometheus with a configuration on a data directory, and
// returns when it is ready. It makes the directory if there is none. The
// process ends with the test.
func Start(t testing.TB, config, data string) Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), Tool(t, "prometheus"),
		"--config.file="+file,
		"--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", // keeps samples with dates in the past
		"--web.listen-address=127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, ready, ended := "", make(chan struct{}), make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(ended)
		serving := false // its line may come before that of the address
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				address = match[1]
			} else if strings.Contains(lines.Text(), "Server is ready to receive web requests") {
				serving = true
			} else {
				continue
			}
			if serving && address != "" {
				close(ready)
			}
		}
		_ = cmd.Wait() // the log says why it ended
	}()
	t.Cleanup(func() { <-ended }) // the end of t.Context ends the process
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("prometheus ended before it was ready:\n%s", log.String())
	case <-time.After(time.Minute):
		t.Fatal("prometheus is not ready after a minute")
	}
	return Server{"http://" + address}
}

// Get decodes the data of an answer of the API. The path is relative to
// /api/v1/. An error, warning or hint of Prometheus fails the test.
func (s Server) Get(t testing.TB, path string, parameters url.Values, data any) {
	t.Helper()
	response, err := http.Get(s.URL + "/api/v1/" + path + "?" + parameters.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var envelope struct {
		Data            json.RawMessage
		Error           string
		Warnings, Infos []string
	}
	if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil {
		t.Fatalf("%s %v: status %d: %v", path, parameters, response.StatusCode, err)
	}
	if notes := slices.Concat(envelope.Warnings, envelope.Infos); envelope.Error != "" || len(notes) > 0 {
		t.Errorf("%s %v:\n%s %q", path, parameters, envelope.Error, notes)
		return
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		t.Fatalf("%s %v: %v", path, parameters, err)
	}
}

// Node is a node of the syntax tree of an expression.
type Node map[string]any

// Parse returns the syntax tree of an expression.
func (s Server) Parse(t testing.TB, expr string) (tree Node) {
	t.Helper()
	s.Get(t, "parse_query", url.Values{"query": {expr}}, &tree)
	return tree
}

// Walk visits a node and all nodes below it. It passes the nodes above each
// node, from the root down.
func (n Node) Walk(visit func(n Node, above []Node)) { walk(map[string]any(n), nil, visit) }

func walk(tree any, above []Node, visit func(n Node, above []Node)) {
	switch tree := tree.(type) {
	case map[string]any:
		visit(tree, above)
		above = append(slices.Clip(above), tree)
		for _, child := range tree {
			walk(child, above, visit)
		}
	case []any:
		for _, child := range tree {
			walk(child, above, visit)
		}
	}
}

// Matchers returns the values of the label matchers of a selector by the name
// of the label. It reports whether the node is a selector.
func (n Node) Matchers() (matchers map[string]string, ok bool) {
	if n["type"] != "vectorSelector" && n["type"] != "matrixSelector" {
		return nil, false
	}
	matchers = map[string]string{}
	for _, m := range n["matchers"].([]any) {
		m := m.(map[string]any)
		matchers[m["name"].(string)] = m["value"].(string)
	}
	delete(matchers, "__name__") // n["name"] is the name of the metric
	return matchers, true
}

// Grouping returns the labels by which the node aggregates or matches.
func (n Node) Grouping() (labels []string) {
	matching, _ := n["matching"].(map[string]any)
	for _, list := range []any{n["grouping"], matching["labels"], matching["include"]} {
		names, _ := list.([]any)
		for _, name := range names {
			labels = append(labels, name.(string))
		}
	}
	return labels
}

// Replicas reports whether the nodes above a selector reduce replicas to one,
// and what is wrong with how they do it. The labels of a target without instance
// and pod name a source, so only "without (instance, pod)" keeps sources apart.
// The sum would count each meeting once for each replica.
func Replicas(above []Node) (reduced bool, problem string) {
	for _, a := range slices.Backward(above) {
		if a["type"] != "aggregation" {
			continue
		}
		without, labels := a["without"] == true, a.Grouping()
		if without != slices.Contains(labels, "instance") {
			continue // the aggregation keeps the label instance
		}
		op, _ := a["op"].(string)
		if !without || !slices.Contains(labels, "pod") || !slices.Contains([]string{"max", "min", "avg", "group"}, op) {
			return true, fmt.Sprintf("%s (without: %v) %q, want max, min, avg or group without (instance, pod)", op, without, labels)
		}
		return true, ""
	}
	return false, ""
}

// Series is one series of a result.
type Series struct {
	Labels map[string]string
	Values []float64
}

// At evaluates an expression at an instant.
func (s Server) At(t testing.TB, expr string, at time.Time) []Series {
	t.Helper()
	return s.query(t, "query", url.Values{"query": {expr}, "time": {timestamp(at)}})
}

// Over evaluates an expression at every step from one time to another.
func (s Server) Over(t testing.TB, expr string, from, to time.Time, step time.Duration) []Series {
	t.Helper()
	return s.query(t, "query_range", url.Values{
		"query": {expr}, "start": {timestamp(from)}, "end": {timestamp(to)}, "step": {fmt.Sprint(step.Seconds())},
	})
}

func timestamp(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)
}

func (s Server) query(t testing.TB, path string, parameters url.Values) (all []Series) {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  *[2]any
			Values [][2]any
		}
	}
	s.Get(t, path, parameters, &data)
	for _, r := range data.Result {
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		one := Series{Labels: r.Metric}
		for _, v := range r.Values {
			text, _ := v[1].(string)
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatalf("%v: %v", parameters, err)
			}
			one.Values = append(one.Values, number)
		}
		all = append(all, one)
	}
	return all
}
