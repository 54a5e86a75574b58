package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	sloggokit "github.com/tjhop/slog-gokit"

	"huaweicloud_meeting_exporter/ledger"
)

const (
	healthyPath = "/-/healthy"
	readyPath   = "/-/ready"
)

// newHandler returns all pages of the exporter. People is the page at /. The
// promhttp_* metrics of the telemetry path go to registry. Snapshots returns what
// the ledgers have published.
func newHandler(opts *options, people http.Handler, ready func() bool, registry *prometheus.Registry, gatherer prometheus.Gatherer, snapshots func() []*ledger.Snapshot, logger log.Logger) http.Handler {
	mux := http.NewServeMux()
	if opts.telemetryPath != "/" {
		mux.Handle("GET /{$}", people)
	}
	mux.HandleFunc(healthyPath, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "Healthy.\n")
	})
	mux.HandleFunc(readyPath, func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "Not ready: the first sweep is not complete.", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "Ready.\n")
	})
	metrics := promhttp.InstrumentMetricHandler(registry, promhttp.HandlerFor(withoutClash(gatherer), promhttp.HandlerOpts{
		ErrorLog:            promhttpLogger{logger},
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            registry,
		MaxRequestsInFlight: opts.maxRequests,
		EnableOpenMetrics:   true,
	}))
	mux.Handle(exactly(opts.telemetryPath), deliver(acceptIdentity(metrics), snapshots))
	return mux
}

// exactly returns the pattern of a path alone. The pattern "/" would match every
// other path too.
func exactly(path string) string {
	if path == "/" {
		return "/{$}"
	}
	return path
}

// withoutClash leaves out go_memstats_alloc_bytes. OpenMetrics cuts _total from
// the name of a counter, so that go_memstats_alloc_bytes_total would be a second
// family of this name. The value is also that of go_memstats_heap_alloc_bytes.
func withoutClash(g prometheus.Gatherer) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		return slices.DeleteFunc(slices.Clone(families), func(f *dto.MetricFamily) bool {
			return f.GetName() == "go_memstats_alloc_bytes"
		}), err
	})
}

// acceptIdentity adds to each request that it accepts an uncompressed response,
// as a last resort. If a request refuses every encoding that promhttp has,
// promhttp sends that too, but logs an error.
func acceptIdentity(metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Add("Accept-Encoding", "identity;q=0.001")
		metrics.ServeHTTP(w, r)
	})
}

// deliver serves metrics, and carries the one signal that goes upward: it tells
// the ledgers that their snapshots were delivered (rule 6). Only a GET that asks for
// all metrics and gets the whole answer delivers.
func deliver(metrics http.Handler, snapshots func() []*ledger.Snapshot) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The metrics are gathered later, so they are never older than this.
		before := snapshots()
		answer := &scrapeWriter{ResponseWriter: w, status: http.StatusOK}
		metrics.ServeHTTP(answer, r)
		if r.Method == http.MethodGet && !r.URL.Query().Has("name[]") && answer.isWhole() && r.Context().Err() == nil {
			for _, snapshot := range before {
				snapshot.MarkDelivered(time.Now())
			}
		}
	})
}

// scrapeWriter notes the status of the answer, and whether it was written. It
// marks errors as errHungUp: the connection is gone.
type scrapeWriter struct {
	http.ResponseWriter
	status int
	err    error // of the last write that failed
}

var errHungUp = errors.New("the scraper hung up")

func (w *scrapeWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *scrapeWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	if err != nil {
		w.err = fmt.Errorf("%w: %w", errHungUp, err)
		err = w.err
	}
	return n, err
}

// isWhole reports whether all of a good answer was written to the connection.
// It writes what is still buffered.
func (w *scrapeWriter) isWhole() bool {
	return w.status == http.StatusOK && w.err == nil && http.NewResponseController(w.ResponseWriter).Flush() == nil
}

// promhttpLogger logs what goes wrong in a scrape.
type promhttpLogger struct{ log.Logger }

// Println implements promhttp.Logger. If the scraper hung up, promhttp reports
// it once for each family, which is no error of the exporter.
func (l promhttpLogger) Println(v ...any) {
	logger := level.Error(l.Logger)
	for _, one := range v {
		if err, ok := one.(error); ok && errors.Is(err, errHungUp) {
			logger = level.Debug(l.Logger)
		}
	}
	logger.Log("msg", "Scrape failed", "err", fmt.Sprint(v...))
}

// newLoggers returns the logger of the program and, for exporter-toolkit,
// which speaks slog only, one that ends in the same lines.
func newLoggers(w io.Writer, minimum, format string) (log.Logger, *slog.Logger) {
	base := log.NewLogfmtLogger(log.NewSyncWriter(w))
	if format == "json" {
		base = log.NewJSONLogger(log.NewSyncWriter(w))
	}
	logger := level.NewFilter(base, level.Allow(level.ParseDefault(minimum, level.InfoValue())))
	logger = log.With(logger, "ts", log.DefaultTimestampUTC, "caller", log.DefaultCaller)

	var slogLevel slog.LevelVar
	if slogLevel.UnmarshalText([]byte(minimum)) != nil {
		slogLevel.Set(slog.LevelInfo)
	}
	return logger, slog.New(sloggokit.NewGoKitHandler(withTS(base), &slogLevel))
}

// withTS renames the key under which the bridge logs the time.
func withTS(next log.Logger) log.Logger {
	return log.LoggerFunc(func(keyvals ...any) error {
		for i := 0; i+1 < len(keyvals); i += 2 {
			if keyvals[i] == slog.TimeKey {
				keyvals[i], keyvals[i+1] = "ts", log.DefaultTimestampUTC()
			}
		}
		return next.Log(keyvals...)
	})
}
