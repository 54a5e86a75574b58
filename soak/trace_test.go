package soak_test

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// trace is the history of a seed as text: every request, poll and scrape and
// whatever the driver does. Its sum tells whether two runs were the same; its
// end is shown when a seed fails.
type trace struct {
	mu    sync.Mutex
	sum   hash.Hash
	lines []string
}

// shownLines is how much of a history is told of a failure.
const shownLines = 60

func newTrace() *trace { return &trace{sum: sha256.New()} }

func (t *trace) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := time.Now().UTC().Format("Jan 02 15:04:05.000000000 ") + fmt.Sprintf(format, args...)
	fmt.Fprintln(t.sum, line)
	if t.lines = append(t.lines, line); len(t.lines) > 2*shownLines {
		t.lines = append(t.lines[:0], t.lines[len(t.lines)-shownLines:]...)
	}
}

// noteSilently adds to the sum only: what is long and rarely read.
func (t *trace) noteSilently(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.sum, text)
}

func (t *trace) digest() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%x", t.sum.Sum(nil))
}

func (t *trace) tail() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines[max(0, len(t.lines)-shownLines):], "\n")
}
