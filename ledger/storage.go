package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrStorage is in the chain of every error of reading or writing the file.
var ErrStorage = errors.New("ledger storage")

// ErrOwner is in the chain if the file is another owner's.
var ErrOwner = errors.New("counts the meetings of another endpoint, app ID or account, user or enterprise: name a file for each")

// lockTimeout is how long to wait for a file that another process has open.
const lockTimeout = time.Second

// Open returns a ledger that is kept in the file at path. An empty or missing
// file is a new ledger, created at the given time; otherwise the ledger is as
// it was when the last Apply or Idle returned.
//
// The owner says whose meetings are counted: a file of another owner is
// refused. So is a file that is in use, damaged, or of a newer format. The
// file is then left as it is, and the error says what to do.
//
// Every Apply and Idle commits what it changed, in one transaction, before it
// publishes it. One process at a time may have the file open.
func Open(path string, cfg Config, owner string, created time.Time) (*Ledger, error) {
	l := New(cfg, created)
	l.owner = sha256.Sum256([]byte(owner))
	if err := l.open(path); err != nil {
		return nil, fmt.Errorf("%w: %s %w", ErrStorage, path, err)
	}
	l.publish()
	return l, nil
}

// Close closes the file, if there is one.
func (l *Ledger) Close() error {
	if l.db == nil {
		return nil
	}
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("%w: close: %w", ErrStorage, err)
	}
	return nil
}

// noTransaction is the number of none.
const noTransaction = -1

func (l *Ledger) open(path string) error {
	loaded, err := l.look(path)
	if err != nil {
		return err
	}
	return l.takeOver(path, loaded)
}

// look loads the file, if there is one, without a write: it must be fit for
// bbolt, which panics, loops or writes on a damaged one, and must be ours. It
// returns the number of the transaction that the ledger then holds.
func (l *Ledger) look(path string) (loaded int, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noTransaction, nil
	case err != nil:
		return noTransaction, fmt.Errorf("cannot be read: %w", err)
	case info.IsDir():
		return noTransaction, errors.New("is a directory: name a file in it")
	case !info.Mode().IsRegular():
		return noTransaction, errors.New("is not a regular file")
	case info.Size() == 0:
		return noTransaction, nil // a new ledger
	}
	err = l.withFile(path, true, func() error {
		err := l.inspect(path)
		loaded = l.txid()
		return err
	})
	return loaded, err
}

// takeOver opens the file for good. Another process may have made it, or
// written to it, since it was looked at.
func (l *Ledger) takeOver(path string, loaded int) error {
	return l.withFile(path, false, func() error {
		if l.txid() != loaded {
			if err := l.reload(); err != nil {
				return err
			}
		}
		if err := l.db.Update(func(tx *bolt.Tx) error { return prepare(tx, l.owner) }); err != nil {
			return fmt.Errorf("cannot be written: %w", err)
		}
		return nil
	})
}

// withFile opens the file and calls f. The file stays open unless it was
// opened read-only or f fails.
func (l *Ledger) withFile(path string, readOnly bool, f func() error) error {
	return guard(func() (err error) {
		l.db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, ReadOnly: readOnly, FreelistType: bolt.FreelistMapType})
		switch {
		case errors.Is(err, berrors.ErrTimeout):
			return errors.New("is in use by another process: each exporter needs a file of its own")
		case errors.As(err, new(syscall.Errno)):
			return fmt.Errorf("cannot be opened: %w", err)
		case err != nil:
			return damaged(err)
		}
		keep := false
		defer func() {
			if !keep {
				err = errors.Join(err, l.db.Close())
				l.db = nil
			}
		}()
		err = f()
		keep = err == nil && !readOnly
		return err
	})
}

// guard turns what bbolt does on pages that it cannot make sense of, a panic
// or a fault in the mapped file, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(fmt.Errorf("%v", r))
		}
	}()
	return f()
}

func damaged(err error) error {
	return fmt.Errorf("is damaged, or not a ledger: move it away to begin anew, or put back a copy: %w", err)
}

// inspect loads the open file without a write, if it is a sound ledger of this
// owner.
func (l *Ledger) inspect(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	defer file.Close()
	if err := verifyPages(file); err != nil {
		return damaged(err)
	}
	return l.reload()
}

// reload makes the ledger what the open file says, unless that is not one of
// this owner.
func (l *Ledger) reload() error {
	fresh := New(l.cfg, l.state.created)
	err := l.db.View(func(tx *bolt.Tx) error {
		if err := checkHead(tx, l.owner); err != nil {
			return err
		}
		return fresh.load(tx)
	})
	if err == nil {
		l.state, l.names, l.series, l.meetings = fresh.state, fresh.names, fresh.series, fresh.meetings
	}
	return err
}

// prepare makes sure that a new file says what it is.
func prepare(tx *bolt.Tx, owner [sha256.Size]byte) error {
	if tx.Bucket(headBucket) != nil {
		return nil
	}
	for _, name := range allBuckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	head := tx.Bucket(headBucket)
	if err := head.Put(versionKey, seal(versionKey, uint32(formatVersion))); err != nil {
		return err
	}
	return head.Put(ownerKey, seal(ownerKey, owner))
}

// checkHead tells whose file it is, and of which format.
func checkHead(tx *bolt.Tx, owner [sha256.Size]byte) error {
	head := tx.Bucket(headBucket)
	if head == nil {
		if name, _ := tx.Cursor().First(); name == nil {
			return nil // created, but never prepared
		}
		return damaged(errors.New("it has no head"))
	}
	var version uint32
	if err := unseal(versionKey, head.Get(versionKey), &version); err != nil {
		return damaged(err)
	}
	if version > formatVersion {
		return fmt.Errorf("was written by a newer version of the exporter, in format %d where this one knows %d: use that version, or another file", version, formatVersion)
	}
	var stored [sha256.Size]byte
	if err := unseal(ownerKey, head.Get(ownerKey), &stored); err != nil {
		return damaged(err)
	}
	if stored != owner {
		return ErrOwner
	}
	return nil
}

// commit writes a turn to the file, if there is one.
func (l *Ledger) commit(t *turn) error {
	if l.db == nil {
		return nil
	}
	before := l.txid()
	err := guard(func() error { return l.db.Update(t.write) })
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: commit: %w", ErrStorage, err)
	if l.txid() != before {
		// The transaction shows, although it failed: perhaps it is not on the
		// disk yet. The ledger must go on from what the file says.
		if reloadErr := guard(l.reload); reloadErr != nil {
			return errors.Join(err, reloadErr)
		}
	}
	return err
}

// txid is the number of the last transaction that shows.
func (l *Ledger) txid() (id int) {
	_ = guard(func() error {
		return l.db.View(func(tx *bolt.Tx) error {
			id = tx.ID()
			return nil
		})
	})
	return id
}
