package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// exporter is the path of the built binary.
var exporter string

func TestMain(m *testing.M) {
	os.Exit(testWithExporter(m))
}

// testWithExporter runs the tests with the binary that the environment names,
// or else with one built for the occasion.
func testWithExporter(m *testing.M) (status int) {
	if exporter = os.Getenv("EXPORTER"); exporter != "" {
		// A look at the file tells go test that what it cached is out of date
		// when another binary was built.
		if _, err := os.Stat(exporter); err != nil {
			fmt.Fprintf(os.Stderr, "environment variable EXPORTER: %v\n", err)
			return 1
		}
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	exporter = filepath.Join(dir, "huaweicloud_meeting_exporter")
	if out, err := exec.Command("go", "build", "-o", exporter, "..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the exporter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
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

// slowest bounds whatever should take a moment, on a machine that is busy.
const slowest = 30 * time.Second

// process is a running program.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// start starts a program, which ends with the test at the latest. What a
// developer's environment holds for an exporter is kept from it.
func start(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), path, args...), ended: make(chan struct{})}
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "HUAWEICLOUD_")
	})
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the process state tells how it ended
	}()
	t.Cleanup(func() {
		<-p.ended
		if t.Failed() {
			t.Logf("%s wrote:\n%s%s", filepath.Base(path), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// status waits for the end and returns the exit status.
func (p *process) status(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(slowest):
		t.Fatalf("%v still runs", p.cmd.Args)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop ends the process with a signal, and returns its exit status and how
// long it took to end.
func (p *process) stop(t *testing.T, signal os.Signal) (status int, took time.Duration) {
	t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	status = p.status(t)
	return status, time.Since(began)
}

// find waits until the pattern matches an output and returns its first group.
func (p *process) find(t *testing.T, in *output, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	await(t, slowest, func() string {
		select {
		case <-p.ended:
			t.Fatalf("%v ended without writing %q", p.cmd.Args, pattern)
		default:
		}
		if found = re.FindStringSubmatch(in.String()); found == nil {
			return fmt.Sprintf("%v has not written %q", p.cmd.Args, pattern)
		}
		return ""
	})
	return found[1]
}

// address is where the process listens; Prometheus logs it as exporters do.
func (p *process) address(t *testing.T) string {
	t.Helper()
	return p.find(t, &p.stderr, `msg="Listening on".* address=(\S+)`)
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lines returns what was written, line by line.
func (o *output) lines() []string {
	text := strings.TrimSuffix(o.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// await asks again and again for the problem that is left, until there is
// none. After the limit the test fails with the last one.
func await(t *testing.T, limit time.Duration, problem func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		left := problem()
		if left == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s: %s", limit, left)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
