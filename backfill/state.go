package backfill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"huaweicloud_meeting_exporter/ledger"
)

// Beside the file of a finished day stands its state: the ledger at the last
// sample of the day. Another run continues from there. Only the last state is
// kept.
const (
	fileExtension  = ".om"
	stateExtension = ".state"
	unfinished     = ".part" // appended to the name of a file that is being written
	lockName       = "backfill.lock"
)

func (r *run) path(d time.Time, extension string) string {
	return filepath.Join(r.Output, "meetings-"+d.Format(time.DateOnly)+extension)
}

// openOutput makes the directory, and locks it against another run.
func (r *run) openOutput() (unlock func() error, err error) {
	if err := os.MkdirAll(r.Output, 0o750); err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	lock := flock.New(filepath.Join(r.Output, lockName), flock.SetPermissions(0o600))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("--output: %w", err)
	case !locked:
		return nil, fmt.Errorf("--output: another backfill is writing to %s", r.Output)
	}
	return lock.Close, nil
}

// owner identifies the backfill to which a state belongs. It contains
// everything on which the files depend.
func (r *run) owner() string {
	return strings.Join([]string{
		r.Owner, r.Job, r.Instance, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), r.Step.String(),
		r.Ledger.Window.String(), r.Ledger.MaxMeetingDuration.String(), fmt.Sprint(r.Ledger.MaxDepartments),
	}, "\x00")
}

// resume returns how many days are finished, and loads the ledger. A run that
// was interrupted may have left the directory unsynced.
func (r *run) resume(days []time.Time) (finished int, err error) {
	r.ledger = ledger.New(r.Ledger, r.From)
	missing := ""
	for i, d := range days {
		path := r.path(d, fileExtension)
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
	r.ledger, err = ledger.ReadFile(r.path(d, stateExtension), r.Ledger, r.owner())
	switch {
	case errors.Is(err, ledger.ErrOwner):
		return fmt.Errorf("--output: %s holds a backfill of other meetings, or with other flags: name another directory", r.Output)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--output: %s holds %s without its state, so the backfill cannot continue: name another directory",
			r.Output, filepath.Base(r.path(d, fileExtension)))
	case err != nil:
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// save saves the state and the file of a day, and removes the state before it.
// The file comes last: a day is finished once its file has its name, and then
// its state must be there.
func (r *run) save(d time.Time, f *file) error {
	date := d.Format(time.DateOnly)
	if err := r.ledger.WriteFile(r.path(d, stateExtension), r.owner()); err != nil {
		return fmt.Errorf("write the state of %s: %w", date, err)
	}
	err := writeFile(r.path(d, fileExtension), f)
	if err == nil {
		err = r.syncOutput() // the state before may only go when the file stays
	}
	if err != nil {
		return fmt.Errorf("write the file of %s: %w", date, err)
	}
	if err := os.Remove(r.path(d.Add(-day), stateExtension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state before %s: %w", date, err)
	}
	return nil
}

// writeFile writes a file under another name first, so that a file with its
// own name is complete.
func writeFile(path string, f *file) error {
	out, err := os.Create(path + unfinished)
	if err != nil {
		return err
	}
	if err := errors.Join(f.writeTo(out), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(path+unfinished, path)
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
