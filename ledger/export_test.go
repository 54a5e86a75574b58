package ledger

import "os"

// Unheld returns the counters as they would be if none were held.
func (l *Ledger) Unheld() map[LabelSet]Sums {
	totals := map[LabelSet]Sums{}
	for key, s := range l.series {
		if s.counted {
			totals[LabelSet{l.names.names[key.department()], key.typ()}] = s.total
		}
	}
	return totals
}

// SetSync makes f sync the file and its directory.
func (l *Ledger) SetSync(f func(*os.File) error) {
	l.storage.sync = f
	if l.storage.journal != nil {
		l.storage.journal.sync = f
	}
}

// RewriteNext makes the next turn rewrite the file.
func (l *Ledger) RewriteNext() {
	if l.storage.journal != nil {
		l.storage.journal.rewriteAt = 0
	}
}

// Frames returns a journal with the given payloads, from frame 0.
func Frames(payloads ...[]byte) []byte {
	var file []byte
	for i, payload := range payloads {
		file, _ = appendFrame(file, uint64(i), payload)
	}
	return file
}

// Payloads returns the payloads of a journal.
func Payloads(file *os.File, size int64) (payloads [][]byte, err error) {
	_, err = readFrames(file, size, func(_ uint64, _ int64, payload []byte) error {
		payloads = append(payloads, append([]byte{}, payload...))
		return nil
	})
	return payloads, err
}
