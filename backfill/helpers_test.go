package backfill_test

import (
	"bufio"
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

// A bubble of virtual time begins at 2000-01-01. The range begins and ends
// within a day.
var (
	from = time.Date(1999, 12, 28, 6, 0, 0, 0, time.UTC)
	to   = time.Date(1999, 12, 30, 18, 0, 0, 0, time.UTC)
)

const (
	step   = time.Hour
	window = 4 * time.Hour
)

// newService holds a week of an enterprise in which a meeting ends every ten
// minutes, some of them at midnight.
func newService(means simulator.Range, pageLimit int) *simulator.Service {
	s := simulator.New(simulator.Config{
		Seed: 5, MeetingsPerDay: 150, Worldwide: true, MaxLimit: pageLimit, AppID: "app", AppKey: "key", Range: means,
	})
	for i, end := range []time.Time{from, from.Add(-time.Minute), from.Add(step), to, to.Add(-time.Minute), to.Truncate(24 * time.Hour)} {
		// A department of its own, for a new series.
		s.Add(simulator.Record{
			ConfUUID: strconv.Itoa(i), DeptName: "Edge " + strconv.Itoa(i), ConfType: "FUTURE",
			Start: end.Add(-5 * time.Hour), End: end, ListedAt: end, NormalCount: new(3), TerminalCount: new(1),
		})
	}
	return s
}

// instants returns the times of the samples of a backfill.
func instants(from, to time.Time) (all []time.Time) {
	for at := from; at.Before(to); at = at.Add(step) {
		all = append(all, at)
	}
	return append(all, to.Add(-time.Millisecond))
}

func config(t *testing.T, service *simulator.Service) backfill.Config {
	return backfill.Config{
		From: from, To: to, Step: step, Output: filepath.Join(t.TempDir(), "new"), Job: "a job", Instance: "an instance",
		Ledger:   ledger.Config{Window: window, MaxMeetingDuration: 20 * time.Hour, MaxCatchUp: 168 * time.Hour, Hold: 5 * time.Hour, MaxDepartments: 200},
		Requests: func() int { return service.Requests(simulator.PathHistory) },
		Failed:   func(error, time.Duration) {},
		Done:     func(backfill.Progress) {},
	}
}

func newClient(t *testing.T, service *simulator.Service) *client.Client {
	t.Helper()
	httpClient, closePipe := service.Pipe()
	c, err := client.New(stack.Defaults(httpClient.Transport).Client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		closePipe()
	})
	return c
}

// run runs a backfill to its end.
func run(t *testing.T, service *simulator.Service, cfg backfill.Config) *ledger.Ledger {
	t.Helper()
	l, err := backfill.Run(t.Context(), newClient(t, service), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// samples holds the values of a series by Unix time in milliseconds.
type samples map[int64]float64

// pointParts matches the parts in which the lines of one histogram differ.
var pointParts = regexp.MustCompile(`_(?:bucket|sum|count)(\{)|,le="[^"]*"`)

// readFiles reads all files of a backfill. Each sample must come once, and each
// series or histogram in one piece.
func readFiles(t *testing.T, dir string) map[string]samples {
	t.Helper()
	all := map[string]samples{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.om"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got files %v, %v", paths, err)
	}
	for _, path := range paths {
		readFile(t, path, all)
	}
	return all
}

func readFile(t *testing.T, path string, all map[string]samples) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	seen, last, ended := map[string]bool{}, "", false
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if ended {
			t.Fatalf("%s continues after its end: %s", path, line)
		}
		if ended = line == "# EOF"; strings.HasPrefix(line, "#") {
			continue
		}
		brace := strings.LastIndex(line, "}")
		name, fields := line[:brace+1], strings.Fields(line[brace+1:])
		value, err1 := strconv.ParseFloat(fields[0], 64)
		at, err2 := strconv.ParseFloat(fields[1], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %s", path, line)
		}
		piece := pointParts.ReplaceAllString(name, "$1")
		if piece != last && seen[piece] {
			t.Fatalf("%s: %s comes in two pieces", path, piece)
		}
		seen[piece], last = true, piece
		if all[name] == nil {
			all[name] = samples{}
		}
		milliseconds := int64(math.Round(at * 1000))
		if _, twice := all[name][milliseconds]; twice {
			t.Fatalf("%s: two samples of %s at %v", path, name, at)
		}
		all[name][milliseconds] = value
	}
	if lines.Err() != nil || !ended {
		t.Fatalf("%s has no end: %v", path, lines.Err())
	}
}
