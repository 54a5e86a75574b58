package client

import "time"

// PagesSince tells how many requests it takes to list once more what of the
// listing started at an instant or later, to the minute. It is there once
// Meetings has ended. Records without a readable start are not counted.
func (l *Listing) PagesSince(from time.Time) int {
	rows, earliest := 0, from.Truncate(time.Minute).Unix()
	for start, n := range l.starts {
		if start >= earliest {
			rows += n
		}
	}
	pages := 1
	for left := rows - l.pageLength; left > 0; left -= max(l.pageLength-1, 1) {
		pages++ // which begins with a row of the page before
	}
	return pages
}
