package soak_test

import (
	"math/rand/v2"
	"time"
)

// flags are the settings with which a process is started.
type flags struct {
	interval, sweepInterval, tail time.Duration
	window, maxMeeting, catchUp   time.Duration
	staleAfter                    time.Duration
	departments                   int
	pageLimit                     int
	requestsPerMinute             int
}

// reach is how far back an ordinary sweep reads.
func (f flags) reach() time.Duration { return f.window + f.maxMeeting }

// defaultFlags are those of the program, with more pages than usual.
func defaultFlags() flags {
	return flags{
		interval: time.Minute, sweepInterval: 30 * time.Minute, tail: 4 * time.Hour,
		window: 24 * time.Hour, maxMeeting: 30 * time.Hour, catchUp: 168 * time.Hour,
		staleAfter: time.Hour, departments: 200, pageLimit: 20, requestsPerMinute: 60,
	}
}

// randomFlags are small, so that within two days much is forgotten and much
// happens at the edges. They keep the rules that a start checks.
func randomFlags(rng *rand.Rand) flags {
	f := flags{
		interval:      10 * time.Minute,
		sweepInterval: oneOf[time.Duration](rng, 20, 30, 60, 120) * time.Minute,
		window:        oneOf[time.Duration](rng, 1, 3, 4, 6) * time.Hour,
		maxMeeting:    oneOf[time.Duration](rng, 1, 2, 3) * time.Hour,
		catchUp:       oneOf[time.Duration](rng, 6, 24, 72, 72) * time.Hour,
		staleAfter:    oneOf[time.Duration](rng, 20, 60, 180) * time.Minute,
		departments:   oneOf(rng, 1, 3, 200, 200),
		pageLimit:     oneOf(rng, 3, 4, 6, 10),

		requestsPerMinute: oneOf(rng, 20, 60),
	}
	f.tail = min(oneOf[time.Duration](rng, 10, 30, 60, 120)*time.Minute, f.reach())
	return f
}

func oneOf[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// between returns a duration from least up to most, to the nanosecond: two
// things that are drawn so never fall on the same instant.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}
