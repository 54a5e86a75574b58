package backfill_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/exp/api/remote"
	"google.golang.org/protobuf/encoding/protowire"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/simulator"
)

// receiver keeps what it gets by remote write.
type receiver struct {
	t        *testing.T
	all      map[string]samples
	mu       sync.Mutex // of requests and sent: a late answer outlives its request
	requests int
	oldest   int64                                              // sample of the last request
	fault    func(n int, w http.ResponseWriter) (answered bool) // for the n-th request
	sent     []time.Time                                        // when requests came
}

// newStore returns a store, and what it gets.
func newStore(t *testing.T) (*backfill.Store, *receiver) {
	t.Helper()
	r := &receiver{t: t, all: map[string]samples{}, fault: func(int, http.ResponseWriter) bool { return false }}
	official := remote.NewWriteHandler(r, remote.MessageTypes{remote.WriteV1MessageType})
	client, stop := simulator.ServePipe(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.requests++
		n := r.requests
		r.sent = append(r.sent, time.Now())
		r.mu.Unlock()
		if !r.fault(n, w) {
			official.ServeHTTP(w, request)
		}
	}))
	t.Cleanup(stop)
	store, err := backfill.NewStore("http://store.test/api/v1/write?token=secret", client, func(err error) {
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("got error %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return store, r
}

// Store keeps the samples of a request.
func (r *receiver) Store(request *http.Request, _ remote.WriteMessageType) (*remote.WriteResponse, error) {
	body, err := io.ReadAll(request.Body)
	n, oldest, seen := 0, int64(math.MaxInt64), map[string]bool{}
	fields(r.t, body, func(_ protowire.Number, series []byte) {
		var names []string
		var labels []string
		values := samples{}
		newest := int64(0)
		fields(r.t, series, func(field protowire.Number, content []byte) {
			if field == 1 {
				pair := map[protowire.Number]string{}
				fields(r.t, content, func(field protowire.Number, text []byte) { pair[field] = string(text) })
				names = append(names, pair[1])
				labels = append(labels, fmt.Sprintf("%s=%q", pair[1], pair[2]))
				return
			}
			bits, size := protowire.ConsumeFixed64(content[1:])
			at, _ := protowire.ConsumeVarint(content[1+size+1:])
			if int64(at) <= newest {
				r.t.Errorf("%q: sample of %d after that of %d", labels, at, newest)
			}
			newest, oldest, values[int64(at)] = int64(at), min(oldest, int64(at)), math.Float64frombits(bits)
			n++
		})
		key := strings.Join(labels, ",")
		if !slices.IsSorted(names) || seen[key] {
			r.t.Errorf("series %q: labels are not in order, or it came before", labels)
		}
		seen[key] = true
		if r.all[key] == nil {
			r.all[key] = samples{}
		}
		for at, value := range values {
			if before, twice := r.all[key][at]; twice && before != value {
				r.t.Errorf("%s at %d: got %v and %v", key, at, before, value)
			}
			r.all[key][at] = value
		}
	})
	if n == 0 || n > 2000 || oldest < r.oldest {
		r.t.Errorf("got a request of %d samples from %d, after one from %d", n, oldest, r.oldest)
	}
	r.oldest = oldest
	return nil, err
}

// fields calls do for each field of a message that has only messages and
// strings.
func fields(t *testing.T, message []byte, do func(protowire.Number, []byte)) {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 || kind != protowire.BytesType {
			t.Errorf("got field %d of type %d", field, kind)
			return
		}
		content, m := protowire.ConsumeBytes(message[n:])
		if m < 0 {
			t.Errorf("field %d: %v", field, protowire.ParseError(m))
			return
		}
		do(field, content)
		message = message[n+m:]
	}
}

var labelPattern = regexp.MustCompile(`\w+="(?:[^"\\]|\\.)*"`)

// canonical names the series of a line of a file by all its labels in order.
func canonical(series string) string {
	name, labels, _ := strings.Cut(series, "{")
	all := append(labelPattern.FindAllString(labels, -1), fmt.Sprintf("__name__=%q", name))
	slices.Sort(all)
	return strings.Join(all, ",")
}

// written returns what the files of a backfill hold.
func written(t *testing.T, service *simulator.Service, cfg backfill.Config) map[string]samples {
	run(t, service, cfg)
	want := map[string]samples{}
	for name, values := range readFiles(t, cfg.Output) {
		want[canonical(name)] = values
	}
	return want
}

// diff returns how what was sent differs from what files hold.
func (r *receiver) diff(files map[string]samples) string {
	if maps.EqualFunc(files, r.all, maps.Equal) {
		return "" // which cmp would find out slowly
	}
	return fmt.Sprintf("(-in files +sent):\n%.2000s", cmp.Diff(files, r.all))
}

func TestStoreGetsWhatFilesHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		want := written(t, service, config(t, service))
		cfg := config(t, service)
		var got *receiver
		cfg.Store, got = newStore(t)
		// The third day is sent again from its begin.
		refused := got.requests
		cfg.Done = func(p backfill.Progress) {
			if p.Days == 2 && refused == 0 {
				refused = got.requests + 3
				got.fault = func(n int, w http.ResponseWriter) bool {
					if n == refused {
						http.Error(w, "out of\x1b[1m bounds\n"+strings.Repeat("x", 5000), http.StatusBadRequest)
					}
					return n == refused
				}
			}
		}
		_, err := backfill.Run(t.Context(), newClient(t, service), cfg)
		if err == nil || !regexp.MustCompile(`^save the samples of 1999-12-30: the store refused samples: server returned HTTP status 400 Bad Request: out of \[1m bounds x{200,250}…; `+
			`let it take samples of the whole range: .*out_of_order_time_window.*past_grace_period.*; the same command continues after the last finished day$`).MatchString(err.Error()) {
			t.Fatalf("got error %v", err)
		}
		begin := got.requests
		got.oldest = 0
		run(t, service, cfg)
		if diff := got.diff(want); diff != "" {
			t.Error(diff)
		}
		if n := got.requests - begin; n == 0 || n > begin/2 {
			t.Errorf("got %d requests for the last day, after %d", n, begin)
		}
		begin = got.requests
		run(t, service, cfg)
		if n := got.requests - begin; n != 0 {
			t.Errorf("got %d requests of a run with nothing to do", n)
		}
		checkStateOnly(t, cfg.Output)
	})
}

