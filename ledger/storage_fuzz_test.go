package ledger_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
)

// FuzzStorage opens a stored ledger in which bytes were changed: the result is
// the ledger as it was or an error, never a crash, and after an error the file
// is as it was.
func FuzzStorage(f *testing.F) {
	whole, truth := storedLedger(f)
	for seed := range uint64(20) {
		f.Add(randomBytes(rand.New(rand.NewPCG(seed, 0)), 40))
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		openDamaged(t, damage(whole, changes), truth)
	})
}

// TestDamagedPagesAreFound does what FuzzStorage does, for seeds that are the
// same every time, and goes for the headers of pages besides.
func TestDamagedPagesAreFound(t *testing.T) {
	whole, truth := storedLedger(t)
	refused := 0
	for seed := range uint64(400) {
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			content := damage(whole, randomBytes(r, 4))
			for range r.IntN(4) {
				page := r.IntN(len(content) / 4096)
				content[page*4096+r.IntN(80)] = byte(r.IntN(20)) // small numbers are pages, flags and counts
			}
			if !openDamaged(t, content, truth) {
				refused++
			}
		})
	}
	if refused < 50 {
		t.Errorf("only %d of 400 files were refused", refused)
	}
}

// storedLedger returns the file of a ledger large enough to have branches and
// free pages, and what it shows.
func storedLedger(t testing.TB) (content string, truth sumsOf) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path, defaults(), owner, noon)
	if err != nil {
		t.Fatal(err)
	}
	meetings := manyMeetings(400)
	for i := range 4 {
		at := noon.Add(time.Duration(i) * time.Minute)
		p := ledger.Poll{Sweep: true, From: l.SweepFrom(at), Began: at, Ended: at, Meetings: ledger.BatchOf(meetings[:100*(i+1)]...)}
		if err := l.Apply(p, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return read(path), l.Unheld()
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// damage changes a byte for every four of the changes: three say where.
func damage(whole string, changes []byte) []byte {
	content := []byte(whole)
	for ; len(changes) >= 4; changes = changes[4:] {
		at := int(changes[0])<<16 | int(changes[1])<<8 | int(changes[2])
		content[at%len(content)] = changes[3]
	}
	return content
}

// openDamaged reports whether the file was accepted.
func openDamaged(t *testing.T, content []byte, truth sumsOf) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(path, defaults(), owner, noon)
	if err != nil {
		if !errors.Is(err, ledger.ErrStorage) {
			t.Errorf("got error %v", err)
		}
		if read(path) != string(content) {
			t.Error("the file was changed")
		}
		return false
	}
	defer l.Close()
	if got := l.Unheld(); len(got) > 0 { // an older commit may be the one that is whole
		for labels, sums := range got {
			if falls(sums, truth[labels]) {
				t.Errorf("%v is %+v, more than %+v", labels, sums, truth[labels])
			}
		}
	}
	if err := l.Apply(ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: ledger.BatchOf(manyMeetings(400)...)}, noon); err != nil {
		t.Errorf("accepted, but not fit to be written: %v", err)
	}
	return true
}
