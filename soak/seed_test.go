package soak_test

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Every so manieth seed has the program's default flags, for a shorter time.
const (
	usualEvery  = 65
	usualLength = 5 * time.Hour
	length      = 50 * time.Hour
)

// number reads a number from the environment.
func number(t *testing.T, name string, byDefault uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestEverySeedKeepsTheRules runs SEEDS seeds (200) from FIRST_SEED (1) on, or
// the one seed that SEED names.
func TestEverySeedKeepsTheRules(t *testing.T) {
	first, n := number(t, "FIRST_SEED", 1), number(t, "SEEDS", 200)
	if os.Getenv("SEED") != "" {
		first, n = number(t, "SEED", 0), 1
	}
	var all totalScore
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+n; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				_, score := runSeed(t, seed)
				all.add(score)
			})
		}
	})
	t.Log(all.String())
}

// TestTheSameSeedGivesTheSameTrace is what makes a failure worth its seed.
func TestTheSameSeedGivesTheSameTrace(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, usualEvery} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			first, _ := runSeed(t, seed)
			second, _ := runSeed(t, seed)
			if first != second {
				t.Errorf("two runs of seed %d differ", seed)
			}
		})
	}
}

// runSeed lives through one seed and returns the digest of its trace.
func runSeed(t *testing.T, seed uint64) (digest string, s score) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		defer func() {
			if t.Failed() {
				t.Logf("The end of the history:\n%s\nRun it again with:\n  SEED=%d go test ./soak -run TestEverySeedKeepsTheRules", w.trace.tail(), seed)
			}
		}()
		if seed%usualEvery == 0 {
			w.run(usualLength)
		} else {
			w.run(length)
		}
		digest, s = w.trace.digest(), w.score
	})
	return digest, s
}

// totalScore adds up what the seeds were worth.
type totalScore struct{ seeds, polls, failed, sweeps, scrapes, crashes, lives, checks, exact atomic.Int64 }

func (a *totalScore) add(s score) {
	a.seeds.Add(1)
	a.polls.Add(int64(s.polls))
	a.failed.Add(int64(s.failed))
	a.sweeps.Add(int64(s.sweeps))
	a.scrapes.Add(int64(s.scrapes))
	a.crashes.Add(int64(s.crashes))
	a.lives.Add(int64(s.lives))
	a.checks.Add(int64(s.checks))
	a.exact.Add(int64(s.exact))
}

func (a *totalScore) String() string {
	return fmt.Sprintf("%d seeds: %d polls, %d failed, %d sweeps complete, %d scrapes, %d crashes, %d lives of a ledger; in %d of %d quiet times the truth was exact to the meeting",
		a.seeds.Load(), a.polls.Load(), a.failed.Load(), a.sweeps.Load(), a.scrapes.Load(), a.crashes.Load(), a.lives.Load(), a.exact.Load(), a.checks.Load())
}
