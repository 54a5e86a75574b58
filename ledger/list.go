package ledger

import "iter"

// list is a slice that grows without moving what it holds, so that growth needs
// no room for a second copy.
type list[T any] struct {
	chunks []*[chunkSize]T
	length int
}

// chunkSize is one at which the allocator gives a chunk of entries no more than
// it needs; at 1,024 it would round up by a tenth.
const chunkSize = 512

// add makes room for one more, and returns its place.
func (l *list[T]) add() (place uint32) {
	if l.length == len(l.chunks)*chunkSize {
		l.chunks = append(l.chunks, new([chunkSize]T))
	}
	l.length++
	return uint32(l.length - 1)
}

func (l *list[T]) at(place uint32) *T { return &l.chunks[place/chunkSize][place%chunkSize] }

func (l *list[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for place := range uint32(l.length) {
			if !yield(l.at(place)) {
				return
			}
		}
	}
}
