package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockTimeout = time.Second
	lockRetry   = 50 * time.Millisecond
)

// takeLock locks a file beside the journal: a rewrite would lose a lock on the
// journal itself.
func (s *storage) takeLock() error {
	path := s.path + ".lock"
	// Opening a pipe would block.
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("cannot be locked: %s is not a regular file", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot be locked: %w", err)
	}
	s.lock = flock.New(path, flock.SetPermissions(fileMode))
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

// checkLock makes sure that the lock file is still the one that is locked.
// Otherwise another process may have locked a new one.
func (s *storage) checkLock() error {
	locked, err := s.lock.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(s.lock.Path()); err != nil || !os.SameFile(locked, there) {
		return fmt.Errorf("%s was removed or replaced, so another process may use the ledger: stop all of them, and start one", s.lock.Path())
	}
	return nil
}
