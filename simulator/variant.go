package simulator

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// Variant says in what ways the service differs from the usual reading of its
// API pages. Nobody has seen the real service, so each field holds one plausible
// difference, and a client must cope with every combination. The zero value is
// the usual service. None of the fields changes what Listed and Window return.
type Variant struct {
	// Offset is the meaning of the parameter offset.
	Offset OffsetRule
	// EmptyPastEnd makes a page past the end empty. Otherwise it is the last
	// page again.
	EmptyPastEnd bool
	// CountCap is the largest number that the response shows as count. The rows
	// beyond it are still there, on further pages. 0 means no cap.
	CountCap int
	// Limit decides how many rows a page has, and the limit that the response
	// shows.
	Limit LimitRule
	// State is the conferenceState of ended meetings. It replaces "Destroyed"
	// and an absent state; other states from Add stay. "" changes nothing, and
	// StateAbsent leaves the field out.
	State string
	// ListRunning also lists the meetings that are running. Their state says
	// so, in various spellings, and their end is the planned one.
	ListRunning bool
	// Time is the format of startTime and endTime.
	Time TimeFormat
	// Empty is the form of data in a listing that has no rows on any page.
	Empty EmptyForm
	// DeadToken is the response to a token that is missing, unknown, revoked or
	// expired.
	DeadToken DeadTokenForm
	// Throttle is the response to a request above Config.RateLimit.
	Throttle ThrottleForm
	// SignIn is the form of the responses that carry a token.
	SignIn SignInForm
	// OnlineCount decides which running meetings show how many people are in.
	OnlineCount OnlineCountForm
	// Resources is the form of the resources.
	Resources ResourceForm
	// Access is the response to requests for running meetings and resources.
	Access AccessForm
	// LeftTime is what the rows of those show whose leaving the service missed.
	LeftTime LeftTimeForm
	// UnknownMeeting is the response to a request for the attendance of a meeting
	// that is not listed to this user.
	UnknownMeeting UnknownMeetingForm
	// AttendanceAccess is the response to every request for attendance.
	AttendanceAccess AttendanceAccessForm
}

// OffsetRule is a meaning of the parameter offset. Pages are counted by the
// number of rows that they have, which is not always the limit asked for.
type OffsetRule int

// The meanings of offset. The API pages call it a record index in one place and
// a page index in another.
const (
	OffsetRecord    OffsetRule = iota // the index of the first row
	OffsetWholePage                   // the index of a row on the page
	OffsetPageFrom0                   // the number of the page; the first is 0
	OffsetPageFrom1                   // the number of the page; the first is 1, and 0 means it too
)

// LimitRule decides how the service treats the parameter limit.
type LimitRule int

// The treatments of limit.
const (
	// LimitReduced sends at most MaxLimit rows and shows the reduced limit.
	LimitReduced LimitRule = iota
	// LimitReducedSilently sends at most MaxLimit rows and shows the limit that
	// the request asked for.
	LimitReducedSilently
	// LimitIgnored always sends the default of 20 rows, at most MaxLimit, and
	// shows that number. A request for a smaller page gets more rows than it
	// asked for.
	LimitIgnored
	// LimitIgnoredSilently sends rows like LimitIgnored and shows the limit
	// that the request asked for.
	LimitIgnoredSilently
)

// StateAbsent is a value of Variant.State that leaves the field out.
const StateAbsent = "absent"

// TimeFormat is a format of startTime and endTime. All formats but the first
// are exact to the second or better.
type TimeFormat int

// The formats of times.
const (
	TimeMinutes     TimeFormat = iota // "2006-01-02 15:04", UTC, cut to the minute
	TimeSeconds                       // "2006-01-02 15:04:05", UTC
	TimeRFC3339                       // "2006-01-02T15:04:05Z"
	TimeRFC3339Zone                   // "2006-01-02T23:04:05+08:00"
	TimeRFC3339Bare                   // "2006-01-02T15:04:05", UTC
	TimeMillis                        // milliseconds since 1970, as a number
	TimeMillisText                    // milliseconds since 1970, as a string
)

// EmptyForm is the form of data in an empty listing.
type EmptyForm int

// The forms of an empty listing.
const (
	EmptyArray  EmptyForm = iota // "data":[]
	EmptyNull                    // "data":null
	EmptyAbsent                  // no data
)

// DeadTokenForm is a response to a dead token.
type DeadTokenForm int

// The responses to a dead token.
const (
	DeadTokenUnauthorized DeadTokenForm = iota // 401 MMC.111070111
	DeadTokenNull                              // 400 111070111
	DeadTokenBadRequest                        // 400 MBI.000000004
	DeadTokenForbidden                         // 403 USG.200000002
	DeadTokenNoBody                            // 403 without a body
	DeadTokenOK                                // 200 MMC.111070111 without data
)

