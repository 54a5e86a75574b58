package e2e_test

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// trouble is what befalls a connection.
type trouble int

const (
	troubleReset trouble = iota // before anything is said
	troubleCut                  // in the midst of an answer
	troubleStall                // in the midst of an answer nothing more comes
	troubleSlow                 // little at a time, and cut later
	troubleNone                 // cut later all the same
	troubles
)

// link is what lies between an exporter and a service: real connections, each
// of which has its trouble. All kinds come in turn, in an order that chance
// shuffles each time.
type link struct {
	address, service string
	carrying         sync.WaitGroup

	mu       sync.Mutex
	rng      *rand.Rand
	deck     []trouble
	met      [troubles]int // how often each trouble came
	healed   bool          // there are no more troubles
	listener net.Listener
	open     map[net.Conn]bool
}

// newLink returns a link that is up, to the service at a URL.
func newLink(t *testing.T, rng *rand.Rand, url string) *link {
	t.Helper()
	l := &link{
		address: lastingAddress(t),
		service: strings.TrimPrefix(url, "http://"),
		rng:     rand.New(rand.NewPCG(rng.Uint64(), 0)),
		open:    map[net.Conn]bool{},
	}
	l.up(t)
	t.Cleanup(func() {
		l.down()
		l.carrying.Wait()
	})
	return l
}

// up takes connections.
func (l *link) up(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.listener = listener
	l.carrying.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it is down
			}
			l.carrying.Go(func() { l.carry(conn) })
		}
	})
}

// down refuses connections, and ends those that are open.
func (l *link) down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener.Close()
	for conn := range l.open {
		conn.Close()
	}
}

// heal ends the troubles of the connections to come.
func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.healed = true
}

// metAll tells whether every trouble came.
func (l *link) metAll() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Min(l.met[:]) > 0
}

// deal says what will befall a connection, and after how many bytes of answers.
// It strikes the first one so soon that no sign-in can be answered in whole.
func (l *link) deal() (what trouble, after int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.healed {
		return troubleNone, 1 << 40
	}
	if len(l.deck) == 0 {
		for i := range troubles {
			l.deck = append(l.deck, i)
		}
		l.rng.Shuffle(len(l.deck), func(i, j int) { l.deck[i], l.deck[j] = l.deck[j], l.deck[i] })
	}
	what, l.deck = l.deck[0], l.deck[1:]
	after = 1 + l.rng.IntN(400_000)
	if l.met == [troubles]int{} {
		after = 1 + l.rng.IntN(300)
	}
	l.met[what]++
	return what, after
}

// carry passes the bytes of a connection on until its trouble comes.
func (l *link) carry(conn net.Conn) {
	what, after := l.deal()
	service, err := net.Dial("tcp", l.service)
	if err != nil || what == troubleReset {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		if err == nil {
			service.Close()
		}
		return
	}
	l.note(conn, service)
	asking := make(chan struct{}) // until the exporter gives up
	defer func() {
		l.forget(conn, service)
		<-asking
	}()
	go func() {
		defer close(asking)
		_, _ = io.Copy(service, conn)
		_ = service.(*net.TCPConn).CloseWrite()
	}()

	chunk := make([]byte, 16<<10)
	if what == troubleSlow {
		chunk = chunk[:1<<10]
	}
	for after > 0 {
		n, err := service.Read(chunk[:min(len(chunk), after)])
		if _, failed := conn.Write(chunk[:n]); err != nil || failed != nil {
			break
		}
		after -= n
		if what == troubleSlow {
			time.Sleep(time.Millisecond)
		}
	}
	if what == troubleStall {
		<-asking
	}
}

func (l *link) note(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		l.open[conn] = true
	}
}

func (l *link) forget(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.open, conn)
		conn.Close()
	}
}
