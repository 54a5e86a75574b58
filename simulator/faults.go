package simulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// Fault handles a request in place of the service. It may call next, which
// responds as usual. A fault that breaks the connection panics with
// http.ErrAbortHandler and so needs a real HTTP server. A Fault must be safe
// for concurrent use, as those of this package are.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// SetFault makes a fault handle all later requests; nil ends the current one.
func (s *Service) SetFault(f Fault) {
	if f == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&f)
}

// On applies a fault to the requests for one path only.
func On(path string, f Fault) Fault {
	return onlyIf(func(r *http.Request) bool { return r.URL.Path == path }, f)
}

// Times applies a fault to the next n requests only.
func Times(n int, f Fault) Fault {
	var seen atomic.Int64
	return onlyIf(func(*http.Request) bool { return seen.Add(1) <= int64(n) }, f)
}

// Skip applies a fault to all requests but the next n.
func Skip(n int, f Fault) Fault {
	var seen atomic.Int64
	return onlyIf(func(*http.Request) bool { return seen.Add(1) > int64(n) }, f)
}

func onlyIf(condition func(*http.Request) bool, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if condition(r) {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// RetryAfter adds a Retry-After header to the response of a fault. The value
// may have any form.
func RetryAfter(value string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Retry-After", value)
		f(w, r, next)
	}
}

// Answer responds with a status and an error body. Status 200 makes the error
// look like a success.
func Answer(status int, code, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		writeError(w, status, code, message)
	}
}

// Throttled responds as the gateway does to too many requests, with status 429.
func Throttled() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		writeThrottled(w, 100)
	}
}

// Body responds with a status, a content type and a text.
func Body(status int, contentType, text string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		writeBody(w, status, contentType, []byte(text))
	}
}

// HTML responds with status 200 and an HTML page, as a captive portal does.
func HTML() Fault {
	return Body(http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><title>Welcome</title><p>Please sign in to the network.")
}

// NoData responds with status 200 and JSON that has neither data nor count.
func NoData() Fault {
	return Body(http.StatusOK, contentTypeJSON, `{"offset":0,"limit":20}`)
}

// Redirect responds with status 302 and a location.
func Redirect(location string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, location, http.StatusFound)
	}
}

// Hang sends nothing until the client or the server closes the connection.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		// A server notices that its client has gone only after it has read
		// the body of the request.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Cut closes the connection before any response.
func Cut() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) {
		panic(http.ErrAbortHandler)
	}
}

// CutBody closes the connection in the middle of the body of the usual
// response. The request still takes effect: a token issued by it stays valid,
// although the client never learns it.
func CutBody() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		whole := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(whole, r)
		body := whole.body.Bytes()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(whole.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// recorder keeps a response instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// oversize is the size of the padding that Oversize sends, in bytes.
const oversize = 65 << 20

// Oversize sends a response of more than 64 MiB. It is valid JSON and begins
// like a history without meetings, so a client without a limit on the size
// accepts it as one.
func Oversize() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentTypeJSON)
		if _, err := io.WriteString(w, `{"data":[],"offset":0,"limit":20,"count":0,"padding":"`); err != nil {
			return
		}
		chunk := strings.Repeat("x", 64<<10)
		for range oversize / len(chunk) {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, `"}`)
	}
}
