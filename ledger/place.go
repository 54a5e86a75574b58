package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// findPlace returns the path of the journal without symbolic links, so that a
// rename replaces the file and not a link. It refuses what is not a file, before
// anything opens it: opening a pipe would block.
func findPlace(path string) (string, error) {
	if strings.ContainsFunc(path, unicode.IsControl) {
		return "", errors.New("has a control character in its name")
	}
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return "", errIsDirectory
	}
	path, err := resolveLinks(path)
	if err != nil {
		return "", fmt.Errorf("cannot be opened: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", err)
	case info.IsDir():
		return "", errIsDirectory
	case !info.Mode().IsRegular():
		return "", errors.New("is not a regular file")
	}
	return path, nil
}

var errIsDirectory = errors.New("is a directory: name a file in it")

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
