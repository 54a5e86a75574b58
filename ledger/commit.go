package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// read reads the journal into a new ledger and keeps it open. An empty file is
// no error; s.journal is nil then.
func (s *storage) read(l *Ledger, flag int) error {
	file, err := os.OpenFile(s.path, flag, 0)
	switch {
	case errors.Is(err, fs.ErrPermission) && flag != os.O_RDONLY:
		return fmt.Errorf("cannot be written: %w", err)
	case err != nil:
		return fmt.Errorf("cannot be opened: %w", err)
	}
	if s.journal, err = s.replay(l, file); err != nil || s.journal == nil {
		file.Close()
	}
	return err
}

// replay replays the file into a new ledger. It returns nil if the file is
// empty.
func (s *storage) replay(l *Ledger, file *os.File) (*journal, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if info.Size() == 0 {
		return nil, nil
	}
	if isFirstEdition(file) {
		return nil, errors.New("is a ledger of a version before 2, which stored bbolt databases: move it away to start with a new baseline")
	}
	j := &journal{file: file, sync: s.sync}
	j.size, err = readFrames(file, info.Size(), func(sequence uint64, end int64, payload []byte) error {
		j.next = sequence + 1
		if sequence == 1 {
			j.rewriteAt = rewriteAfter(end)
		}
		return s.replayFrame(l, sequence, payload)
	})
	switch {
	case errors.As(err, new(readError)):
		return nil, fmt.Errorf("cannot be read: %w", err)
	case errors.Is(err, ErrOwner):
		return nil, ErrOwner
	case errors.Is(err, errNewer):
		return nil, fmt.Errorf("cannot be read: %w", err)
	case err != nil:
		return nil, damaged(err)
	case j.next < 2: // a rewrite writes two frames before it renames
		return nil, damaged(errIncomplete)
	}
	j.torn = j.size < info.Size()
	l.sumWindows()
	return j, nil
}

func (s *storage) replayFrame(l *Ledger, sequence uint64, payload []byte) error {
	if sequence == 0 {
		head, err := s.codec.decodeHead(payload)
		if err == nil && head.Owner != s.owner {
			return ErrOwner
		}
		return err
	}
	var r turnRecord
	if err := s.codec.decode(payload, &r); err != nil {
		return err
	}
	return l.replay(&r, sequence == 1)
}

// isFirstEdition reports whether the file is a bbolt database: its first page
// has a header of 16 bytes and then a magic number, in the byte order of the
// machine.
func isFirstEdition(file io.ReaderAt) bool {
	const magic, offset = 0xED0CDAED, 16
	var b [4]byte
	_, err := file.ReadAt(b[:], offset)
	return err == nil && binary.NativeEndian.Uint32(b[:]) == magic
}

func damaged(err error) error {
	return fmt.Errorf("is damaged, or not a ledger: move it away to start with a new baseline, or restore a copy: %w", err)
}

// commit stores a turn, if the ledger is kept in a file.
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
	if s.journal == nil {
		return s.rewrite(t)
	}
	if s.journal.size > s.journal.rewriteAt {
		err := s.rewrite(t)
		if err == nil || s.inDoubt {
			return err
		}
		// The old journal is as it was. An append needs less space.
		s.journal.rewriteAt = s.journal.size + rewriteSlack
	}
	payload, err := s.codec.enc.Marshal(t.record())
	if err != nil {
		return err
	}
	err = s.journal.append(payload)
	s.inDoubt = s.journal.inDoubt
	return err
}

// rewrite replaces the file by one that holds the state after the turn. After an
// error the file is as it was, or in doubt.
func (s *storage) rewrite(t *turn) error {
	data, err := s.codec.encodeFile(s.owner, t.wholeRecord())
	if err != nil {
		return err
	}
	if err := replaceFile(s.path, data); err != nil {
		return err
	}
	s.close()
	if err := syncDirectory(s.path, s.sync); err != nil {
		s.inDoubt = true
		return err
	}
	// The turn is stored. If the file cannot be opened now, the next turn
	// rewrites it.
	if file, err := os.OpenFile(s.path, os.O_RDWR, 0); err == nil {
		size := int64(len(data))
		s.journal = &journal{file: file, sync: s.sync, size: size, next: 2, rewriteAt: rewriteAfter(size)}
	}
	return nil
}

// readAgain reads the file again if the last write left it in doubt. The ledger
// then goes on from what the file says: a turn that is there is committed,
// although its commit failed. The next turn rewrites the file: after a failed
// sync, later syncs do not write what it has not written.
func (l *Ledger) readAgain() error {
	s := l.storage
	if s == nil || !s.inDoubt {
		return nil
	}
	s.close()
	fresh := New(l.cfg, l.state.created)
	err := s.read(fresh, os.O_RDWR)
	stored := s.journal != nil
	s.close()
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: read %s again: it %w", ErrStorage, s.path, err)
	case stored:
		l.adopt(fresh)
	}
	s.inDoubt = false
	return nil
}

// adopt makes the ledger what its file says. Counters that were never published
// are held: nobody has seen their 0 (rule 6).
func (l *Ledger) adopt(fresh *Ledger) {
	for key, s := range fresh.series {
		if s.counted && !l.series[key].counted {
			s.held = true
			fresh.series[key] = s
		}
	}
	l.state, l.names, l.series, l.meetings = fresh.state, fresh.names, fresh.series, fresh.meetings
}
