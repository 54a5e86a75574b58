package ledger

import (
	"io"
	"os"
	"time"
)

// Unheld returns a snapshot as it would be if nothing were held.
func (l *Ledger) Unheld() *Snapshot {
	s := l.newSnapshot()
	s.state.fixedReleased, s.state.attendance.released = true, true
	for i := range s.series {
		s.series[i].held, s.series[i].attended.held = false, false
	}
	for i := range s.attendees {
		s.attendees[i].held = false
	}
	return s
}

// Horizon returns the start before which nothing is counted any more.
func (l *Ledger) Horizon() time.Time { return l.state.horizon }

// OpenSyncing opens a ledger whose file and directory are synced by f.
func OpenSyncing(path string, cfg Config, owner string, created time.Time, f func(*os.File) error) (*Ledger, error) {
	return open(path, cfg, owner, created, f)
}

// SetSync makes f sync the file, its directory and the temporary files.
func (l *Ledger) SetSync(f func(*os.File) error) { l.storage.sync = f }

// RewriteNext makes the next turn rewrite the file.
func (l *Ledger) RewriteNext() {
	if l.storage.journal != nil {
		l.storage.journal.rewriteAt = 0
	}
}

// Frames returns a journal with the given payloads, from frame 0.
func Frames(payloads ...[]byte) []byte {
	var file []byte
	for i, payload := range payloads {
		file, _ = appendFrame(file, uint64(i), payload)
	}
	return file
}

// Payloads returns the payloads of a journal.
func Payloads(file io.ReaderAt, size int64) (payloads [][]byte, err error) {
	err = readFrames(file, size, func(_ uint64, payload []byte) error {
		payloads = append(payloads, append([]byte{}, payload...))
		return nil
	})
	return payloads, err
}

// AllPending returns the pending meetings, the first seen first, and of those the
// one that ended first.
func (l *Ledger) AllPending() []Pending {
	var all []Pending
	before := map[string]bool{}
	for {
		next, _, ok := l.NextPending(func(p Pending) time.Time {
			if before[p.UUID] {
				return time.Unix(1<<40, 0)
			}
			return p.Seen
		})
		if !ok || before[next.UUID] {
			return all
		}
		before[next.UUID] = true
		all = append(all, next)
	}
}
