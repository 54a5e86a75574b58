package browser

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

const appKey = "key"

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(appKey), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hostileService starts a service whose departments try to break the page, and
// returns the flags to read it.
func hostileService(t *testing.T) []string {
	t.Helper()
	service := simulator.New(simulator.Config{AppID: "app", AppKey: appKey})
	end := time.Now().Add(-time.Hour).Truncate(time.Minute)
	for i, name := range []string{
		`<script>document.title = "broken"</script>`, `"><img src=/x onerror=alert(1)>`, `</th></table><h1>`, `<style>* { display: none }</style>`,
		`javascript:alert(1)`, "\u202eevil\u2066", strings.Repeat("长", 128), strings.Repeat("W", 128), "{{.}}", "&lt;b&gt;",
	} {
		for n := range 1000 / (i + 1) {
			service.Add(simulator.Record{ConfUUID: fmt.Sprint(i, "-", n), DeptName: name, Start: end.Add(-time.Hour), End: end, ListedAt: end})
		}
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	return []string{"--huaweicloud.endpoint=" + server.URL, "--huaweicloud.app-id=app", "--huaweicloud.app-key-file=" + keyFile(t)}
}

// serve starts the exporter, and returns the address of its page.
func serve(t *testing.T, command string, args ...string) string {
	t.Helper()
	exporter := os.Getenv("EXPORTER")
	if exporter == "" {
		t.Fatal("the environment variable EXPORTER is not set: run make check-page")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	process := exec.CommandContext(t.Context(), exporter, append([]string{command, "--web.listen-address=" + address, "--history.interval=10s"}, args...)...)
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = 10 * time.Second
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Wait() })
	return "http://" + address + "/"
}

// awaitState returns once a page shows a state.
func awaitState(t *testing.T, page, state string) {
	t.Helper()
	var body []byte
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(page)
		if err != nil {
			continue // it does not serve yet
		}
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && bytes.Contains(body, []byte(`class="state `+state+`"`)) {
			return
		}
	}
	t.Fatalf("%s does not show the state %s:\n%s", page, state, body)
}
