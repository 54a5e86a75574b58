package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
)

const contentTypeJSON = "application/json;charset=UTF-8"

// writeError sends the error body that the gateway and the service share.
func writeError(w http.ResponseWriter, status int, code, message string) {
	writeBody(w, status, contentTypeJSON, errorBody(w, code, message))
}

func errorBody(w http.ResponseWriter, code, message string) []byte {
	body, _ := json.Marshal(map[string]string{ // strings never fail
		"error_code": code,
		"error_msg":  message,
		"request_id": w.Header().Get("X-Request-Id"),
	})
	return body
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeBody(w, status, contentTypeJSON, body)
}

// writeHalf sends a response whose body breaks off in the middle.
func writeHalf(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// writeBody sends a whole response, in gzip format if the client accepts it. It
// ignores a client that has gone.
func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	if _, ok := w.(compressing); ok && len(body) >= minCompressed {
		w.Header().Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
