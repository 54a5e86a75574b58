package soak_test

import (
	"math/rand/v2"
	"time"

	"huaweicloud_meeting_exporter/test/stack"
)

// randomSettings returns short times, so that within two days much is
// forgotten and much happens at the edges. They keep the rules that a start
// checks.
func randomSettings(rng *rand.Rand) stack.Config {
	cfg := stack.Defaults(nil)
	cfg.SetInterval(10 * time.Minute)
	cfg.Poller.SweepInterval = oneOf[time.Duration](rng, 20, 30, 60, 120) * time.Minute
	l := &cfg.Ledger
	l.Window = oneOf[time.Duration](rng, 1, 3, 4, 6) * time.Hour
	l.MaxMeetingDuration = oneOf[time.Duration](rng, 1, 2, 3) * time.Hour
	l.MaxCatchUp = oneOf[time.Duration](rng, 6, 24, 72, 72) * time.Hour
	l.StaleAfter = oneOf[time.Duration](rng, 20, 60, 180) * time.Minute
	l.Hold = oneOf[time.Duration](rng, 0, 2, 10, 30) * time.Minute
	l.MaxDepartments = oneOf(rng, 1, 3, 200, 200)
	cfg.Poller.Tail = min(oneOf[time.Duration](rng, 25, 40, 60, 120)*time.Minute, reach(cfg))
	cfg.Client.PageLimit = oneOf(rng, 4, 5, 6, 10)
	l.Attendance = chance(rng, 0.75)
	cfg.LiveInterval, cfg.ResourcesInterval = 7*time.Minute, 20*time.Minute
	cfg.AttendanceDelay = oneOf[time.Duration](rng, 0, 1, 10, 40) * time.Minute
	cfg.Client.MaxRequestsPerMinute = oneOf(rng, 20, 60)
	return cfg
}

// reach returns how far back a sweep reads.
func reach(cfg stack.Config) time.Duration { return cfg.Ledger.Window + cfg.Ledger.MaxMeetingDuration }

func oneOf[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// between returns a random duration to the nanosecond, so that no two random
// events fall on the same instant.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}
