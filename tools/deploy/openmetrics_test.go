package deploy

import (
	"net/http"
	"os/exec"
	"testing"
)

// TestPythonReadsMetrics reads the page of metrics in both text formats with the
// Python client of Prometheus. It has the strictest parser of OpenMetrics.
func TestPythonReadsMetrics(t *testing.T) {
	if exec.Command("python3", "-c", "import prometheus_client").Run() != nil {
		t.Skip("python3 with prometheus_client is not installed")
	}
	url := "http://" + start(t, "address=", "demo", "--web.listen-address=127.0.0.1:0") + "/metrics"
	for parser, accept := range map[string]string{
		"prometheus_client.openmetrics.parser": "application/openmetrics-text; version=1.0.0",
		"prometheus_client.parser":             "text/plain; version=0.0.4",
	} {
		t.Run(parser, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", accept)
			response, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			python := exec.CommandContext(t.Context(), "python3", "-c",
				"import sys; from "+parser+" import text_fd_to_metric_families as read; list(read(sys.stdin))")
			python.Stdin = response.Body
			if out, err := python.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
