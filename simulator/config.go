package simulator

import "time"

// Role decides which meetings a signed-in user may see.
type Role int

// The roles. Both see only the caller's own meetings without queryAll=true.
const (
	// Administrator sees the meetings of the whole enterprise with
	// queryAll=true.
	Administrator Role = iota
	// User is an ordinary user, who never sees more than their own meetings:
	// the service accepts queryAll and ignores it.
	User
)

// Range decides which meetings lie between startDate and endDate. The API page
// does not say; the service appears to go by the start.
type Range int

// The readings of startDate and endDate. Both ends are inclusive.
const (
	// RangeStart selects meetings that started in the range.
	RangeStart Range = iota
	// RangeEnd selects meetings that ended in the range.
	RangeEnd
	// RangeOverlap selects meetings that were in progress at any instant of
	// the range.
	RangeOverlap
)

// Config describes a service. The zero value describes an enterprise that has
// no meetings and accepts no sign-in.
type Config struct {
	// Seed selects the enterprise: its people, its meetings, and how long its
	// tokens live.
	Seed uint64
	// Variant is how the service differs from the usual one.
	Variant Variant
	// Now is the service's wall clock. It dates responses, expires tokens and
	// decides which meetings are listed. Default time.Now.
	Now func() time.Time
	// Start is the beginning of the history: there are no generated meetings
	// that started earlier. Default Now() - History, read once by New.
	Start time.Time
	// History is how much of the past the default Start covers. Default 8 days.
	History time.Duration
	// Retention is how long a meeting stays in the history after it was listed.
	// The real service keeps meetings for 6 months, or up to 12 if an
	// administrator says so (API page: Querying the Historical Meeting List).
	// Default 190 days.
	Retention time.Duration
	// MeetingsPerDay is the number of meetings that the whole enterprise holds
	// on an ordinary working day. At 0 there are only records from Add.
	MeetingsPerDay int
	// Worldwide gives the enterprise offices in many time zones, so that the
	// same number of meetings ends in every hour of every day: at 1,500 a day
	// about one a minute. Otherwise there is one office at UTC+8, with working
	// hours and weekends.
	Worldwide bool
	// PublicationDelay is the time from the end of a generated meeting to its
	// appearance in the history. The seed adds a whole number of seconds, up to
	// half the delay, to each meeting. A record from Add that does not say when
	// it is listed appears after exactly this delay. Default 30 s.
	PublicationDelay time.Duration
	// AppID and AppKey are the credentials of the App ID sign-in. CorpID
	// switches that sign-in to SP mode, in which the signature covers a corpId.
	// Without an AppID nobody can sign in this way.
	AppID, AppKey, CorpID string
	// Account and Password are the credentials of the account sign-in. Without
	// an Account nobody can sign in this way.
	Account, Password string
	// Role is the role of those who sign in. With Administrator, the default,
	// it depends on the user ID: the user IDs are the names of the staff,
	// "user0000" to "user1199". The first ten are administrators. Everyone else
	// is an ordinary user, also an ID that nobody has: the service adds that
	// person to the address book, with no meetings. The empty user ID and the
	// account stand for the default administrator, user0000. With User,
	// everyone is an ordinary user.
	Role Role
	// Range is how the service reads startDate and endDate.
	Range Range
	// MaxLimit is the largest number of rows on a page. Default and at most 500.
	MaxLimit int
	// TokenLifetime is how long a token is valid. By default the seed gives
	// each token 12 to 24 hours, as on the API page of the App ID sign-in.
	TokenLifetime time.Duration
	// RateLimit is the number of requests that the gateway accepts in any
	// minute; rejected requests count too. 0 means no limit.
	RateLimit int
}

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.History <= 0 {
		c.History = 8 * 24 * time.Hour
	}
	if c.Retention <= 0 {
		c.Retention = 190 * 24 * time.Hour
	}
	if c.Start.IsZero() {
		c.Start = c.Now().Add(-c.History)
	}
	if c.PublicationDelay <= 0 {
		c.PublicationDelay = 30 * time.Second
	}
	if c.MaxLimit <= 0 || c.MaxLimit > 500 {
		c.MaxLimit = 500
	}
	return c
}
