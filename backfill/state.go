package backfill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"huaweicloud_meeting_exporter/ledger"
)

// Beside the file of a finished day stands its state: the ledger at the last
// sample of the day. Another run continues from there. Only the last state is
// kept. If a store has the samples, the file is empty and only says that the day
// is finished.
const (
	filePrefix     = "meetings-"
	fileExtension  = ".om"
	sentExtension  = ".sent"
	stateExtension = ".state"
	unfinished     = ".part" // appended to the name of a file that is being written
	ownPrefix      = "backfill."
	lockName       = ownPrefix + "lock"
	settingsName   = ownPrefix + "json" // says which backfill the directory holds
)

func (r *run) path(d time.Time, extension string) string {
	return filepath.Join(r.Output, filePrefix+d.Format(time.DateOnly)+extension)
}

// finishedPath returns the path of the file that exists once a day is finished.
func (r *run) finishedPath(d time.Time) string {
	if r.Store != nil {
		return r.path(d, sentExtension)
	}
	return r.path(d, fileExtension)
}

// openOutput makes the directory, locks it against another run, and claims it
// for this run.
func (r *run) openOutput() (unlock func() error, err error) {
	if err := os.MkdirAll(r.Output, 0o750); err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	if _, err := r.ownNames(); err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	lock := flock.New(filepath.Join(r.Output, lockName), flock.SetPermissions(0o600))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("--output: %w", err)
	case !locked:
		return nil, fmt.Errorf("--output: another backfill is writing to %s", r.Output)
	}
	if err := r.claim(); err != nil {
		_ = lock.Close() // the other error says more
		return nil, fmt.Errorf("--output: %w", err)
	}
	return lock.Close, nil
}

// ownNames returns the names in the directory that a backfill uses. It refuses
// a symbolic link, which would make the run read or write elsewhere.
func (r *run) ownNames() ([]string, error) {
	entries, err := os.ReadDir(r.Output)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filePrefix) && !strings.HasPrefix(e.Name(), ownPrefix) {
			continue
		}
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file: remove it, or name another directory", filepath.Join(r.Output, e.Name()))
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// claim keeps the settings of this run in the directory. It refuses a directory
// that holds a finished day of other settings, or one of which a store may have a
// part.
func (r *run) claim() error {
	names, err := r.ownNames()
	if err != nil {
		return err
	}
	begun := slices.IndexFunc(names, func(name string) bool {
		extension := filepath.Ext(name)
		return extension == fileExtension || extension == sentExtension || r.Store != nil && extension == stateExtension
	})
	path := filepath.Join(r.Output, settingsName)
	switch theirs, err := readSettings(path); {
	case err == nil && maps.Equal(theirs, r.settings()):
		return nil
	case begun < 0: // nothing that a run could continue
	case err == nil:
		return fmt.Errorf("%s holds another backfill: %s: name another directory", r.Output, r.settings().differ(theirs))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s holds %s without %s, which says what was backfilled: name another directory", r.Output, names[begun], settingsName)
	default:
		return fmt.Errorf("%w: name another directory", err)
	}
	if err := writeFile(path, 0o600, r.settings().writeTo); err != nil {
		return err
	}
	return r.syncOutput()
}

// resume returns how many days are finished, and loads the ledger. A run that
// was interrupted may have left the directory unsynced.
func (r *run) resume(days []time.Time) (finished int, err error) {
	r.ledger = ledger.New(r.Ledger, r.From)
	missing := ""
	for i, d := range days {
		path := r.finishedPath(d)
		switch _, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist) && missing == "":
			missing = filepath.Base(path)
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return 0, fmt.Errorf("--output: %w", err)
		case missing != "":
			return 0, fmt.Errorf("--output: %s holds %s, but not the earlier %s: put it back, or name another directory",
				r.Output, filepath.Base(path), missing)
		default:
			finished = i + 1
		}
	}
	if finished == 0 {
		return 0, nil
	}
	if err := r.load(days[finished-1]); err != nil {
		return 0, err
	}
	if err := r.syncOutput(); err != nil {
		return 0, fmt.Errorf("--output: %w", err)
	}
	return finished, nil
}

// load loads the state of a finished day.
func (r *run) load(d time.Time) (err error) {
	path := r.path(d, stateExtension)
	r.ledger, err = ledger.ReadFile(path, r.Ledger, r.settings().String())
	switch {
	case errors.Is(err, ledger.ErrOwner):
		return fmt.Errorf("--output: %s is of another backfill: name another directory", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--output: %s holds %s without its state, so the backfill cannot continue: name another directory",
			r.Output, filepath.Base(r.finishedPath(d)))
	case err != nil:
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// save saves the state and the samples of a day, and removes the state before
// it. The samples come last: a day is finished once they are written, and then
// its state must be there.
func (r *run) save(ctx context.Context, d time.Time, samples *samples) error {
	date, state := d.Format(time.DateOnly), r.path(d, stateExtension)
	_, notBegun := os.Stat(state)
	if err := r.ledger.WriteFile(state, r.settings().String()); err != nil {
		return fmt.Errorf("write the state of %s: %w", date, err)
	}
	if err := r.write(ctx, d, samples); err != nil {
		if r.Store != nil && !r.Store.taken && notBegun != nil { // another run may correct its flags
			_ = os.Remove(state) // the other error says more
		}
		return fmt.Errorf("save the samples of %s: %w", date, err)
	}
	if err := os.Remove(r.path(d.Add(-day), stateExtension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state before %s: %w", date, err)
	}
	return nil
}

// write writes the samples of a day to its file or sends them to the store.
// After it returns nil, they are there for good.
func (r *run) write(ctx context.Context, d time.Time, samples *samples) error {
	contents := samples.writeTo
	if r.Store != nil {
		if err := r.Store.send(ctx, samples, maxRetryTime); err != nil {
			return err
		}
		contents = func(io.Writer) error { return nil }
	}
	if err := writeFile(r.finishedPath(d), 0o644, contents); err != nil {
		return err
	}
	return r.syncOutput()
}

// writeFile writes a file under another name first, so that a file with its
// own name is complete. It follows no symbolic link at either name.
func writeFile(path string, mode fs.FileMode, writeTo func(io.Writer) error) error {
	part := path + unfinished
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := errors.Join(writeTo(out), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// syncOutput makes the names of the files outlast a crash. Windows cannot sync a
// directory.
func (r *run) syncOutput() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	directory, err := os.Open(r.Output)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
