package simulator

import (
	"math"
	"math/rand/v2"
	"time"
)

// What a stream of random numbers is for. Each purpose has streams of its
// own, so that nothing depends on the order in which things are asked.
const (
	forToken uint64 = iota
	forPeople
	forSeries
	forOccurrence
	forHour
)

// stream returns the random numbers for one purpose and thing.
func stream(seed uint64, keys ...uint64) *rand.Rand {
	h := seed
	for _, k := range keys {
		h = mix(h ^ mix(k))
	}
	return rand.New(rand.NewPCG(seed, h))
}

// mix is the finalizer of the SplitMix64 generator: neighbouring numbers come
// out far apart.
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

// pick returns an index with a probability in proportion to its weight.
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

// crowd maps even fractions to ones that lie closer together towards 1.
func crowd(fraction float64) float64 { return math.Pow(fraction, 0.75) }

// chance is true with a probability.
func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// around returns a number near a median, log-normally spread: about two in
// three lie within a factor of e^spread.
func around(rng *rand.Rand, median, spread float64) float64 {
	return median * math.Exp(spread*rng.NormFloat64())
}

// seconds returns a whole number of seconds from least to most.
func seconds(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1)).Truncate(time.Second)
}

// oneOf returns one of the choices.
func oneOf[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }
