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

const (
	// deadline bounds the wait for what takes a moment on an idle machine.
	deadline = 30 * time.Second
	// stopWithin is how long the exporter may take to stop.
	stopWithin = 5 * time.Second
)

// exporter is the path of the built binary.
var exporter string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

// testMain runs the tests with the binary that the environment variable
// EXPORTER names. Without the variable it builds the binary.
func testMain(m *testing.M) (status int) {
	if exporter = os.Getenv("EXPORTER"); exporter != "" {
		// go test caches results until a file that the test looked at changes.
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
	if out, err := exec.Command("go", "build", "-o", exporter, "../..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the exporter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// tool returns the path of prometheus or promtool.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run the tests with make test, which builds it", err)
	}
	return path
}

// process is a running program.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// start starts a program and stops it when the test ends. The program does not
// see the HUAWEICLOUD_ variables of the developer's environment.
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
		_ = p.cmd.Wait() // cmd.ProcessState says how it ended
	}()
	t.Cleanup(func() {
		<-p.ended
		if t.Failed() {
			t.Logf("%s wrote:\n%s%s", filepath.Base(path), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// exitStatus waits for the end of the process.
func (p *process) exitStatus(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(deadline):
		t.Fatalf("%v still runs", p.cmd.Args)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop sends a signal and checks that the process then ends in time and with
// exit status 0.
func (p *process) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	status := p.exitStatus(t)
	if took := time.Since(began); status != 0 || took > stopWithin {
		t.Errorf("got exit status %d %s after %s, want 0 within %s", status, took, signal, stopWithin)
	}
}

// kill ends the process with SIGKILL. It fails the test if the process ended by
// itself before.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.exitStatus(t)
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%v ended by itself: %s", p.cmd.Args, p.cmd.ProcessState)
	}
}

// find waits until an output of the process matches the pattern, and returns
// the first group.
func (p *process) find(t *testing.T, in *output, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	await(t, deadline, func() string {
		if found = re.FindStringSubmatch(in.String()); found != nil {
			return ""
		}
		select {
		case <-p.ended:
			t.Fatalf("%v ended and did not write %q", p.cmd.Args, pattern)
		default:
		}
		return fmt.Sprintf("%v has not written %q", p.cmd.Args, pattern)
	})
	return found[1]
}

// url returns the URL at which the process listens. Prometheus and the exporter
// log it in the same words.
func (p *process) url(t *testing.T) string {
	t.Helper()
	return "http://" + p.find(t, &p.stderr, `msg="Listening on".* address=(\S+)`)
}

// refused starts the exporter and checks that it refuses to start.
func refused(t *testing.T, args []string, wants ...string) {
	t.Helper()
	start(t, exporter, append(args, "--web.listen-address=127.0.0.1:0")...).checkRefusal(t, wants...)
}

// checkRefusal checks that the exporter ends with exit status 1 and with one
// line on standard error, which contains all the texts.
func (p *process) checkRefusal(t *testing.T, wants ...string) {
	t.Helper()
	if got := p.exitStatus(t); got != 1 {
		t.Errorf("got exit status %d, want 1", got)
	}
	if got := p.stdout.String(); got != "" {
		t.Errorf("got on standard output\n%s\nwant nothing", got)
	}
	stderr := p.stderr.String()
	if strings.Count(stderr, "\n") != 1 {
		t.Errorf("got on standard error\n%s\nwant one line", stderr)
	}
	for _, want := range wants {
		if !strings.Contains(stderr, want) {
			t.Errorf("got on standard error\n%s\nwant %q in it", stderr, want)
		}
	}
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

// linesWith returns the lines of a text that contain a word.
func linesWith(text, word string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return lines
}

// await calls problem until it returns "". After the limit it fails the test
// with the last problem.
func await(t *testing.T, limit time.Duration, problem func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		last := problem()
		if last == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s: %s", limit, last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
