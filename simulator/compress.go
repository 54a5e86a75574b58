package simulator

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// minCompressed is the smallest body that the gateway compresses, in bytes.
const minCompressed = 1 << 10

// compressing is a response to a client that accepts gzip. See writeBody.
type compressing struct{ http.ResponseWriter }

// Unwrap lets an http.ResponseController find the methods of the server.
func (c compressing) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// acceptsGzip reports whether a request asks for a gzip response.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";q=")
		if strings.EqualFold(name, "gzip") {
			q, err := strconv.ParseFloat(quality, 64)
			return err != nil || q > 0
		}
	}
	return false
}

// compressors holds idle writers. Each needs about 1 MB.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for an invalid level
	return w
}}

// compress returns a body in gzip format.
func compress(body []byte) []byte {
	var b bytes.Buffer
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	_, _ = w.Write(body) // a buffer never fails
	_ = w.Close()
	return b.Bytes()
}
