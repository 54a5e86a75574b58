package client

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/meeting"
)

// timeLayout is that of startTime and endTime: UTC, whatever timeZoneID says,
// cut to the minute.
const timeLayout = "2006-01-02 15:04"

// text is a string that may be absent; any other type reads as absent.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(value []byte) error {
	*t = ""
	if value[0] == '"' {
		var room [64]byte
		s, _ := jsontext.AppendUnquote(room[:0], value) // replaces what is not UTF-8
		*t = text(bytes.TrimSpace(s))
	}
	return nil
}

// time returns the instant, or the zero time if t is not one.
func (t text) time() time.Time {
	at, err := time.Parse(timeLayout, string(t))
	if err != nil {
		return time.Time{}
	}
	return at
}

// flag is a boolean that may be absent, which reads as false.
type flag bool

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(value []byte) error {
	switch string(bytes.Trim(value, `"`)) {
	case "true", "1":
		*f = true
	default:
		*f = false
	}
	return nil
}

// number is a number that may come as 1, 1.0, "1" or null, the last of which
// reads as absent. What is not a number is given, as NaN.
type number struct {
	given bool
	value float64
}

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(value []byte) error {
	s := string(bytes.TrimSpace(bytes.Trim(value, `"`)))
	if s == "null" || s == "" {
		*n = number{}
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		v = math.NaN()
	}
	*n = number{given: true, value: v}
	return nil
}

// count returns the number as a count, absent if it is not given, and false
// if it is given but cannot be one.
func (n number) count() (meeting.Count, bool) {
	if !n.given {
		return meeting.Absent, true
	}
	return meeting.NewCount(n.value)
}
