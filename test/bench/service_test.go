package bench

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
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

	attendances atomic.Int64 // requests for attendance

	mu       sync.Mutex
	requests []time.Time // for history
	sweeps   []time.Time // those that began a listing longer than tail
}

// serve returns a transport to the service, and a function that stops both.
func (s *evenService) serve() (transport *http.Transport, stop func()) {
	pipe := simulator.NewPipe()
	handler := http.NewServeMux()
	handler.Handle("/", fakeservice.Handler(s.page))
	handler.HandleFunc(simulator.PathAttendance, s.attendance)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
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

// attendance lists one join to each meeting.
func (s *evenService) attendance(w http.ResponseWriter, _ *http.Request) {
	s.attendances.Add(1)
	time.Sleep(responseTime)
	at := time.Now().UnixMilli()
	_, _ = w.Write(fakeservice.Page([]string{fmt.Sprintf(`{"callNumber":"1","joinTime":%d,"leftTime":%d}`, at, at)}, 1))
}

func (s *evenService) record(at time.Time, sweep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, at)
	if sweep {
		s.sweeps = append(s.sweeps, at)
	}
}
