package client

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/meeting"
)

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

// timeLayouts are layouts of startTime and endTime. The first one is that of the
// API page (history list). Times without a zone are in UTC, whatever timeZoneID
// says. A layout with seconds accepts fractions, too.
var timeLayouts = [...]string{"2006-01-02 15:04", time.DateTime, time.RFC3339, "2006-01-02T15:04:05"}

// Whole milliseconds since 1970 have at least 12 digits, which is the year 1973,
// and end before the year 10000. Shorter numbers are seconds or no time at all.
const (
	minMilliseconds = 1e11
	maxMilliseconds = 253402300800000
)

// jsonTime is a jsonInstant cut to the minute.
type jsonTime struct{ time.Time }

// UnmarshalJSON never fails.
func (t *jsonTime) UnmarshalJSON(value []byte) error {
	var at jsonInstant
	err := at.UnmarshalJSON(value)
	t.Time = at.Truncate(time.Minute)
	return err
}

// jsonInstant is a time in UTC. It may come in one of timeLayouts, or in
// milliseconds since 1970, as a number or as a string of digits. Any other value
// reads as the zero time.
type jsonInstant struct{ time.Time }

// UnmarshalJSON never fails.
func (t *jsonInstant) UnmarshalJSON(value []byte) error {
	*t = jsonInstant{}
	var ms float64
	if value[0] == '"' {
		var s jsonString
		_ = s.UnmarshalJSON(value)
		for _, layout := range timeLayouts {
			if at, err := time.Parse(layout, string(s)); err == nil {
				t.Time = at.UTC()
				return nil
			}
		}
		digits, _ := strconv.ParseUint(string(s), 10, 64)
		ms = float64(digits)
	} else {
		ms, _ = strconv.ParseFloat(string(value), 64)
	}
	if ms >= minMilliseconds && ms < maxMilliseconds && ms == math.Trunc(ms) {
		t.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return nil
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

// isIndex reports whether the number is whole, not negative, and no larger than
// any number of records.
func (n jsonNumber) isIndex() bool {
	return n.present && n.value >= 0 && n.value <= math.MaxInt32 && n.value == math.Trunc(n.value)
}

// count returns the number as a count. It returns meeting.Absent and true if
// the number is absent, and false if it is present but no count.
func (n jsonNumber) count() (meeting.Count, bool) {
	if !n.present {
		return meeting.Absent, true
	}
	return meeting.NewCount(n.value)
}
