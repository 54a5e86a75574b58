package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"huaweicloud_meeting_exporter/meeting"
)

// formatVersion is raised when the stored form changes. A file of a newer one
// is refused; an older one would be read and rewritten here.
const formatVersion = 1

// The buckets of the file. Keys are big-endian, so that they sort by number.
var (
	headBucket     = []byte("head")     // version, owner, state
	nameBucket     = []byte("names")    // number of the department -> its name
	seriesBucket   = []byte("series")   // label set -> storedSeries
	valueBucket    = []byte("values")   // observation -> how often
	meetingBucket  = []byte("meetings") // end and id -> storedMeeting
	allBuckets     = [][]byte{headBucket, nameBucket, seriesBucket, valueBucket, meetingBucket}
	versionKey     = []byte("version")
	ownerKey       = []byte("owner")
	stateKey       = []byte("state")
	castagnoli     = crc32.MakeTable(crc32.Castagnoli)
	errChecksum    = errors.New("a value does not fit its checksum")
	errImplausible = errors.New("its records contradict each other")
)

// storedState is the state beside meetings and series. Times are nanoseconds
// since 1970, 0 for none. The numbers of records tell if some are missing.
type storedState struct {
	Created, Horizon, LastPoll, LastSweep int64
	Folded                                int64
	Names, Series, Values, Meetings       uint64
}

type storedSeries struct {
	Created       int64
	Total         Sums
	Counted, Held bool
}

type storedMeeting struct {
	Home, Latest   label
	Shown, Highest values
}

// seal returns a value in its stored form. The checksum covers the key, so
// that a value is not taken for another's.
func seal(key []byte, v any) []byte {
	b, err := binary.Append(nil, binary.BigEndian, v)
	if err != nil {
		panic(fmt.Sprintf("%T cannot be stored: %v", v, err)) // a mistake in this package
	}
	return binary.BigEndian.AppendUint32(b, checksum(key, b))
}

// unseal reads a value from its stored form into v.
func unseal(key, sealed []byte, v any) error {
	b, err := unsealBytes(key, sealed)
	if err != nil {
		return err
	}
	if n, err := binary.Decode(b, binary.BigEndian, v); err != nil || n != len(b) {
		return errors.New("a value has a wrong length")
	}
	return nil
}

func unsealBytes(key, sealed []byte) ([]byte, error) {
	const sumLength = 4
	if len(sealed) < sumLength {
		return nil, errChecksum
	}
	b, sum := sealed[:len(sealed)-sumLength], sealed[len(sealed)-sumLength:]
	if binary.BigEndian.Uint32(sum) != checksum(key, b) {
		return nil, errChecksum
	}
	return b, nil
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// signBit, turned over, makes negative minutes sort before the others.
const signBit = 1 << 31

// meetingKey begins with the end of the meeting: what is forgotten together
// stands together, and so does what a poll changes.
func meetingKey(end minute, key id) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(end)^signBit), key[:]...)
}

func parseMeetingKey(b []byte) (end minute, key id, ok bool) {
	if len(b) != 4+len(key) {
		return 0, key, false
	}
	return minute(binary.BigEndian.Uint32(b) ^ signBit), id(b[4:]), true
}

func nameKey(number int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(number)) }

func seriesKey(l label) []byte { return binary.BigEndian.AppendUint32(nil, uint32(l)) }

func parseSeriesKey(b []byte) (l label, ok bool) {
	if len(b) != 4 {
		return 0, false
	}
	return label(binary.BigEndian.Uint32(b)), true
}

func valueKey(o observation) []byte {
	return binary.BigEndian.AppendUint64([]byte{byte(o.of), byte(o.typ)}, uint64(o.value))
}

func parseValueKey(b []byte) (o observation, ok bool) {
	if len(b) != 10 || b[0] >= measures || b[1] >= meeting.TypeCount {
		return o, false
	}
	return observation{measure(b[0]), meeting.Type(b[1]), int64(binary.BigEndian.Uint64(b[2:]))}, true
}

func storeTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func loadTime(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func (s *series) stored() storedSeries {
	return storedSeries{Created: storeTime(s.created), Total: s.total, Counted: s.counted, Held: s.held}
}

func (e *entry) stored() storedMeeting {
	return storedMeeting{Home: e.home, Latest: e.latest, Shown: e.shown, Highest: e.highest}
}
