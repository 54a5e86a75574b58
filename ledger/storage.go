package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gofrs/flock"
)

// ErrStorage is in the chain of every error of reading or writing the file.
var ErrStorage = errors.New("ledger storage")

// ErrOwner is in the chain if the file belongs to another owner.
var ErrOwner = errors.New("counts the meetings of another endpoint, app ID or account, user or enterprise: name a file for each")

// storage keeps a ledger in a journal (rule 7).
type storage struct {
	path    string // as findPlace returns it
	owner   [sha256.Size]byte
	codec   codec
	lock    *flock.Flock // nil for a file that Open has not opened
	sync    func(*os.File) error
	journal *journal // nil if the next turn must rewrite the file
	// rewriteErr is why the last rewrite failed that was only due to the size of
	// the journal.
	rewriteErr error
	closed     bool
}

// Open returns a ledger that is kept in the file at path. If the file is
// missing or empty, the ledger is a new one, created at the given time.
// Otherwise the ledger is as it was when the last Apply, ReleaseHeld or Seed
// returned without error, or as the next one would have left it.
//
// The owner says whose meetings are counted. Open refuses a file of another
// owner (ErrOwner), a file that is in use, damaged or of a newer format, and a
// place where a file cannot be replaced. It leaves such a file as it is, and
// returns an ErrStorage of one line that says what to do.
//
// Every change is synced to the file before it is published. The first one
// rewrites the file. The ledger holds a lock on path + ".lock" until Close.
func Open(path string, cfg Config, owner string, created time.Time) (*Ledger, error) {
	return open(path, cfg, owner, created, (*os.File).Sync)
}

func open(path string, cfg Config, owner string, created time.Time, sync func(*os.File) error) (*Ledger, error) {
	l := newLedger(cfg, created)
	s, err := newStorage(path, owner, sync)
	if err == nil {
		err = s.open(l)
	}
	if err != nil {
		return nil, storageError(path, err)
	}
	l.storage = s
	l.beginAttendance(created)
	l.publish()
	return l, nil
}

// open locks the file and loads a new ledger from it.
func (s *storage) open(l *Ledger) error {
	if err := s.takeLock(); err != nil {
		return err
	}
	err := s.load(l, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEmpty) {
		err = nil
	}
	if err == nil {
		err = s.proveReplaceable()
	}
	if err != nil {
		_ = s.lock.Close() // the other error says more
		return err
	}
	s.removeLeftovers()
	return nil
}

// ReadFile returns the ledger that WriteFile or Open has kept in the file at
// path, in memory only. It takes no lock and leaves the file as it is. Errors
// are those of Open. A missing file is an error that wraps fs.ErrNotExist.
func ReadFile(path string, cfg Config, owner string) (*Ledger, error) {
	l := newLedger(cfg, time.Time{})
	s, err := newStorage(path, owner, (*os.File).Sync)
	if err == nil {
		err = s.load(l, os.O_RDONLY)
	}
	if err != nil {
		return nil, storageError(path, err)
	}
	l.publish()
	return l, nil
}

// WriteFile writes the whole ledger to a file of its own, for ReadFile or Open.
// It replaces the file at path atomically, and takes no lock: only one process
// may write that file. An error is an ErrStorage.
func (l *Ledger) WriteFile(path, owner string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := newStorage(path, owner, (*os.File).Sync)
	if err == nil {
		s.removeLeftovers()
		err = s.rewrite(l.newTurn())
		s.close()
	}
	if err != nil {
		return storageError(path, fmt.Errorf("cannot be written: %w", err))
	}
	return nil
}

// RewriteError returns why the file keeps growing: the last attempt to rewrite
// it failed. Turns are stored nevertheless. It returns nil if there is no such
// problem.
func (l *Ledger) RewriteError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.storage == nil {
		return nil
	}
	return l.storage.rewriteErr
}

// Close closes the file, if there is one, and gives up its lock. The ledger must
// not be changed afterwards.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
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

func newStorage(path, owner string, sync func(*os.File) error) (*storage, error) {
	path, err := findPlace(path)
	if err != nil {
		return nil, err
	}
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &storage{path: path, owner: sha256.Sum256([]byte(owner)), codec: codec, sync: sync}, nil
}

// storageError returns an error of one line about the file at path.
func storageError(path string, err error) error {
	if strings.ContainsFunc(path, unicode.IsControl) {
		path = strconv.Quote(path)
	}
	return fmt.Errorf("%w: %s %w", ErrStorage, path, err)
}