// checkStateOnly checks that a directory holds no sample and no secret.
func checkStateOnly(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || strings.Contains(string(content), "store.test") || strings.Contains(string(content), "secret") {
			t.Errorf("%s: error %v, or the URL of the store is in it", e.Name(), err)
		}
		names = append(names, e.Name())
	}
	want := []string{"backfill.json", "backfill.lock", "meetings-1999-12-28.sent", "meetings-1999-12-29.sent", "meetings-1999-12-30.sent", "meetings-1999-12-30.state"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		for i := range 150 { // more series than a request may have samples
			name := strconv.Itoa(1000 + i)
			service.Add(simulator.Record{ConfUUID: name, DeptName: name, ConfType: "FUTURE", Start: from, End: from.Add(step), ListedAt: from})
		}
		short := config(t, service)
		short.To = from.Add(2 * step)
		want := written(t, service, short)
		always := math.MaxInt32
		for name, test := range map[string]struct {
			times  int // of the fault
			fault  func(w http.ResponseWriter)
			err    string        // "" if the samples arrive
			atMost int           // requests
			wait   time.Duration // at least before a request is repeated
		}{
			"throttled": {times: 1, wait: 2 * time.Minute, fault: func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "120")
				w.WriteHeader(http.StatusTooManyRequests)
			}},
			"throttled until a time": {times: 1, wait: 2*time.Minute - time.Second, fault: func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusTooManyRequests)
			}},
			"clock behind": {times: 5, wait: time.Second, fault: func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusTooManyRequests)
			}},
			"throttled for ages": {
				times: always, wait: 30 * time.Minute, atMost: 1, fault: func(w http.ResponseWriter) {
					w.Header().Set("Retry-After", "10000000000")
					w.WriteHeader(http.StatusTooManyRequests)
				},
				err: "the store has taken nothing for 30m0s: server returned HTTP status 429 Too Many Requests",
			},
			"unavailable": {times: 5, wait: time.Second, fault: func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }},
			"late":        {times: 1, wait: 30 * time.Second, fault: func(http.ResponseWriter) { time.Sleep(40 * time.Second) }},
			"cut":         {times: 2, wait: time.Second, fault: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
			"answer cut": {times: 2, wait: time.Second, fault: func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "100")
				w.WriteHeader(http.StatusBadRequest)
			}},
			"down": {
				times: always, wait: time.Second, atMost: 60, fault: func(w http.ResponseWriter) { http.Error(w, "no disk", http.StatusInternalServerError) },
				err: "the store has taken nothing for 30m0s: server returned HTTP status 500 Internal Server Error: no disk",
			},
			"wrong password": {
				times: always, atMost: 1, fault: func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
				err: "401 Unauthorized; check --remote-write.config.file and --remote-write.header",
			},
			"wrong path": {
				times: always, atMost: 1, fault: func(w http.ResponseWriter) { http.Error(w, "no /api/v1/write?token=secret here", http.StatusNotFound) },
				err: "404 Not Found: no /api/v1/write?… here; check --remote-write.url",
			},
			"wrong token": {
				times: always, atMost: 1, fault: func(w http.ResponseWriter) {
					http.Error(w, "token 'secret' of /write?token=secret is unknown", http.StatusForbidden)
				},
				err: "403 Forbidden: token '…' of /write?… is unknown; check --remote-write.config.file",
			},
			"a page": {
				times: always, atMost: 1, fault: func(w http.ResponseWriter) { fmt.Fprint(w, "\n<!DOCTYPE html><title>Sign in</title>") },
				err: "the URL answers with a page and not as a store: check --remote-write.url; the same command",
			},
			"moved": {times: always, atMost: 1, fault: func(w http.ResponseWriter) {
				w.Header().Set("Location", "/page")
				w.WriteHeader(http.StatusFound)
			}, err: "302 Found; check --remote-write.url"},
		} {
			cfg := short
			cfg.Output = filepath.Join(t.TempDir(), name)
			var got *receiver
			cfg.Store, got = newStore(t)
			got.fault = func(n int, w http.ResponseWriter) bool {
				if n <= test.times {
					test.fault(w)
				}
				return n <= test.times
			}
			_, err := backfill.Run(t.Context(), newClient(t, service), cfg)
			switch {
			case test.err == "" && err != nil, test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("%s: got error %v, want %q in it", name, err, test.err)
			case test.err == "":
				if diff := got.diff(want); diff != "" {
					t.Errorf("%s %s", name, diff)
				}
			case got.requests > test.atMost:
				t.Errorf("%s: got %d requests, want at most %d", name, got.requests, test.atMost)
			}
			for i := range got.sent[1:min(test.times+1, len(got.sent))] {
				if wait := got.sent[i+1].Sub(got.sent[i]); wait < test.wait {
					t.Errorf("%s: request %d came after %s, want %s or more", name, i+2, wait, test.wait)
				}
			}
		}
		time.Sleep(time.Minute) // until the late answer
	})
}

func TestProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t, nil)
		cfg.Labels = map[string]string{"Site": "east"}
		store, got := newStore(t)
		if err := store.Probe(t.Context(), &cfg); err != nil {
			t.Error(err)
		}
		want := map[string]samples{`Site="east",__name__="huaweicloud_meeting_backfill_probe",instance="an instance",job="a job"`: {from.UnixMilli(): 0}}
		if diff := cmp.Diff(want, got.all); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got.fault = func(_ int, w http.ResponseWriter) bool {
			http.Error(w, "too old", http.StatusBadRequest)
			return true
		}
		if err := store.Probe(t.Context(), &cfg); err == nil || !strings.Contains(err.Error(), "the store refused samples: server returned HTTP status 400 Bad Request: too old; let it") {
			t.Errorf("got error %v", err)
		}
		got.fault = func(int, http.ResponseWriter) bool { panic(http.ErrAbortHandler) }
		if err := store.Probe(t.Context(), &cfg); err == nil || !strings.Contains(err.Error(), "the store has taken nothing for 1m0s: EOF") {
			t.Errorf("got error %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := store.Probe(ctx, &cfg); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
	})
}

// A run may end without a word. The store then has a part of its first day.
func TestBegunDayIsOfOneBackfill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		cfg := config(t, service)
		var got *receiver
		cfg.Store, got = newStore(t)
		ctx, kill := context.WithCancel(t.Context())
		got.fault = func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				http.Error(w, "no store here", http.StatusNotFound)
			}
			if n == 4 {
				kill()
			}
			return n == 1
		}
		other := cfg
		other.Step = 2 * step
		if _, err := backfill.Run(t.Context(), newClient(t, service), other); err == nil || !strings.Contains(err.Error(), "no store here") {
			t.Fatalf("got error %v", err)
		}
		if _, err := backfill.Run(ctx, newClient(t, service), cfg); !errors.Is(err, context.Canceled) {
			t.Fatalf("got error %v", err)
		}
		if _, err := backfill.Run(t.Context(), newClient(t, service), other); err == nil || !strings.Contains(err.Error(), `holds another backfill: --step was "1h0m0s" and is now "2h0m0s"`) {
			t.Errorf("got error %v", err)
		}
	})
}
