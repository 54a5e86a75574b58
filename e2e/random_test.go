package e2e_test

import (
	"cmp"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// seedVariable is the environment variable that repeats a run.
const seedVariable = "E2E_SEED"

// newRandom returns a source of chance whose seed a failure prints. What
// follows from it is the same again with that seed, save for what the
// scheduler does.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv(seedVariable), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	if err != nil {
		t.Fatalf("environment variable %s: %v", seedVariable, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat it with %s=%d", seedVariable, seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// upTo is a random duration below the limit.
func upTo(rng *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(limit)))
}

// oneOf is a random element.
func oneOf[T any](rng *rand.Rand, all ...T) T { return all[rng.IntN(len(all))] }

// ephemeralPorts is where operating systems begin to take the ports that
// nobody chose.
const ephemeralPorts = 32_768

// lastingAddress returns an address of loopback that a server can leave and
// take again: it is free, and nobody gets it who only asks for a free one.
func lastingAddress(t *testing.T) string {
	t.Helper()
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ephemeralPorts-1-rand.IntN(16_000)))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			listener.Close()
			return address
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
