package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// hungUp is the connection of a scraper that is gone.
type hungUp struct{ *httptest.ResponseRecorder }

func (hungUp) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
}

func TestAScraperThatHangsUpIsNoErrorOfTheExporter(t *testing.T) {
	broken := errors.New("two samples of one name")
	for name, c := range map[string]struct {
		gathered error
		to       http.ResponseWriter
		want     int
	}{
		"whole":        {nil, httptest.NewRecorder(), 0},
		"hung up":      {nil, hungUp{httptest.NewRecorder()}, 0},
		"not gathered": {broken, httptest.NewRecorder(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			own := prometheus.NewRegistry()
			for _, name := range []string{"a", "b", "c"} {
				own.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: name}))
			}
			var logged bytes.Buffer
			logger, _ := newLoggers(&logged, "info", "logfmt")
			handler, err := newHandler(&options{telemetryPath: "/metrics"}, func() bool { return true }, prometheus.NewRegistry(),
				prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
					families, _ := own.Gather()
					return families, c.gathered
				}), logger)
			if err != nil {
				t.Fatal(err)
			}
			handler.ServeHTTP(c.to, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if got := strings.Count(logged.String(), "\n"); got != c.want {
				t.Errorf("got %d lines logged, want %d:\n%s", got, c.want, logged.String())
			}
		})
	}
}
