package bench

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// answerTime is how long evenly takes for an answer.
const answerTime = 100 * time.Millisecond

// evenly is a service whose meetings begin at even distances, day and night,
// and are over and listed at once, so that nothing but their number makes a
// listing long. Rows are made when they are asked for, and hold no more than
// the exporter needs.
type evenly struct {
	distance time.Duration

	mu     sync.Mutex
	asked  []time.Time // requests for history
	sweeps []time.Time // those that began a listing longer than tail
	tail   time.Duration
}

// serve returns a transport that leads to the service, and what ends both.
func (s *evenly) serve() (transport *http.Transport, stop func()) {
	pipe := simulator.NewPipe()
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	transport = &http.Transport{DialContext: pipe.DialContext}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(pipe) })
	return transport, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
	}
}

// ServeHTTP implements http.Handler.
func (s *evenly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	time.Sleep(answerTime)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != simulator.PathHistory {
		_, _ = fmt.Fprint(w, `{"accessToken":"token","validPeriod":86400,"user":{"adminType":0}}`)
		return
	}
	query := r.URL.Query()
	number := func(name string) int64 {
		n, err := strconv.ParseInt(query.Get(name), 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	from, to, offset := time.UnixMilli(number("startDate")), time.UnixMilli(number("endDate")), number("offset")
	s.note(now, offset == 0 && now.Sub(from) > s.tail+s.distance+time.Minute)

	first := (from.UnixNano()-1)/int64(s.distance) + 1
	count := to.UnixNano()/int64(s.distance) - first + 1
	body := []byte(`{"data":[`)
	for i := offset; i < min(offset+number("limit"), count); i++ {
		if i > offset {
			body = append(body, ',')
		}
		at := wireTime(time.Unix(0, (first+i)*int64(s.distance)))
		body = fmt.Appendf(body, `{"confUUID":"%d","startTime":"%s","endTime":"%s"}`, first+i, at, at)
	}
	_, _ = w.Write(fmt.Appendf(body, `],"count":%d}`, count))
}

func (s *evenly) note(at time.Time, sweep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, at)
	if sweep {
		s.sweeps = append(s.sweeps, at)
	}
}
