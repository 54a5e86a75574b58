package simulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// Fault answers a request in the service's stead. It may pass it on to next,
// which answers as usual, and do something before, after or in between. Those
// that break a connection off panic with http.ErrAbortHandler, as net/http
// has it, and so need a real server.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// SetFault puts a fault in force for the requests that come from now on; nil
// ends it.
func (s *Service) SetFault(f Fault) {
	if f == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&f)
}

// On confines a fault to one path.
func On(path string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == path {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// Times confines a fault to the next n requests that reach it.
func Times(n int, f Fault) Fault {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if seen.Add(1) <= int64(n) {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// Skip lets the next n requests that reach it pass before the fault.
func Skip(n int, f Fault) Fault {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if seen.Add(1) > int64(n) {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// RetryAfter adds a Retry-After header, in any form, to a fault's answer.
func RetryAfter(value string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Retry-After", value)
		f(w, r, next)
	}
}

// Answer answers with a status and an error body. A status of 200 makes the
// error look like success.
func Answer(status int, code, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		fail(w, status, code, message)
	}
}

// Throttled answers as the gateway does when there were too many requests.
func Throttled() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		throttled(w, 100)
	}
}

// Body answers with a status, a content type and a text.
func Body(status int, contentType, text string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		send(w, status, contentType, []byte(text))
	}
}

// HTML answers 200 with a page, as a captive portal or proxy would.
func HTML() Fault {
	return Body(http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><title>Welcome</title><p>Please sign in to the network.")
}

// NoData answers 200 with JSON that has neither data nor count.
func NoData() Fault {
	return Body(http.StatusOK, "application/json;charset=UTF-8", `{"offset":0,"limit":20}`)
}

// Redirect answers 302 with a location.
func Redirect(location string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, location, http.StatusFound)
	}
}

// Hang answers nothing until the client or the server gives the connection up.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		// A server notices that its client has gone only once the body of
		// the request is read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Cut closes the connection before any answer.
func Cut() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) {
		panic(http.ErrAbortHandler)
	}
}

// CutBody closes the connection in the middle of the usual answer's body. The
// request takes effect: a token given out so lives on unknown to the client.
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

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// oversize is the size of Oversize's answer in bytes: over 64 MiB.
const oversize = 65 << 20

// Oversize streams an answer of more than 64 MiB: valid JSON, which begins
// like a history without meetings, so that who fails to bound it reads just that.
func Oversize() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
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
