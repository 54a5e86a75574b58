package poller_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/go-kit/log"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
	"huaweicloud_meeting_exporter/simulator"
)

// One poll moves the meetings of the service through the client into the
// ledger.
func Example() {
	ctx, end := context.Background(), time.Now().Add(-time.Hour)
	service := simulator.New(simulator.Config{AppID: "app", AppKey: "key"})
	service.Add(simulator.Record{ConfUUID: "1", DeptName: "sales", Start: end.Add(-time.Hour), End: end, ListedAt: end})
	server := httptest.NewServer(service)
	defer server.Close()

	c, err := client.New(client.Config{
		Endpoint: server.URL, AppID: "app", Secret: func() (string, error) { return "key", nil },
		Timeout: 30 * time.Second, MaxRequestsPerMinute: 60, SignInInterval: time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close(ctx) }()
	l := ledger.New(ledger.Config{Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, StaleAfter: time.Hour}, time.Now())
	p := poller.New(poller.Config{
		Interval: time.Minute, SweepInterval: 30 * time.Minute, Tail: 4 * time.Hour, Now: time.Now, Logger: log.NewNopLogger(),
	}, c, l)

	result, err := p.Poll(ctx)
	fmt.Println(result.Kind, result.Meetings, err)
	fmt.Println("recent:", l.Snapshot().Recent(time.Now())[0].Meetings)
	// Output:
	// sweep 1 <nil>
	// recent: 1
}
