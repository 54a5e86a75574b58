package backfill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"huaweicloud_meeting_exporter/ledger"
)

// Beside the file of a finished day stands the state: the ledger as it was at
// the last sample, from which another run goes on. Only the last one is kept.
const (
	fileExtension  = ".om"
	stateExtension = ".state"
	unfinished     = ".part" // added to either while it is written
)

func (r *run) path(d time.Time, extension string) string {
	return filepath.Join(r.Output, "meetings-"+d.Format(time.DateOnly)+extension)
}

func (r *run) makeOutput() error {
	if err := os.MkdirAll(r.Output, 0o750); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// owner tells whether a state is one of this backfill: what is in it depends
// on all of these.
func (r *run) owner() string {
	return strings.Join([]string{
		r.Owner, r.Job, r.Instance, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), r.Step.String(),
		r.Ledger.Window.String(), r.Ledger.MaxMeetingDuration.String(), fmt.Sprint(r.Ledger.MaxDepartments),
	}, "\x00")
}

// resume finds out how many days are finished, and loads the ledger.
func (r *run) resume(days []time.Time) (finished int, err error) {
	r.ledger = ledger.New(r.Ledger, r.From)
	for finished = len(days); finished > 0; finished-- {
		_, err := os.Stat(r.path(days[finished-1], fileExtension))
		if err == nil {
			return finished, r.load(days[finished-1])
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("--output: %w", err)
		}
	}
	return 0, nil
}

func (r *run) load(d time.Time) error {
	path := r.path(d, stateExtension)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("--output: %s holds %s but not what is needed to go on after it; name another directory: %w",
			r.Output, filepath.Base(r.path(d, fileExtension)), err)
	}
	kept, err := ledger.Open(path, r.Ledger, r.owner(), r.From)
	switch {
	case errors.Is(err, ledger.ErrOwner):
		return fmt.Errorf("--output: %s holds a backfill of other meetings, or with other flags: name another directory", r.Output)
	case err != nil:
		return fmt.Errorf("--output: %w", err)
	}
	return errors.Join(r.ledger.Seed(kept, kept.Horizon()), kept.Close())
}

// keep writes the state and the file of a day, and drops the state before. A
// day is finished once its file has its name, which it gets last: no other run
// could go on after a file without its state.
func (r *run) keep(d time.Time, f *file) error {
	state, path := r.path(d, stateExtension), r.path(d, fileExtension)
	if err := r.writeState(state + unfinished); err != nil {
		return fmt.Errorf("keep the state of %s: %w", d.Format(time.DateOnly), err)
	}
	if err := writeFile(path+unfinished, f); err != nil {
		return fmt.Errorf("write the file of %s: %w", d.Format(time.DateOnly), err)
	}
	for _, finished := range []string{state, path} {
		if err := os.Rename(finished+unfinished, finished); err != nil {
			return fmt.Errorf("finish %s: %w", d.Format(time.DateOnly), err)
		}
	}
	if err := os.Remove(r.path(d.Add(-day), stateExtension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop the state before %s: %w", d.Format(time.DateOnly), err)
	}
	return nil
}

func (r *run) writeState(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept, err := ledger.Open(path, r.Ledger, r.owner(), r.From)
	if err != nil {
		return err
	}
	return errors.Join(kept.Seed(r.ledger, r.ledger.Horizon()), kept.Close())
}

func writeFile(path string, f *file) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.writeTo(out), out.Sync(), out.Close())
}
