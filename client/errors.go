package client

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Reason is the kind of a failure: what an operator must look at.
type Reason string

// The reasons of failures.
const (
	// Auth: the sign-in was refused, a new sign-in did not cure a 401, or the
	// next sign-in is held back.
	Auth Reason = "auth"
	// Permission: the service does not let this user list history.
	Permission Reason = "permission"
	// Throttled: the service says that it is asked too often.
	Throttled Reason = "throttled"
	// Server: the service answered with a 5xx.
	Server Reason = "server"
	// Network: no complete answer came.
	Network Reason = "network"
	// Response: the answer is not one that this API gives.
	Response Reason = "response"
	// Incomplete: a listing brought fewer records than it announced.
	Incomplete Reason = "incomplete"
)

// Error is a failed operation on the service.
type Error struct {
	// Op is the operation, such as "sign in".
	Op     string
	Reason Reason
	// Status is the HTTP status, or 0 if no complete answer came.
	Status int
	// Code and RequestID are the service's error_code and request id, empty
	// where it sent none. Its message is dropped: it may name persons.
	Code, RequestID string
	// Err is the cause in words; it holds no secret.
	Err error
}

// Error names the operation, the cause and what the service said.
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

// ReasonOf returns the reason of a failure, and false if err is none of the
// client's.
func ReasonOf(err error) (Reason, bool) {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason, true
	}
	return "", false
}

// word is an error code or a request id, as a string or a number. Both come
// from the network and end in logs, so that anything else is dropped.
type word string

var wordPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

func newWord(s string) word {
	if !wordPattern.MatchString(s) {
		return ""
	}
	return word(s)
}

// UnmarshalJSON never fails.
func (w *word) UnmarshalJSON(b []byte) error {
	if s := string(bytes.Trim(b, `"`)); s != "null" {
		*w = newWord(s)
	}
	return nil
}

// WrongCredentials tells that the service named the key, the password or the
// signature's age as wrong, by the numbers that the vendor's clients know.
func (e *Error) WrongCredentials() bool {
	return e.hasCode("206010000", "206010025") || e.ExpiredSignature()
}

// ExpiredSignature tells that the service holds the signature for too old:
// the clocks differ.
func (e *Error) ExpiredSignature() bool { return e.hasCode("206010057") }

// UnknownUser tells that the service knows no such user, or holds it for
// inactive.
func (e *Error) UnknownUser() bool { return e.hasCode("201040000", "206030000", "206010007") }

// hasCode compares without the prefix, which is not certain on the wire.
func (e *Error) hasCode(numbers ...string) bool {
	_, number, found := strings.Cut(e.Code, ".")
	if !found {
		number = e.Code
	}
	return slices.Contains(numbers, number)
}

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{Auth, Permission, Throttled, Server, Network, Response, Incomplete}
}