// ThrottleForm is a response to a request above the rate limit.
type ThrottleForm int

// The responses to a throttled request.
const (
	// ThrottleTooMany is status 429 with the code APIGW.0308.
	ThrottleTooMany ThrottleForm = iota
	// ThrottleForbidden is status 403 with the same code and a Retry-After
	// header, in seconds, after which a client that waits is accepted.
	ThrottleForbidden
	// ThrottleCut is ThrottleTooMany, and the connection breaks in the middle
	// of the body. It needs a real HTTP server, like a fault.
	ThrottleCut
)

// SignInForm is the form of the responses that carry a token.
type SignInForm int

// The forms of a sign-in response.
const (
	SignInUsual       SignInForm = iota
	SignInUserArray              // "user":[]
	SignInNoUser                 // no user
	SignInNullUser               // "user":null
	SignInTextNumbers            // every number is a string
)

// OnlineCountForm decides which rows of the running meetings hold
// onlineAttendeeAmount.
type OnlineCountForm int

// The rows that hold a number.
const (
	OnlineCountAlways    OnlineCountForm = iota
	OnlineCountSometimes                 // about every other row
	OnlineCountNever
)

// ResourceForm is the form of the resources. Which of them there are depends on
// the edition.
type ResourceForm int

// The forms of resources.
const (
	ResourcesAll     ResourceForm = iota
	ResourcesNull                 // those of other editions are null
	ResourcesMissing              // those of other editions are missing
	ResourcesText                 // every number is a string
)

// AccessForm is the response to requests that not every user may make.
type AccessForm int

// The responses to requests for running meetings and resources.
const (
	AccessByRole    AccessForm = iota // administrators see resources
	AccessForbidden                   // 403
	AccessUnknown                     // 404
)

// LeftTimeForm is the leftTime of a row whose caller was not seen to leave. About
// one row in ten is such a row, unless the form is LeftTimeKnown.
type LeftTimeForm int

// The forms of an unknown leftTime.
const (
	LeftTimeKnown      LeftTimeForm = iota // there is no such row
	LeftTimeZero                           // "leftTime":0
	LeftTimeNull                           // "leftTime":null
	LeftTimeEmpty                          // "leftTime":""
	LeftTimeAbsent                         // no leftTime
	LeftTimeBeforeJoin                     // a second before joinTime
)

// UnknownMeetingForm is a response to a request for the attendance of an unknown
// meeting.
type UnknownMeetingForm int

// The responses to a request for the attendance of an unknown meeting.
const (
	UnknownMeetingBadRequest UnknownMeetingForm = iota // 400 MMC.111070005
	UnknownMeetingNotFound                             // 404 MMC.111070005
	UnknownMeetingEmpty                                // 200 without rows
)

// AttendanceAccessForm is a response to requests for attendance.
type AttendanceAccessForm int

// The responses to requests for attendance.
const (
	AttendanceOffered   AttendanceAccessForm = iota
	AttendanceForbidden                      // 403
	AttendanceUnknown                        // 404 APIGW.0101
)

// SetVariant changes how the service responds to later requests.
func (s *Service) SetVariant(v Variant) { s.variant.Store(&v) }

// RandomVariant draws every field, each value with about the same probability.
// LimitIgnored needs a client that asks for at least 20 rows.
func RandomVariant(rng *rand.Rand) Variant {
	return Variant{
		Offset:       oneOf(rng, OffsetRecord, OffsetWholePage, OffsetPageFrom0, OffsetPageFrom1),
		EmptyPastEnd: chance(rng, 0.5),
		CountCap:     oneOf(rng, 0, 0, 20, 100, 500, 1000),
		Limit:        oneOf(rng, LimitReduced, LimitReducedSilently, LimitIgnored, LimitIgnoredSilently),
		State:        oneOf(rng, "", "DESTROYED", "destroyed", "Ended", StateAbsent),
		ListRunning:  chance(rng, 0.5),
		Time:         oneOf(rng, TimeMinutes, TimeSeconds, TimeRFC3339, TimeRFC3339Zone, TimeRFC3339Bare, TimeMillis, TimeMillisText),
		Empty:        oneOf(rng, EmptyArray, EmptyNull, EmptyAbsent),
		DeadToken:    oneOf(rng, DeadTokenUnauthorized, DeadTokenNull, DeadTokenBadRequest, DeadTokenForbidden, DeadTokenNoBody, DeadTokenOK),
		Throttle:     oneOf(rng, ThrottleTooMany, ThrottleForbidden, ThrottleCut),
		SignIn:       oneOf(rng, SignInUsual, SignInUserArray, SignInNoUser, SignInNullUser, SignInTextNumbers),
		OnlineCount:  oneOf(rng, OnlineCountAlways, OnlineCountSometimes, OnlineCountNever),
		Resources:    oneOf(rng, ResourcesAll, ResourcesNull, ResourcesMissing, ResourcesText),
		Access:       oneOf(rng, AccessByRole, AccessByRole, AccessForbidden, AccessUnknown),
		LeftTime:     oneOf(rng, LeftTimeKnown, LeftTimeZero, LeftTimeNull, LeftTimeEmpty, LeftTimeAbsent, LeftTimeBeforeJoin),

		UnknownMeeting:   oneOf(rng, UnknownMeetingBadRequest, UnknownMeetingNotFound, UnknownMeetingEmpty),
		AttendanceAccess: oneOf(rng, AttendanceOffered, AttendanceOffered, AttendanceForbidden, AttendanceUnknown),
	}
}

