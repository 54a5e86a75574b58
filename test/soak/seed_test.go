package soak_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
)

func fromEnvironment(t *testing.T, name string, byDefault uint64) uint64 {
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

// TestSeeds runs SEEDS seeds (200) from FIRST_SEED (1) on, or only the seed
// SEED.
func TestSeeds(t *testing.T) {
	first, n := fromEnvironment(t, "FIRST_SEED", 1), fromEnvironment(t, "SEEDS", 200)
	if os.Getenv("SEED") != "" {
		first, n = fromEnvironment(t, "SEED", 0), 1
	}
	var mu sync.Mutex
	all := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+n; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				_, score := runSeed(t, seed)
				mu.Lock()
				defer mu.Unlock()
				for what, n := range score {
					all[what] += n
				}
			})
		}
	})
	t.Logf("%d seeds: %v", n, all)
}

// TestSameSeedSameTrace shows that a failure can be repeated by its seed.
func TestSameSeedSameTrace(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, defaultsEvery} {
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

// runSeed runs one seed and returns the digest of its trace.
func runSeed(t *testing.T, seed uint64) (digest string, score map[string]int) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		defer func() {
			if t.Failed() {
				t.Logf("The end of the trace:\n%s\nRun it again with:\n  SEED=%d go test ./test/soak -run TestSeeds", w.trace.tail(), seed)
			}
		}()
		w.run()
		digest, score = w.trace.digest(), w.score
	})
	return digest, score
}
