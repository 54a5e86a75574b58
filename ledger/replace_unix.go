//go:build !windows

package ledger

import (
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// replaceFile writes a file beside path, syncs it and renames it to path. After
// an error the file at path is as it was.
func replaceFile(path string, data []byte) error {
	return renameio.WriteFile(path, data, fileMode, renameio.WithTempDir(filepath.Dir(path)))
}

// syncDirectory makes the rename of a file at path outlast a crash.
func syncDirectory(path string, sync func(*os.File) error) error {
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer directory.Close()
	return sync(directory)
}
