package ledger

import (
	"fmt"
	"os"
)

// commit stores a turn, if the ledger is kept in a file. After an error the
// file holds the turn or not, and the next turn makes it hold what the ledger
// knows.
func (l *Ledger) commit(t *turn) error {
	if l.storage == nil {
		return nil
	}
	err := os.ErrClosed
	if !l.storage.closed {
		err = l.storage.commit(t)
	}
	if err != nil {
		return fmt.Errorf("%w: commit: %w", ErrStorage, err)
	}
	return nil
}

func (s *storage) commit(t *turn) error {
	if err := s.checkLock(); err != nil {
		return err
	}
	if s.journal == nil || !s.journal.isAt(s.path) {
		return s.rewrite(t)
	}
	if s.journal.size > s.journal.rewriteAt {
		s.rewriteErr = s.rewrite(t)
		if s.rewriteErr == nil || s.journal == nil {
			return s.rewriteErr
		}
		// The old journal is as it was. An append needs less space.
		s.journal.rewriteAt = rewriteAfter(s.journal.size)
	}
	return s.append(t)
}

// append writes a turn to the end of the journal, and syncs it.
func (s *storage) append(t *turn) error {
	payload, err := s.codec.enc.Marshal(t.record())
	if err != nil {
		return err
	}
	frame, err := appendFrame(nil, s.journal.frames, payload)
	if err != nil {
		return err
	}
	if _, err := s.journal.file.WriteAt(frame, s.journal.size); err != nil {
		return s.cutBack(err)
	}
	if err := s.sync(s.journal.file); err != nil {
		// The kernel may drop pages after a failed fsync, so only a rewrite stores
		// them.
		s.close()
		return err
	}
	s.journal.size += int64(len(frame))
	s.journal.frames++
	return nil
}

// cutBack removes a part of a frame after a failed write, and returns the error
// of that write. It syncs the file: if a shorter frame reached the disk before
// the cut, the rest of this one would follow it.
func (s *storage) cutBack(writeErr error) error {
	err := s.journal.file.Truncate(s.journal.size)
	if err == nil {
		err = s.sync(s.journal.file)
	}
	if err != nil {
		s.close()
		return fmt.Errorf("%w; cut back: %w", writeErr, err)
	}
	return writeErr
}

// rewrite replaces the journal by one that holds the state after the turn. The
// whole file is built in memory. After an error the journal is as it was, or
// s.journal is nil.
func (s *storage) rewrite(t *turn) error {
	content, err := s.codec.encodeFile(s.owner, t.wholeRecord())
	if err != nil {
		return err
	}
	if err := s.replaceFile(content); err != nil {
		return err
	}
	s.close()
	if err := s.syncDirectory(); err != nil {
		return err
	}
	// The turn is stored. If the file cannot be opened now, the next turn
	// rewrites it.
	if file, err := os.OpenFile(s.path, os.O_RDWR, 0); err == nil {
		size := int64(len(content))
		s.journal = &journal{file: file, size: size, frames: rewrittenFrames, rewriteAt: rewriteAfter(size)}
	}
	s.rewriteErr = nil
	return nil
}

// close closes the journal. The next turn rewrites it.
func (s *storage) close() {
	if s.journal != nil {
		_ = s.journal.file.Close() // every frame is synced
		s.journal = nil
	}
}

// journal is a journal that this process has rewritten and holds open.
type journal struct {
	file   *os.File
	size   int64
	frames uint64
	// rewriteAt is the size beyond which the journal should be rewritten.
	rewriteAt int64
}

// isAt reports whether the journal is still the file at the path, and as long
// as it was left. Somebody may have removed, replaced or changed the file.
func (j *journal) isAt(path string) bool {
	opened, err := j.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, there) && there.Size() == j.size
}

// rewriteAfter returns the size at which a journal should be rewritten that
// has the given size now. Rewrites then take no longer than appends.
func rewriteAfter(size int64) int64 {
	const slack = 1 << 20 // small journals are not rewritten all the time
	return 2*size + slack
}
