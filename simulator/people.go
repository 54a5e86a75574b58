package simulator

import (
	"fmt"
	"math/rand/v2"
)

// person is an employee of the enterprise.
type person struct{ name, phone, uuid string }

// staff is the number of people in the enterprise.
const staff = 1200

func newPeople(seed uint64) []person {
	rng := stream(seed, forPeople)
	people := make([]person, staff)
	for i := range people {
		people[i] = person{
			name:  fmt.Sprintf("user%04d", i),
			phone: newPhone(rng),
			uuid:  newUserUUID(rng),
		}
	}
	return people
}

func newPhone(rng *rand.Rand) string { return fmt.Sprintf("+99111%07d", rng.IntN(1e7)) }

func newUserUUID(rng *rand.Rand) string { return "ff8080" + hexDigits(rng, 26) }

// department is a part of the enterprise, present in all of its offices.
type department struct {
	name       string
	share      float64 // of the staff, relative to the others
	roomChance float64 // that a planned meeting uses terminals in rooms
}

// departments are all departments; the default administrator is in the first. One has no name
// and one has a trailing space, as in real address books.
var departments = []department{
	{"IT Operations", 3, 0.2},
	{"研发部", 28, 0.5},
	{"市场部", 16, 0.35},
	{"Customer Service", 12, 0},
	{"Sales ", 11, 0.2},
	{"质量部", 8, 0.4},
	{"Finance", 6, 0.25},
	{"人力资源部", 5, 0.3},
	{"Product Design", 4, 0.6},
	{"Logistics", 3, 0},
	{"法务部", 2, 0.2},
	{"Executive Office", 1, 0.9},
	{"", 1, 0},
}

// pickDepartment returns the index of a department, in proportion to its staff.
func pickDepartment(rng *rand.Rand) int {
	shares := make([]float64, len(departments))
	for i, d := range departments {
		shares[i] = d.share
	}
	return pick(rng, shares)
}

// staffOf returns the people of a department. The departments divide the
// people among them in order.
func (e *enterprise) staffOf(department int) []person {
	before, all := 0.0, 0.0
	for i, d := range departments {
		if i < department {
			before += d.share
		}
		all += d.share
	}
	at := func(share float64) int { return int(share / all * staff) }
	return e.people[at(before):at(before+departments[department].share)]
}
