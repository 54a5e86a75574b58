package bench

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/fakeservice"
)

// responseTime is how long evenService takes for a response.
const responseTime = 100 * time.Millisecond

// evenService is a service whose meetings start at even distances, day and
// night. Each one ends and is listed at once, so only the number of meetings
// makes a listing long. It makes the rows on request.
type evenService struct {
	distance time.Duration
	tail     time.Duration

	mu       sync.Mutex
	requests []time.Time // for history
	sweeps   []time.Time // those that began a listing longer than tail
}

// serve returns a transport to the service, and a function that stops both.
func (s *evenService) serve() (transport *http.Transport, stop func()) {
	pipe := simulator.NewPipe()
	server := &http.Server{Handler: fakeservice.Handler(s.page), ReadHeaderTimeout: 10 * time.Second}
	transport = &http.Transport{DialContext: pipe.DialContext}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(pipe) })
	return transport, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
	}
}

func (s *evenService) page(r *http.Request) []byte {
	now := time.Now()
	time.Sleep(responseTime)
	from, to := time.UnixMilli(fakeservice.Number(r, "startDate")), time.UnixMilli(fakeservice.Number(r, "endDate"))
	offset, limit := fakeservice.Number(r, "offset"), fakeservice.Number(r, "limit")
	s.record(now, offset == 0 && now.Sub(from) > s.tail+s.distance+time.Minute)

	first := (from.UnixNano()-1)/int64(s.distance) + 1
	count := to.UnixNano()/int64(s.distance) - first + 1
	var rows []string
	for i := offset; i < min(offset+limit, count); i++ {
		at := time.Unix(0, (first+i)*int64(s.distance)).UTC().Format("2006-01-02 15:04")
		rows = append(rows, fmt.Sprintf(`{"confUUID":"%d","startTime":"%s","endTime":"%s"}`, first+i, at, at))
	}
	return fakeservice.Page(rows, int(count))
}

func (s *evenService) record(at time.Time, sweep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, at)
	if sweep {
		s.sweeps = append(s.sweeps, at)
	}
}
