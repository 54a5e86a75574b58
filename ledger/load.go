package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/fxamacker/cbor/v2"
)

// errEmpty means that the file is empty, as an interrupted copy or an operator
// may leave it.
var errEmpty = damaged(errors.New("it is empty"))

// load replays the journal into a new ledger. A missing file is an error that
// wraps fs.ErrNotExist. The flag is that of os.OpenFile.
func (s *storage) load(l *Ledger, flag int) error {
	file, err := os.OpenFile(s.path, flag, 0)
	switch {
	case errors.Is(err, fs.ErrPermission) && flag != os.O_RDONLY:
		return fmt.Errorf("cannot be written: %w", err)
	case err != nil:
		return fmt.Errorf("cannot be opened: %w", err)
	}
	defer file.Close()
	if err := s.replay(l, file); err != nil || flag == os.O_RDONLY {
		return err
	}
	// The process that wrote the last frame may have died before it synced it.
	if err = s.sync(file); err == nil {
		err = s.syncDirectory()
	}
	if err != nil {
		return fmt.Errorf("cannot be synced: %w", err)
	}
	return nil
}

func (s *storage) replay(l *Ledger, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if info.Size() == 0 {
		return errEmpty
	}
	if isFirstFormat(file) {
		return errors.New("is a ledger of the first format, a bbolt database: move it away to start with a new baseline")
	}
	frames := 0
	err = readFrames(file, info.Size(), func(sequence uint64, payload []byte) error {
		frames++
		return s.replayFrame(l, sequence, payload)
	})
	switch {
	case errors.As(err, new(readError)), errors.Is(err, errNewer):
		return fmt.Errorf("cannot be read: %w", err)
	case errors.Is(err, ErrOwner):
		return ErrOwner
	case err != nil:
		return damaged(err)
	case frames < rewrittenFrames:
		return damaged(errIncomplete)
	}
	l.sumWindows()
	return nil
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
	if err := s.codec.decode(payload, &r, cbor.ExtraDecErrorUnknownField); err != nil {
		return err
	}
	return l.replay(&r, sequence == 1)
}

// isFirstFormat reports whether the file is a bbolt database: its first page
// has a header of 16 bytes and then a magic number, in the byte order of the
// machine.
func isFirstFormat(file io.ReaderAt) bool {
	const magic, offset = 0xED0CDAED, 16
	var b [4]byte
	_, err := file.ReadAt(b[:], offset)
	return err == nil && binary.NativeEndian.Uint32(b[:]) == magic
}

func damaged(err error) error {
	return fmt.Errorf("is damaged, or not a ledger: move it away to start with a new baseline, or restore a copy: %w", err)
}
