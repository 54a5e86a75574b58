package ledger

import (
	"cmp"
	"maps"
	"slices"

	"huaweicloud_meeting_exporter/meeting"
)

// departments numbers the names of departments. It only grows.
type departments struct {
	names  []string
	number map[string]uint32
}

// The names that stand for something else do not count against the cap.
const (
	unknownDepartment uint32 = iota
	otherDepartment
	specialDepartments
)

func newDepartments() departments {
	d := departments{number: map[string]uint32{}}
	d.add(meeting.UnknownDepartment)
	d.add(meeting.OtherDepartment)
	return d
}

func (d *departments) clone() departments {
	return departments{names: slices.Clone(d.names), number: maps.Clone(d.number)}
}

func (d *departments) has(name string) bool {
	_, ok := d.number[name]
	return ok
}

func (d *departments) add(name string) {
	d.number[name] = uint32(len(d.names))
	d.names = append(d.names, name)
}

// room returns how many more names the cap allows.
func (d *departments) room(limit int) int {
	return max(0, limit-(len(d.names)-int(specialDepartments)))
}

// admissible returns the new names for which the cap has room: first those with
// the most reports, then by name.
func (d *departments) admissible(reports map[string]int, limit int) []string {
	busiestFirst := slices.SortedFunc(maps.Keys(reports), func(a, b string) int {
		return cmp.Or(cmp.Compare(reports[b], reports[a]), cmp.Compare(a, b))
	})
	return busiestFirst[:min(len(busiestFirst), d.room(limit))]
}

// lookup returns the number of a department. A name that has none is folded
// into OtherDepartment.
func (d *departments) lookup(name string) (number uint32, folded bool) {
	if n, ok := d.number[name]; ok {
		return n, false
	}
	return otherDepartment, true
}
