package deploy

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

const root = "../.."

// appKey is the secret of the simulated service.
const appKey = "demo-app-key"

// tool returns the path of a program that the Makefile builds.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run make check-deploy", err)
	}
	return path
}

// exporter returns the path of the exporter.
func exporter(t *testing.T) string {
	t.Helper()
	path := os.Getenv("EXPORTER")
	if path == "" {
		t.Fatal("the environment variable EXPORTER is not set: run make check-deploy")
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts the exporter and returns the word after a mark in its output.
func start(t *testing.T, mark string, args ...string) string {
	t.Helper()
	return run(t, exporter(t), mark, args...)
}

// run starts a program and returns the word after a mark in its output. The
// process ends with the test.
func run(t *testing.T, program, mark string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("exit of %s: %v", filepath.Base(program), err)
		}
		r.Close()
	})
	marked := regexp.MustCompile(regexp.QuoteMeta(mark) + `([^\s"]*[^\s".])`)
	var output strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if match := marked.FindStringSubmatch(lines.Text()); match != nil {
			go io.Copy(io.Discard, r)
			return match[1]
		}
		fmt.Fprintln(&output, lines.Text())
	}
	t.Fatalf("no %q in the output of %s with %q:\n%s", mark, filepath.Base(program), args, output.String())
	return ""
}

// wantReady runs the exporter against a simulated service until its first
// sweeps are complete and the file of each ledger exists. There are as many
// simulated enterprises as ledgers.
func wantReady(t *testing.T, ledgers []string, args []string) {
	t.Helper()
	service := start(t, "listens on ", "simulate", "--simulate.listen-address=127.0.0.1:0", fmt.Sprintf("--simulate.enterprises=%d", len(ledgers)))
	// The first polls of several enterprises are spread over the interval.
	args = append(args, "--huaweicloud.endpoint="+service, "--web.listen-address=127.0.0.1:0", "--history.interval=5s")
	url := "http://" + start(t, "address=", args...) + "/-/ready"
	status := ""
	for deadline := time.Now().Add(time.Minute); status != "200 OK"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready after a minute: %s", status)
		}
		response, err := http.Get(url)
		if err != nil {
			status = err.Error()
			continue
		}
		response.Body.Close()
		status = response.Status
	}
	for _, ledger := range ledgers {
		if _, err := os.Stat(ledger); err != nil {
			t.Error(err)
		}
	}
}

// wantFlags checks that the exporter has the flags of arguments.
func wantFlags(t *testing.T, args []string) {
	t.Helper()
	help, err := exec.Command(exporter(t), "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if !regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(name) + `[ =\n]`).Match(help) {
			t.Errorf("the exporter has no flag %s", name)
		}
	}
}

type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

// ruleFile has what the tests need of a file of rules.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

// ruleFiles returns the recording rules of the project, and the alerts of a
// directory, by the base name of their file.
func ruleFiles(t *testing.T, alerts string) map[string]ruleFile {
	t.Helper()
	files := map[string]ruleFile{}
	texts := originals(t, alerts+"/*-alerts.yaml")
	maps.Copy(texts, originals(t, "rules/recording.yaml"))
	for file, text := range texts {
		var rules ruleFile
		if err := yaml.Unmarshal([]byte(text), &rules); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		files[file] = rules
	}
	return files
}
