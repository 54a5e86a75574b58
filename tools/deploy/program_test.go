package deploy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const root = "../.."

// The secret of the simulated service.
const appKey = "demo-app-key"

// tool returns a program that the Makefile builds.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run make check-deploy", err)
	}
	return path
}

// exporter returns the program.
func exporter(t *testing.T) string {
	t.Helper()
	path := os.Getenv("EXPORTER")
	if path == "" {
		t.Fatal("EXPORTER is not set: run make check-deploy")
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

// start starts the program and returns what comes after a mark in its output.
// The program ends with the test.
func start(t *testing.T, mark string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), exporter(t), args...)
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
			t.Errorf("the program did not end well: %v", err)
		}
		r.Close()
	})
	wanted := regexp.MustCompile(regexp.QuoteMeta(mark) + `([^\s"]*[^\s".])`)
	var said strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if found := wanted.FindStringSubmatch(lines.Text()); found != nil {
			go io.Copy(io.Discard, r)
			return found[1]
		}
		fmt.Fprintln(&said, lines.Text())
	}
	t.Fatalf("%q never said %q:\n%s", args, mark, said.String())
	return ""
}

// wantReady starts the exporter on a simulated service and waits until it has
// made its first sweep, with the ledger in a file.
func wantReady(t *testing.T, ledger string, args []string) {
	t.Helper()
	service := start(t, "listens on ", "simulate", "--simulate.listen-address=127.0.0.1:0")
	args = append(args, "--huaweicloud.endpoint="+service, "--web.listen-address=127.0.0.1:0")
	url := "http://" + start(t, "address=", args...) + "/-/ready"
	last := ""
	for deadline := time.Now().Add(time.Minute); last != "Ready.\n"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready within a minute: %s", last)
		}
		response, err := http.Get(url)
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if last = string(body); err != nil {
			last = err.Error()
		}
	}
	if _, err := os.Stat(ledger); err != nil {
		t.Error(err)
	}
}
