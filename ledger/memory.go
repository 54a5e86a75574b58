package ledger

import "iter"

// memory is a map of the meetings remembered. A Go map may keep more than half
// of its slots empty; here only those of the index are, which are small.
type memory struct {
	index   map[id]uint32
	entries list[entry]
	free    []uint32 // places of meetings that were forgotten
}

func newMemory() memory { return memory{index: map[id]uint32{}} }

func (m *memory) len() int { return len(m.index) }

func (m *memory) get(key id) (e entry, known bool) {
	place, known := m.index[key]
	if !known {
		return entry{}, false
	}
	return *m.entries.at(place), true
}

// put sets the entry of a meeting, and tells whether there was one before.
func (m *memory) put(key id, e entry) (known bool) {
	place, known := m.index[key]
	if !known {
		place = m.newPlace()
		m.index[key] = place
	}
	*m.entries.at(place) = e
	return known
}

func (m *memory) newPlace() uint32 {
	last := len(m.free) - 1
	if last < 0 {
		return m.entries.add()
	}
	place := m.free[last]
	m.free = m.free[:last]
	return place
}

func (m *memory) remove(key id) {
	if place, known := m.index[key]; known {
		m.free = append(m.free, place)
		delete(m.index, key)
	}
}

func (m *memory) all() iter.Seq2[id, entry] {
	return func(yield func(id, entry) bool) {
		for key, place := range m.index {
			if !yield(key, *m.entries.at(place)) {
				return
			}
		}
	}
}
