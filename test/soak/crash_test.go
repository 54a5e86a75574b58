package soak_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// powerCutDuringCommit kills the process while it stores the changes of the
// next poll or of attendance, and starts it again on what the disk may hold then:
// rule 7.
func (w *world) powerCutDuringCommit(change func()) {
	before, _ := os.ReadFile(w.path) // nil if there is no file yet
	oracleBefore, sweepsBefore := w.stored(w.oracle, before).Clone(), len(w.truth.sweeps)
	change()
	after, _ := os.ReadFile(w.path)
	if after != nil && chance(w.rng, 0.3) { // as if the poll had rewritten the journal
		if err := w.process.Ledger.WriteFile(w.path, w.process.cfg.Client.Owner()); err != nil {
			w.t.Fatal(err)
		}
		after, _ = os.ReadFile(w.path)
	}
	if !bytes.Equal(after, before) && bytes.Equal(before, w.torn) {
		before = before[:w.tornAt] // the process has cut the rest off
	}
	w.process.kill()
	path, temporary := w.path, filepath.Join(w.dir, "."+filepath.Base(w.path)+".rewrite-12345")
	image, leftover := w.diskAfterPowerCut(before, after)
	err := os.RemoveAll(path)
	for name, content := range map[string][]byte{path: image, temporary: leftover} {
		if content != nil {
			err = errors.Join(err, os.WriteFile(name, content, 0o600))
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.trace.note("power cut during the commit: %d bytes before, %d after, %d on disk, leftover of %d", len(before), len(after), len(image), len(leftover))
	switch {
	case bytes.Equal(image, before) && bytes.Equal(image, after): // nothing to commit
	case bytes.Equal(image, after):
		w.torn, w.tornAt = nil, 0
	default: // the poll is as if it had not been made
		w.torn, w.tornAt = image, len(before)
		w.oracle = oracleBefore
		w.truth.loseSweeps(sweepsBefore)
	}
	w.score["crashes"]++
	w.restart()
	if _, err := os.Stat(temporary); err == nil && w.path == path {
		w.fail("the start left a temporary file")
	}
}

// diskAfterPowerCut returns what the disk may hold: the file, nil for none, and
// the temporary file that a rewrite left behind, nil for none.
func (w *world) diskAfterPowerCut(before, after []byte) (image, leftover []byte) {
	const sector = 512
	cut := func(from, to int) int { return from + w.rng.IntN(to-from+1) }
	if before == nil || !bytes.HasPrefix(after, before) { // written as a new file, and renamed
		if chance(w.rng, 0.3) {
			return after, nil
		}
		return before, append([]byte{}, after[:cut(0, len(after))]...)
	}
	at := cut(len(before), len(after))
	if chance(w.rng, 0.2) {
		at = min(len(before)+w.rng.IntN(25), len(after)) // in the header of a frame
	}
	if chance(w.rng, 0.5) { // any prefix
		return after[:at], nil
	}
	// The length is there, but not the last sectors.
	at = max(at/sector*sector, len(before))
	return append(bytes.Clone(after[:at]), make([]byte, len(after)-at)...), nil
}
