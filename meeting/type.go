package meeting

// Type is how a meeting came about: the label conference_type.
type Type uint8

// The conference types.
const (
	Other Type = iota
	Immediate
	Scheduled
	Recurring
	Webinar

	// TypeCount is the number of conference types.
	TypeCount = iota
)

// Types lists every conference type.
func Types() []Type { return []Type{Immediate, Scheduled, Recurring, Webinar, Other} }

// String returns the type as a label value.
func (t Type) String() string {
	return [...]string{"other", "immediate", "scheduled", "recurring", "webinar"}[t]
}

// Classify returns the conference type for the fields webinar, confType and
// conferenceType of the API's ConferenceInfo, by the first that applies.
// Values that the API may add one day are Other, never an error.
func Classify(webinar bool, confType string, conferenceType Count) Type {
	const recurring = 2
	switch {
	case webinar:
		return Webinar
	case confType == "IMMEDIATELY":
		return Immediate
	case confType == "FUTURE":
		return Scheduled
	case confType == "CYCLE":
		return Recurring
	case confType == "" && conferenceType == recurring:
		return Recurring
	}
	return Other
}
