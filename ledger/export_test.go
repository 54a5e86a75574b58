package ledger

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
