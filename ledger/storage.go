package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrStorage is in the chain of every error of reading or writing the file.
var ErrStorage = errors.New("ledger storage")

// ErrOwner is in the chain if the file belongs to another owner.
var ErrOwner = errors.New("counts the meetings of another endpoint, app ID or account, user or enterprise: name a file for each")

const (
	lockTimeout = time.Second
	lockRetry   = 50 * time.Millisecond
	fileMode    = 0o600
)

// storage keeps a ledger in a journal (rule 7).
type storage struct {
	path    string // without symbolic links, so that a rename replaces the file and not a link
	owner   [sha256.Size]byte
	codec   codec
	lock    *flock.Flock
	sync    func(*os.File) error
	journal *journal // nil if the next turn must rewrite the file
	// inDoubt is set when a write failed and the file must be read again.
	inDoubt bool
	closed  bool
}

// Open returns a ledger that is kept in the file at path. If the file is
// missing or empty, the ledger is a new one, created at the given time.
// Otherwise the ledger is as it was when the last Apply, ReleaseHeld or Seed
// returned without error, or as the next one would have left it.
//
// The owner says whose meetings are counted. Open refuses a file of another
// owner (ErrOwner), a file that is in use, damaged or of a newer format, and a
// place that cannot be written. It leaves such a file as it is, and returns an
// ErrStorage of one line that says what to do.
//
// Every change is synced to the file before it is published. The ledger holds a
// lock on path + ".lock" until Close.
func Open(path string, cfg Config, owner string, created time.Time) (*Ledger, error) {
	l := New(cfg, created)
	if err := l.open(path, owner); err != nil {
		return nil, fmt.Errorf("%w: %s %w", ErrStorage, path, err)
	}
	l.publish()
	return l, nil
}

// ReadFile returns the ledger that WriteFile or Open has kept in the file at
// path, in memory only. It takes no lock and leaves the file as it is. Errors
// are those of Open. A missing file is an error that wraps fs.ErrNotExist.
func ReadFile(path string, cfg Config, owner string) (*Ledger, error) {
	l := New(cfg, time.Time{})
	s, err := newStorage(path, owner)
	if err == nil {
		err = s.read(l, os.O_RDONLY)
	}
	if err == nil && s.journal == nil {
		err = damaged(errors.New("it is empty"))
	}
	if s != nil {
		s.close()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s %w", ErrStorage, path, err)
	}
	l.publish()
	return l, nil
}

// WriteFile writes the whole ledger to a file of its own, for ReadFile or Open.
// It replaces the file at path atomically, and takes no lock. Only the
// goroutine that changes the ledger may call it. An error is an ErrStorage.
func (l *Ledger) WriteFile(path, owner string) error {
	s, err := newStorage(path, owner)
	if err == nil {
		err = s.rewrite(l.newTurn())
	}
	if err != nil {
		return fmt.Errorf("%w: write %s: %w", ErrStorage, path, err)
	}
	s.close()
	return nil
}

// Close closes the file, if there is one, and gives up its lock. The ledger must
// not be changed afterwards.
func (l *Ledger) Close() error {
	if l.storage == nil {
		return nil
	}
	l.storage.close()
	l.storage.closed = true
	if err := l.storage.lock.Close(); err != nil {
		return fmt.Errorf("%w: close: %w", ErrStorage, err)
	}
	return nil
}

func (l *Ledger) open(path, owner string) error {
	s, err := newStorage(path, owner)
	if err != nil {
		return err
	}
	if err := s.takeLock(); err != nil {
		return err
	}
	if err := s.read(l, os.O_RDWR); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.close()
		_ = s.lock.Close() // the error of reading says more
		return err
	}
	s.removeLeftovers()
	l.storage = s
	return nil
}

func newStorage(path, owner string) (*storage, error) {
	path, err := resolveLinks(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened: %w", err)
	}
	s := &storage{path: path, owner: sha256.Sum256([]byte(owner)), sync: (*os.File).Sync}
	if s.codec, err = newCodec(); err != nil {
		return nil, err
	}
	return s, s.checkKind()
}

// resolveLinks follows symbolic links. The file itself may be missing.
func resolveLinks(path string) (string, error) {
	const maxLinks = 40 // as in Linux
	for range maxLinks {
		directory, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(directory, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(directory, target)
		}
		path = target
	}
	return "", errors.New("too many symbolic links")
}

// checkKind refuses what is not a file. Opening a pipe would block.
func (s *storage) checkKind() error {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot be read: %w", err)
	case info.IsDir():
		return errors.New("is a directory: name a file in it")
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	}
	return nil
}

// takeLock locks a file beside the journal: a rewrite would lose a lock on the
// journal itself. It proves that the place can be written.
func (s *storage) takeLock() error {
	s.lock = flock.New(s.path+".lock", flock.SetPermissions(fileMode))
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	switch _, err := s.lock.TryLockContext(ctx, lockRetry); {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("is in use by another process: each exporter needs a file of its own")
	case err != nil:
		return fmt.Errorf("cannot be written: %w", err)
	}
	return nil
}

// removeLeftovers removes files of rewrites that a crash has interrupted. An
// error is no harm: the files only take space.
func (s *storage) removeLeftovers() {
	directory, prefix := filepath.Dir(s.path), "."+filepath.Base(s.path)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, e := range entries {
		random, found := strings.CutPrefix(e.Name(), prefix)
		if found && random != "" && strings.Trim(random, "0123456789") == "" {
			_ = os.Remove(filepath.Join(directory, e.Name()))
		}
	}
}

// close closes the journal.
func (s *storage) close() {
	if s.journal != nil {
		_ = s.journal.file.Close() // every frame is synced
		s.journal = nil
	}
}
