package ledger_test

import (
	"fmt"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// The first sweep is a baseline. A meeting that comes later counts once its
// series was delivered at 0 and the hold has passed.
func Example() {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	l := ledger.New(ledger.Config{
		Window: 24 * time.Hour, MaxMeetingDuration: 30 * time.Hour, StaleAfter: time.Hour,
		Hold: 2 * time.Minute, MaxDepartments: 200,
	}, now)
	poll := func(sweep bool, meetings ...meeting.Meeting) {
		from := l.SweepFrom(now)
		if err := l.Apply(ledger.Poll{Sweep: sweep, From: from, Began: now, Ended: now, Meetings: meetings}, now); err != nil {
			fmt.Println(err)
		}
	}
	ended := func(uuid string) meeting.Meeting {
		return meeting.Meeting{UUID: uuid, Start: now.Add(-time.Hour), End: now, Department: "sales", Type: meeting.Scheduled}
	}

	poll(true, ended("old"))
	poll(false, ended("new"))
	fmt.Println("recent:", l.Snapshot().Recent(now)[0].Meetings)
	fmt.Println("counted, held:", l.Snapshot().Totals()[0].Meetings)

	l.Snapshot().MarkDelivered(now) // a scrape has read the 0
	now = now.Add(2 * time.Minute)
	poll(false)
	fmt.Println("counted, released:", l.Snapshot().Totals()[0].Meetings)
	// Output:
	// recent: 2
	// counted, held: 0
	// counted, released: 1
}
