package backfill

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/exp/api/remote"
	dto "github.com/prometheus/client_model/go"
)

const (
	// maxProbeTime is how long Probe asks a store that does not answer.
	maxProbeTime = time.Minute
	// requestTimeout is the maximum time for one request to the store.
	requestTimeout = 30 * time.Second
	// maxAnswer is how much of an answer of the store is read, in bytes.
	maxAnswer = 4096
	// maxQuote is how much of an answer of the store is quoted, in characters.
	maxQuote = 300
	// minSecret is the length of the shortest value of the URL's query that may be a
	// secret, in bytes. Hiding shorter ones would garble words.
	minSecret = 6
)

// Store takes samples by remote write 1.0. It is for one goroutine.
type Store struct {
	url    *url.URL
	api    *remote.API
	failed func(error)
	status int  // of the last response
	page   bool // the last response has a page for people
	taken  bool // it may have taken samples
}

// NewStore returns the store that takes samples at a URL. The client signs the
// requests in. Failed is called before a request is sent again, after a wait.
func NewStore(address string, client *http.Client, failed func(error)) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	s := &Store{url: u, failed: failed}
	own := &http.Client{
		Transport: &answers{client.Transport, s},
		Timeout:   requestTimeout,
		// A POST may become a GET, which a page could answer with 200.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.api, err = remote.NewAPI(address, remote.WithAPIPath(""), remote.WithAPIHTTPClient(own),
		remote.WithAPIBackoff(remote.BackoffConfig{Min: time.Second, Max: time.Minute}))
	return s, err
}

// answers sends requests to the URL as it was given, which the package remote
// cleans. It bounds what is read of a response, and what the header Retry-After
// asks for. A response that breaks off is a failure of the network, not an answer.
type answers struct {
	next  http.RoundTripper
	store *Store
}

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.WithContext(request.Context()) // a copy
	request.URL = a.store.url
	response, err := a.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	a.store.status, a.store.page = response.StatusCode, bytes.HasPrefix(bytes.TrimSpace(text), []byte("<"))
	response.Body = io.NopCloser(bytes.NewReader(text))
	if after := response.Header.Get("Retry-After"); after != "" {
		response.Header.Set("Retry-After", strconv.FormatInt(secondsOf(after, time.Now()), 10))
	}
	return response, nil
}

// secondsOf returns the seconds that a header Retry-After asks for. The package
// remote would subtract a date in the past from its own wait.
func secondsOf(after string, now time.Time) int64 {
	seconds, _ := strconv.ParseInt(after, 10, 64) // 0 for what is no number, the bound for a large one
	if at, err := http.ParseTime(after); err == nil {
		seconds = int64(at.Sub(now).Seconds())
	}
	return min(max(seconds, 0), int64(maxRetryTime.Seconds()))
}

// Probe asks the store whether it takes samples as old as the begin of the
// range. It sends one sample of a series of its own. The error says what the
// store said.
func (s *Store) Probe(ctx context.Context, cfg *Config) error {
	probe := newSamples(cfg.allLabels())
	probe.add(cfg.From, []*dto.MetricFamily{{
		Name: new("huaweicloud_meeting_backfill_probe"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{}}},
	}})
	return s.send(ctx, probe, maxProbeTime)
}

// send sends samples. It repeats a request that failed, for the given time.
func (s *Store) send(ctx context.Context, samples *samples, within time.Duration) error {
	return samples.eachRequest(func(r request) error {
		limited, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		var last error
		lasting := false
		_, err := s.api.Write(limited, remote.WriteV1MessageType, r, remote.WithWriteRetryCallback(func(err error) {
			if last, lasting = s.clean(err), isLasting(err); lasting {
				cancel()
				return
			}
			s.failed(last)
		}))
		switch {
		case err == nil && s.page: // of a proxy that wants a sign-in, for example
			return errors.New("the URL answers with a page and not as a store: check --remote-write.url")
		case err == nil:
			s.taken = true
			return nil
		case ctx.Err() != nil:
			s.taken = true
			return ctx.Err()
		case lasting:
			return fmt.Errorf("the store cannot be reached: %w; check --remote-write.url and --remote-write.config.file", last)
		case limited.Err() != nil:
			s.taken = true
			return fmt.Errorf("the store has taken nothing for %s: %w", within, cmp.Or(last, s.clean(err)))
		}
		s.taken = s.taken || s.refusesSamples()
		return fmt.Errorf("the store refused samples: %w; %s", s.clean(err), s.advice())
	})
}

// isLasting reports whether an error does not pass by itself.
func isLasting(err error) bool {
	return errors.Is(err, http.ErrSchemeMismatch) || // no TLS
		errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, new(*fs.PathError)) // the file of a password, for example
}

// refusesSamples reports whether the last response refuses samples, and not all
// requests. A store may have taken the other samples of the request.
func (s *Store) refusesSamples() bool {
	return s.status == http.StatusBadRequest || s.status == http.StatusConflict || s.status == http.StatusUnprocessableEntity
}

// advice says what to do about the status of the last response.
func (s *Store) advice() string {
	switch {
	case s.status == http.StatusUnauthorized, s.status == http.StatusForbidden:
		return "check --remote-write.config.file and --remote-write.header"
	case s.refusesSamples():
		return "let it take samples of the whole range: the retention and out_of_order_time_window of Prometheus, past_grace_period of Mimir, --tsdb.out-of-order.time-window of Thanos"
	}
	return "check --remote-write.url"
}

// clean makes an error of a request a line that a terminal can show. It does not
// contain the query of the URL, which may hold a secret, nor a value of it: a store
// may say which token it does not know.
func (s *Store) clean(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(err.Error(), "?"))
	text = strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ":")
	if s.url.RawQuery != "" {
		text = strings.ReplaceAll(text, s.url.RawQuery, "…")
	}
	for _, values := range s.url.Query() {
		for _, value := range values {
			if len(value) >= minSecret {
				text = strings.ReplaceAll(text, value, "…")
			}
		}
	}
	if runes := []rune(text); len(runes) > maxQuote {
		text = string(runes[:maxQuote]) + "…"
	}
	return errors.New(text)
}
