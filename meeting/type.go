package meeting

// Type is how a meeting came about. It is the label conference_type.
type Type uint8

// The conference types. Other stands for values that the API may add one day.
// The ledger's file stores these numbers: their order must not change.
const (
	Other Type = iota
	Immediate
	Scheduled
	Recurring
	Webinar

	// TypeCount is the number of conference types.
	TypeCount = iota
)

// Types returns every conference type.
func Types() []Type { return []Type{Immediate, Scheduled, Recurring, Webinar, Other} }

// String returns the type as a label value.
func (t Type) String() string {
	return [...]string{"other", "immediate", "scheduled", "recurring", "webinar"}[t]
}

// Classify returns the type for the fields webinar, confType and conferenceType
// of a record (API page: ConferenceInfo): the first case that applies. Unknown
// values are Other, never an error.
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
