package ledger

import (
	"crypto/sha256"
	"time"
)

// OpenAround is Open with something that happens between the look at the file
// and its taking over.
func OpenAround(path string, cfg Config, owner string, created time.Time, between func()) (*Ledger, error) {
	l := New(cfg, created)
	l.owner = sha256.Sum256([]byte(owner))
	loaded, err := l.look(path)
	if err != nil {
		return nil, err
	}
	between()
	if err := l.takeOver(path, loaded); err != nil {
		return nil, err
	}
	l.publish()
	return l, nil
}

// Places is how many meetings there is room for.
func (l *Ledger) Places() int { return l.meetings.entries.length }

// Unheld returns the counters as they would be if none were held.
func (l *Ledger) Unheld() map[Labels]Sums {
	totals := map[Labels]Sums{}
	for _, s := range l.Snapshot().series {
		if s.counted {
			totals[s.Labels] = s.total
		}
	}
	return totals
}

// Seal returns a value in its stored form.
func Seal(key []byte, v any) []byte { return seal(key, v) }
