package simulator

import "slices"

// Values of adminType in the response to a sign-in.
const (
	defaultAdministrator = iota
	administrator
	ordinaryUser
)

// administrators is how many of the people are administrators. The first is the
// default administrator.
const administrators = 10

// user returns the person with a user ID and the person's adminType. See
// Config.Role.
func (e *enterprise) user(id string) (person, int) {
	if id == "" {
		return e.people[0], defaultAdministrator
	}
	i, known := e.byName[id]
	switch {
	case !known:
		rng := stream(e.seed, forUser, hash(id))
		return person{name: id, phone: newPhone(rng), uuid: newUserUUID(rng)}, ordinaryUser
	case i == 0:
		return e.people[i], defaultAdministrator
	case i < administrators:
		return e.people[i], administrator
	default:
		return e.people[i], ordinaryUser
	}
}

// roleUnset is the value of Service.role while the user ID decides.
const roleUnset Role = -1

// SetRole gives everyone a role, whatever their user ID, also those who are
// signed in.
func (s *Service) SetRole(role Role) { s.role.Store(int32(role)) }

// signedIn returns the person who holds a token and the person's adminType.
func (s *Service) signedIn(tok token) (person, int) {
	p, adminType := s.archive.enterprise.user(tok.user)
	switch Role(s.role.Load()) {
	case User:
		adminType = ordinaryUser
	case Administrator:
		adminType = min(adminType, administrator)
	}
	return p, adminType
}

// involves reports whether a person scheduled a meeting or was invited to it.
// A row names only the first of the invited.
func (e *enterprise) involves(p person, r *Record) bool {
	if r.UserUUID == p.uuid || slices.ContainsFunc(r.PartAttendeeInfo, func(a Attendee) bool { return a.Name == p.name }) {
		return true
	}
	return e.isUnnamed(p, r)
}

// isUnnamed reports whether a person belongs to the invited whom the row does
// not name. Those are the staff that follow a place which the confUUID decides,
// in order, without the named ones.
func (e *enterprise) isUnnamed(p person, r *Record) bool {
	place, known := e.byName[p.name]
	if !known || r.NormalCount == nil || *r.NormalCount <= maxAttendees {
		return false
	}
	first := int(hash(r.ConfUUID) % staff)
	after := func(place int) int { return (place - first + staff) % staff }
	before, people := after(place), 0
	for _, a := range r.PartAttendeeInfo {
		if a.Type != softTerminal {
			continue
		}
		people++
		if i, ok := e.byName[a.Name]; ok && after(i) < after(place) {
			before--
		}
	}
	return people == maxAttendees && before < *r.NormalCount-people
}
