package client

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/meeting"
)

// timeLayout is the layout of startTime and endTime (API page: history list).
// They are in UTC, whatever timeZoneID says, and cut to the minute.
const timeLayout = "2006-01-02 15:04"

// jsonString is a string. Any other value reads as "", like an absent one.
type jsonString string

// UnmarshalJSON never fails. It trims white space, and replaces text that is
// not UTF-8.
func (s *jsonString) UnmarshalJSON(value []byte) error {
	*s = ""
	if value[0] == '"' {
		var buf [64]byte
		unquoted, _ := jsontext.AppendUnquote(buf[:0], value)
		*s = jsonString(bytes.TrimSpace(unquoted))
	}
	return nil
}

// time returns the instant, or the zero time if s has another layout.
func (s jsonString) time() time.Time {
	t, err := time.Parse(timeLayout, string(s))
	if err != nil {
		return time.Time{}
	}
	return t
}

// jsonBool is true for true, 1, "true" and "1". Any other value reads as false.
type jsonBool bool

// UnmarshalJSON never fails.
func (b *jsonBool) UnmarshalJSON(value []byte) error {
	switch string(bytes.Trim(value, `"`)) {
	case "true", "1":
		*b = true
	default:
		*b = false
	}
	return nil
}

// jsonNumber is a number, which may come as 1, 1.0 or "1". null and "" read as
// absent. Any other value reads as NaN.
type jsonNumber struct {
	present bool
	value   float64
}

// UnmarshalJSON never fails.
func (n *jsonNumber) UnmarshalJSON(value []byte) error {
	s := string(bytes.TrimSpace(bytes.Trim(value, `"`)))
	if s == "null" || s == "" {
		*n = jsonNumber{}
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		v = math.NaN()
	}
	*n = jsonNumber{present: true, value: v}
	return nil
}

// count returns the number as a count. It returns meeting.Absent and true if
// the number is absent, and false if it is present but no count.
func (n jsonNumber) count() (meeting.Count, bool) {
	if !n.present {
		return meeting.Absent, true
	}
	return meeting.NewCount(n.value)
}
