package ledger

import "huaweicloud_meeting_exporter/meeting"

// Batch collects the meetings of a poll, packed, for there may be a million. Of
// one UUID the last holds. The zero Batch is empty.
type Batch struct {
	places      map[id]uint32
	records     list[record]
	departments map[string]uint32
	names       []string
}

// record is a meeting of a batch.
type record struct {
	key        id
	start, end minute
	of         label // its department is one of the batch
	values     values
}

// BatchOf returns a batch of the given meetings.
func BatchOf(meetings ...meeting.Meeting) Batch {
	var b Batch
	for _, m := range meetings {
		b.Add(m)
	}
	return b
}

// Add takes in a valid meeting.
func (b *Batch) Add(m meeting.Meeting) {
	if b.places == nil {
		b.places, b.departments = map[id]uint32{}, map[string]uint32{}
	}
	department, known := b.departments[m.Department]
	if !known {
		department = uint32(len(b.names))
		b.departments[m.Department] = department
		b.names = append(b.names, m.Department)
	}
	key := idOf(m.UUID)
	place, known := b.places[key]
	if !known {
		place = b.records.add()
		b.places[key] = place
	}
	*b.records.at(place) = record{key, minuteOf(m.Start), minuteOf(m.End), newLabel(department, m.Type), valuesOf(&m)}
}

func (b *Batch) department(r *record) string { return b.names[r.of.department()] }

// Len is how many meetings the batch holds.
func (b *Batch) Len() int { return b.records.length }
