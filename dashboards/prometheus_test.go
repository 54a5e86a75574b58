package dashboards_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// server is a real Prometheus.
type server struct{ url string }

// newPrometheus starts a Prometheus on a directory of data, which is new if it
// is not there, with a configuration. It ends with the test.
func newPrometheus(t *testing.T, data, config string) server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tool(t, "prometheus"),
		"--config.file="+file,
		"--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", // the history is at a fixed date
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
	t.Cleanup(func() { _ = cmd.Wait() }) // the context of the test has ended it
	listening := regexp.MustCompile(`msg="Listening on".* address=(\S+)`)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go io.Copy(io.Discard, stderr)
			p := server{"http://" + found[1]}
			p.awaitReady(t)
			return p
		}
	}
	t.Fatal("prometheus ended without listening")
	return server{}
}

// tool returns the path of a program that belongs to Prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run the tests with make test, which builds it", err)
	}
	return path
}

func (p server) awaitReady(t *testing.T) {
	t.Helper()
	await(t, "Prometheus is ready", func() bool {
		answer, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// await asks again and again until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 30s: %s", what)
		}
	}
}

// get asks the API and decodes the data of its answer. An error and a warning
// or hint of the query engine fail the test, for a user would see them.
func (p server) get(t *testing.T, path string, parameters url.Values, data any) {
	t.Helper()
	answer, err := http.PostForm(p.url+"/api/v1/"+path, parameters)
	if path == "series" || filepath.Base(path) == "values" { // these take no POST
		answer, err = http.Get(p.url + "/api/v1/" + path + "?" + parameters.Encode())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var envelope struct {
		Data            json.RawMessage
		Error           string
		Warnings, Infos []string
	}
	if err := json.NewDecoder(answer.Body).Decode(&envelope); err != nil {
		t.Fatalf("%s %v: status %d: %v", path, parameters, answer.StatusCode, err)
	}
	if notes := slices.Concat(envelope.Warnings, envelope.Infos); envelope.Error != "" || len(notes) > 0 {
		t.Errorf("%s %v:\n%s %q", path, parameters, envelope.Error, notes)
		return
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		t.Fatalf("%s %v: %v", path, parameters, err)
	}
}

// values are those of a label, of the series that a selector takes.
func (p server) values(t *testing.T, label, selector string) (values []string) {
	t.Helper()
	p.get(t, "label/"+label+"/values", url.Values{"match[]": {selector}}, &values)
	return values
}

// series is one series of an answer with its numbers.
type series struct {
	labels map[string]string
	values []float64
}

// at evaluates an expression at an instant.
func (p server) at(t *testing.T, expr string, at time.Time) []series {
	t.Helper()
	return p.query(t, "query", url.Values{"query": {expr}, "time": {stamp(at)}})
}

// over evaluates an expression at every step of a range.
func (p server) over(t *testing.T, expr string, from, to time.Time, step time.Duration) []series {
	t.Helper()
	return p.query(t, "query_range", url.Values{
		"query": {expr}, "start": {stamp(from)}, "end": {stamp(to)}, "step": {fmt.Sprint(step.Seconds())},
	})
}

func stamp(at time.Time) string { return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64) }

func (p server) query(t *testing.T, path string, parameters url.Values) (all []series) {
	t.Helper()
	var data struct {
		ResultType string
		Result     []struct {
			Metric map[string]string
			Value  *[2]any
			Values [][2]any
		}
	}
	p.get(t, path, parameters, &data)
	for _, r := range data.Result {
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		s := series{labels: r.Metric}
		for _, v := range r.Values {
			text, _ := v[1].(string)
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatalf("%v: %v", parameters, err)
			}
			s.values = append(s.values, number)
		}
		all = append(all, s)
	}
	return all
}
