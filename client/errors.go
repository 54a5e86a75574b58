package client

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Reason is the kind of a failure.
type Reason string

// The reasons of failures.
const (
	// Auth means that the service refused the sign-in or rejected the token of
	// a new sign-in, that the client still waits after such a refusal, or that
	// the secret cannot be read.
	Auth Reason = "auth"
	// Permission means that this user may not list the history.
	Permission Reason = "permission"
	// Throttled means that the service received too many requests.
	Throttled Reason = "throttled"
	// Server means that the service responded with a 5xx.
	Server Reason = "server"
	// Network means that no complete response arrived.
	Network Reason = "network"
	// Response means that the response is not one of this API.
	Response Reason = "response"
	// Incomplete means that fewer records arrived than a listing announced.
	Incomplete Reason = "incomplete"
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{Auth, Permission, Throttled, Server, Network, Response, Incomplete}
}

// ReasonOf returns the reason of an Error in the chain of err. It returns false
// if there is none.
func ReasonOf(err error) (Reason, bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason, true
	}
	return "", false
}

// Error is a failed operation of the API.
type Error struct {
	// Op names the operation, such as "sign in".
	Op     string
	Reason Reason
	// Status is the HTTP status, or 0 if no complete response arrived.
	Status int
	// Code and RequestID are the service's error_code and request ID, or empty.
	// Its message is dropped, because it may name persons.
	Code, RequestID string
	// Err is the cause. It contains no secret.
	Err error

	retryAfter time.Duration // how long the service asks to wait
	sent       bool          // the request may have reached the service
}

// Error returns the operation, the cause, the status, the code and the request ID.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.Status)
		if e.Code != "" {
			fmt.Fprintf(&b, " %s", e.Code)
		}
		if e.RequestID != "" {
			fmt.Fprintf(&b, " (request id %s)", e.RequestID)
		}
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// WrongCredentials reports whether the code means a wrong key, a wrong password
// or an expired signature. The vendor's client SDK lists these codes.
func (e *Error) WrongCredentials() bool {
	return e.hasCode("206010000", "206010025") || e.ExpiredSignature()
}

// ExpiredSignature reports whether the code means an expired signature. The
// local clock then differs from the service's.
func (e *Error) ExpiredSignature() bool { return e.hasCode("206010057") }

// UnknownUser reports whether the code means a user that the service does not
// know or that is inactive.
func (e *Error) UnknownUser() bool { return e.hasCode("201040000", "206030000", "206010007") }

// deadToken reports whether the service rejects the token. It may say so in
// several ways (API page: error codes).
func (e *Error) deadToken() bool {
	switch e.Status {
	case http.StatusUnauthorized:
		return true
	case http.StatusOK, http.StatusBadRequest, http.StatusForbidden:
		return strings.HasPrefix(e.Code, "USG.") || e.Code == "MBI.000000004" || e.hasCode("111070111")
	}
	return false
}

// throttled reports whether the code means that the gateway received too many
// requests (API page: error codes).
func (e *Error) throttled() bool { return e.Code == "APIGW.0308" || e.Code == "APIG.0308" }

// hasCode compares codes without their prefix ("USG."), which is documented for
// some of them only.
func (e *Error) hasCode(numbers ...string) bool {
	_, number, found := strings.Cut(e.Code, ".")
	if !found {
		number = e.Code
	}
	return slices.Contains(numbers, number)
}
