package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Fault handles a request in place of the service. It may call next, which
// responds as usual but never compresses the body. A fault that breaks the connection panics with
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
		ThrottleTooMany.writeThrottled(w, 100, 0)
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
// response. The request still takes effect: after a sign-in that breaks off, the
// token is valid, although the client never learns it.
func CutBody() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		whole := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(whole, r)
		writeHalf(w, whole.status, whole.body.Bytes())
	}
}

// SlowBody sends the header of the usual response at once, and its body after a
// time.
func SlowBody(after time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		usual := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(usual, r)
		w.WriteHeader(usual.status)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(after)
		_, _ = w.Write(usual.body.Bytes())
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

// ManyRows repeats the rows of the usual page until there are n of them,
// whatever the limit of the request. Other responses stay as they are.
func ManyRows(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		usual := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(usual, r)
		body := usual.body.Bytes()
		var page map[string]json.RawMessage
		var rows []json.RawMessage
		if json.Unmarshal(body, &page) == nil && json.Unmarshal(page["data"], &rows) == nil && len(rows) > 0 {
			for i := 0; len(rows) < n; i++ {
				rows = append(rows, rows[i])
			}
			page["data"], _ = json.Marshal(rows) // rows that were decoded
			body, _ = json.Marshal(page)
		}
		w.WriteHeader(usual.status)
		_, _ = w.Write(body)
	}
}

// GzipBomb sends a page of 64 MiB whose only row is an array of zeros. A client
// that accepts gzip receives less than 1 MiB.
func GzipBomb() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentTypeJSON)
		pack := func(text string) []byte { return []byte(text) }
		if acceptsGzip(r) {
			w.Header().Set("Content-Encoding", "gzip")
			pack = func(text string) []byte { return compress([]byte(text)) }
		}
		// Several gzip bodies in a row unpack to one.
		_, err := w.Write(pack(`{"data":[[`))
		zeros := pack(strings.Repeat("0,", 1<<19)) // 1 MiB
		for i := 0; i < 64 && err == nil; i++ {
			_, err = w.Write(zeros)
		}
		if err == nil {
			_, _ = w.Write(pack(`0]],"offset":0,"limit":20,"count":1}`))
		}
	}
}

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
