package soak_test

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// trace is the history of a seed as text: every request, poll, scrape and
// action of the driver. Its digest tells whether two runs were the same. Its
// end is shown when a seed fails.
type trace struct {
	mu    sync.Mutex
	sum   hash.Hash
	lines []string // the last ones
}

const shownLines = 60

var hashSeed = maphash.MakeSeed()

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

// noteScrape notes a scrape by the sum of a hash of each sample.
func (t *trace) noteScrape(s samples, delivers bool) {
	var sum uint64
	for name, value := range s {
		sum += maphash.Comparable(hashSeed, struct {
			series
			float64
		}{name, value})
	}
	t.note("scrape of %d samples, delivered: %v, hash %x", len(s), delivers, sum)
}

func (t *trace) digest() string { return fmt.Sprintf("%x", t.sum.Sum(nil)) }

func (t *trace) tail() string {
	return strings.Join(t.lines[max(0, len(t.lines)-shownLines):], "\n")
}
