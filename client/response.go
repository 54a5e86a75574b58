package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/go-json-experiment/json"
)

// errNotJSON replaces errors of the decoder, which may quote the body.
var errNotJSON = errors.New("response is not the JSON of this API")

// unmarshal is json.Unmarshal with the errors of jsonError.
func unmarshal(body []byte, v any) error {
	return jsonError(body, json.Unmarshal(body, v, jsonOptions()))
}

// jsonError returns io.ErrUnexpectedEOF, wrapped, if a body is the beginning of
// a JSON text, and errNotJSON for any other error.
func jsonError(body []byte, err error) error {
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(body)) > 0 && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("response ends early: %w", io.ErrUnexpectedEOF)
	}
	return errNotJSON
}

// readDecodeError fills in what a response tells whose body cannot be decoded.
func (e *Error) readDecodeError(resp *http.Response, err error) {
	e.Reason, e.Status, e.RequestID, e.Err = Response, resp.StatusCode, headerRequestID(resp), err
	var code *errorCode
	switch {
	case errors.As(err, &code):
		e.Code = string(code.code)
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Reason = Network
	}
}

// readStatus fills in what a response tells that is no success. Callers change
// the reason if the status has a meaning of its own at their endpoint.
func (e *Error) readStatus(resp *http.Response, body []byte) {
	failure := parseFailure(body)
	e.Status, e.Code, e.RequestID = resp.StatusCode, string(failure.ErrorCode), headerRequestID(resp)
	if e.RequestID == "" {
		e.RequestID = string(failure.RequestID)
	}
	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests, s == http.StatusForbidden && e.throttled():
		e.Reason, e.Err = Throttled, errors.New("the service received too many requests")
	case s >= 500:
		e.Reason, e.Err = Server, errors.New("the service failed")
	case s == http.StatusProxyAuthRequired:
		e.Reason, e.Err = Network, &ProxyError{Status: s}
	case s/100 == 3:
		e.Reason, e.Err = Response, errors.New("redirected, so this is not the API's address")
	default:
		e.Reason, e.Err = Response, errors.New("unexpected response")
	}
}

func headerRequestID(resp *http.Response) string {
	return string(parseIdentifier(resp.Header.Get("X-Request-Id")))
}

// failsByStatus reports whether a status tells the reason of a failure, whatever
// the body is.
func failsByStatus(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }

// errorCode is the error_code of a response with status 200. It is an error if
// it is present. null and "" read as absent.
type errorCode struct {
	present bool
	code    identifier
}

// UnmarshalJSON never fails.
func (c *errorCode) UnmarshalJSON(value []byte) error {
	*c = errorCode{present: string(value) != "null" && string(value) != `""`}
	return c.code.UnmarshalJSON(value)
}

func (c *errorCode) Error() string { return "response holds an error code in spite of its status" }

// failure is the body of an error response (API page: error codes). Some calls
// send the older returnCode instead of error_code.
type failure struct {
	ErrorCode  identifier `json:"error_code"`
	RequestID  identifier `json:"request_id"`
	ReturnCode identifier `json:"returnCode"`
}

// parseFailure returns an empty failure for any other body, such as a page of
// a proxy.
func parseFailure(body []byte) failure {
	var f failure
	if err := unmarshal(body, &f); err != nil {
		return failure{}
	}
	if f.ErrorCode == "" {
		f.ErrorCode = f.ReturnCode
	}
	return f
}

// identifier is an error code or a request ID, sent as a string or a number. It
// goes into logs, so any text of another form reads as empty.
type identifier string

var identifierPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

func parseIdentifier(s string) identifier {
	if !identifierPattern.MatchString(s) {
		return ""
	}
	return identifier(s)
}

// UnmarshalJSON never fails.
func (id *identifier) UnmarshalJSON(value []byte) error {
	*id = ""
	if s := string(bytes.Trim(value, `"`)); s != "null" {
		*id = parseIdentifier(s)
	}
	return nil
}