// defaultLimit is the number of rows on a page when a request has no limit.
const defaultLimit = 20

// pageSize returns the number of rows on a page, and the limit to show, for the
// limit that a request asks for.
func (v Variant) pageSize(asked, most int) (size, shown int) {
	size = min(asked, most)
	if v.Limit == LimitIgnored || v.Limit == LimitIgnoredSilently {
		size = min(defaultLimit, most)
	}
	if v.Limit == LimitReducedSilently || v.Limit == LimitIgnoredSilently {
		return size, asked
	}
	return size, size
}

// pageOf returns the page at an offset. Past the end it returns the last page
// again, as the sister endpoints of the API do, or nothing.
func pageOf[T any](v Variant, records []T, offset, size int) []T {
	first := offset
	switch v.Offset { // min prevents an overflow
	case OffsetWholePage:
		first = offset / size * size
	case OffsetPageFrom0:
		first = min(offset, len(records)) * size
	case OffsetPageFrom1:
		first = max(min(offset-1, len(records)), 0) * size
	}
	if first >= len(records) {
		if v.EmptyPastEnd || len(records) == 0 {
			return nil
		}
		first = (len(records) - 1) / size * size
	}
	return records[first:min(first+size, len(records))]
}

// count returns the count that the response shows for a number of records.
func (v Variant) count(records int) int {
	if v.CountCap > 0 {
		return min(records, v.CountCap)
	}
	return records
}

// listing returns data around its rows, in a listing of a number of records.
func (f EmptyForm) listing(records int) (before, after string) {
	switch {
	case records > 0 || f == EmptyArray:
		return `"data":[`, `],`
	case f == EmptyNull:
		return `"data":null,`, ""
	default:
		return "", ""
	}
}

// runningStates are the states of running meetings, as spelt on several API
// pages and otherwise.
var runningStates = []string{"Created", "created", "CREATED", "Creating", "creating", "Schedule", "SCHEDULE"}

// row returns a copy of a record that shows an ended or a running meeting as
// this variant of the service does.
func (v Variant) row(r *Record, ended bool) *Record {
	c := *r
	switch {
	case !ended:
		c.End = r.plannedEnd()
		if r.IsHasRecordFile != nil {
			c.IsHasRecordFile = new(false)
		}
		c.ConferenceState = runningStates[hash(r.ConfUUID)%uint64(len(runningStates))]
	case v.State == "" || c.ConferenceState != "" && c.ConferenceState != stateEnded:
	case v.State == StateAbsent:
		c.ConferenceState = ""
	default:
		c.ConferenceState = v.State
	}
	return &c
}

// encode returns an instant as the JSON value of startTime or endTime.
func (t TimeFormat) encode(at time.Time) any {
	switch t {
	case TimeSeconds:
		return at.UTC().Format("2006-01-02 15:04:05")
	case TimeRFC3339:
		return at.UTC().Format(time.RFC3339)
	case TimeRFC3339Zone:
		return at.In(time.FixedZone("", 8*60*60)).Format(time.RFC3339)
	case TimeRFC3339Bare:
		return at.UTC().Format("2006-01-02T15:04:05")
	case TimeMillis:
		return at.UnixMilli()
	case TimeMillisText:
		return strconv.FormatInt(at.UnixMilli(), 10)
	default:
		return at.UTC().Format("2006-01-02 15:04")
	}
}

// apply changes the response to a sign-in.
func (f SignInForm) apply(session map[string]any) {
	switch f {
	case SignInUserArray:
		session["user"] = []any{}
	case SignInNoUser:
		delete(session, "user")
	case SignInNullUser:
		session["user"] = nil
	case SignInTextNumbers:
		numbersToText(session)
	}
}

func numbersToText(object map[string]any) {
	for name, value := range object {
		switch value := value.(type) {
		case int:
			object[name] = strconv.Itoa(value)
		case int64:
			object[name] = strconv.FormatInt(value, 10)
		case float64:
			object[name] = strconv.FormatFloat(value, 'f', -1, 64)
		case map[string]any:
			numbersToText(value)
		case []map[string]any:
			for _, one := range value {
				numbersToText(one)
			}
		}
	}
}
