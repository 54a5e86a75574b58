package ledger

import (
	"os"

	"github.com/google/renameio/v2/maybe"
)

// replaceFile writes the file at path. On Windows this is not atomic.
func replaceFile(path string, data []byte) error { return maybe.WriteFile(path, data, fileMode) }

// syncDirectory does nothing: Windows cannot sync a directory.
func syncDirectory(string, func(*os.File) error) error { return nil }
