package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const fileMode = 0o600

// createTemporary creates a file beside the journal.
func (s *storage) createTemporary() (*os.File, error) {
	return os.CreateTemp(filepath.Dir(s.path), s.temporaryPrefix()+"*")
}

func (s *storage) temporaryPrefix() string { return "." + filepath.Base(s.path) + ".rewrite-" }

// replaceFile writes a file beside the journal, syncs it, and renames it to the
// journal. The directory is not synced yet. After an error the file is as it
// was.
func (s *storage) replaceFile(content []byte) error {
	file, err := s.createTemporary()
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if info, statErr := os.Lstat(s.path); err == nil && statErr == nil && info.Mode().IsRegular() {
		err = file.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = s.sync(file)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if runtime.GOOS == "windows" {
		s.close() // an open file cannot be replaced there
	}
	if err == nil {
		err = os.Rename(file.Name(), s.path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the next start tries again
	}
	return err
}

// syncDirectory makes a rename outlast a crash. Windows cannot sync a directory.
func (s *storage) syncDirectory() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	directory, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	defer directory.Close()
	return s.sync(directory)
}

// proveReplaceable makes sure that the file can be replaced. It makes the
// temporary file of a rewrite, and removes it.
func (s *storage) proveReplaceable() error {
	file, err := s.createTemporary()
	if err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	name := file.Name()
	file.Close()
	err = os.Remove(name)
	// A file that is mounted alone cannot be renamed over. It cannot be linked
	// either, which is harmless to try. Some file systems know no links.
	linkErr := os.Link(s.path, name)
	if errors.Is(linkErr, syscall.EXDEV) {
		return errors.New("is mounted as a single file, so it cannot be replaced: mount its directory")
	}
	if linkErr == nil {
		err = os.Remove(name)
	}
	if err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	return nil
}

// removeLeftovers removes the temporary files of rewrites that a crash has
// interrupted. An error is no harm: they only take space.
func (s *storage) removeLeftovers() {
	directory, prefix := filepath.Dir(s.path), s.temporaryPrefix()
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, e := range entries {
		random, found := strings.CutPrefix(e.Name(), prefix)
		if found && random != "" && strings.Trim(random, "0123456789") == "" && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(directory, e.Name()))
		}
	}
}
