package simulator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// The purposes of random numbers. Each has its own streams, so results do not
// depend on the order of requests.
const (
	forToken uint64 = iota
	forPeople
	forSeries
	forOccurrence
	forHour
	forUser
	forVisits
)

// stream returns a generator for one purpose and one object. The keys are the
// purpose, then the numbers that identify the object.
func stream(seed uint64, keys ...uint64) *rand.Rand {
	h := seed
	for _, k := range keys {
		h = mix(h ^ mix(k))
	}
	return rand.New(rand.NewPCG(seed, h))
}

// mix is the finalizer of the SplitMix64 generator. It turns neighbouring
// numbers into unrelated ones.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func sum(weights []float64) float64 {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	return total
}

// pick returns an index, each with a probability in proportion to its weight.
func pick(rng *rand.Rand, weights []float64) int {
	x := rng.Float64() * sum(weights)
	for i, w := range weights {
		if x < w {
			return i
		}
		x -= w
	}
	return len(weights) - 1
}

// oneOf returns one of the choices, all equally likely.
func oneOf[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

// chance returns true with probability p.
func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// around returns a log-normally distributed number: two in three lie within a
// factor of e^spread of the median.
func around(rng *rand.Rand, median, spread float64) float64 {
	return median * math.Exp(spread*rng.NormFloat64())
}

// peopleAround returns a number of people around a median, from least to most.
func peopleAround(rng *rand.Rand, median, spread, least, most float64) int {
	return int(min(max(around(rng, median, spread), least), most))
}

// seconds returns a whole number of seconds after least, up to most.
func seconds(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1)).Truncate(time.Second)
}

// roundRandomly rounds up or down at random and keeps the mean. A negative
// number becomes 0.
func roundRandomly(rng *rand.Rand, x float64) int { return int(max(x, 0) + rng.Float64()) }

// towardsHalfHour maps a fraction of an hour to a time after its beginning.
// Evenly spread fractions come to lie closer together before the half hour and
// the full hour.
func towardsHalfHour(fraction float64) time.Duration {
	half, rest := math.Modf(fraction * 2)
	minutes := 30 * (half + math.Pow(rest, 0.75))
	return time.Duration(minutes * 60 * float64(time.Second)).Truncate(time.Second)
}

func hexDigits(rng *rand.Rand, n int) string {
	var b []byte
	for len(b) < n {
		b = fmt.Appendf(b, "%016x", rng.Uint64())
	}
	return string(b[:n])
}

// sinceGregorian is the time from 1582-10-15 to 1970-01-01 in seconds.
const sinceGregorian = 12219292800

// timeUUID returns a version 1 UUID without hyphens. Its time is the second of
// an instant, as the samples of the API page have the start of the meeting.
func timeUUID(rng *rand.Rand, at time.Time) string {
	const multicast = 1 << 40                                        // marks the node as not a network card
	ticks := uint64(at.Unix()+sinceGregorian)*1e7 + rng.Uint64N(1e7) // of 100 ns
	return fmt.Sprintf("%08x%04x%04x%04x%012x",
		uint32(ticks), uint16(ticks>>32), uint16(ticks>>48)&0x0fff|0x1000,
		rng.Uint64N(1<<14)|1<<15, rng.Uint64N(1<<48)|multicast)
}

// timeOfUUID returns the time of a result of timeUUID, to the second. It returns
// false for any other text.
func timeOfUUID(uuid string) (time.Time, bool) {
	if len(uuid) != 32 || uuid[12] != '1' {
		return time.Time{}, false
	}
	ticks, err := strconv.ParseUint(uuid[13:16]+uuid[8:12]+uuid[:8], 16, 64)
	return time.Unix(int64(ticks/1e7)-sinceGregorian, 0).UTC(), err == nil
}
