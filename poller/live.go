package poller

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// Live reads the meetings in progress.
type Live struct {
	*Optional
	meetings latest[LiveMeetings]
}

// LiveMeetings are the meetings in progress. It is immutable.
type LiveMeetings struct {
	// Sums has one entry for each label set that the ledger has seen or that is
	// in use now, in order.
	Sums []LiveSums
	// WithoutCount is the number of meetings of which the service does not say
	// how many people are in.
	WithoutCount int
}

// LiveSums are the meetings in progress of one label set.
type LiveSums struct {
	ledger.LabelSet
	Meetings int
	// Online is how many people are in the meetings of which the service says it.
	// Known is false if it says it of none of them.
	Online int64
	Known  bool
}

// NewLive returns a Live, which has read nothing. Snapshot returns what the ledger
// has published: that decides which departments have a label of their own.
func NewLive(cfg OptionalConfig, c *client.Client, snapshot func() *ledger.Snapshot) *Live {
	l := &Live{}
	l.Optional = newOptional("live", cfg, reads(&l.meetings, cfg, "the meetings in progress", 1, func(ctx context.Context) (LiveMeetings, error) {
		running, err := c.Online(ctx)
		if err != nil {
			return LiveMeetings{}, err
		}
		return sumLive(running, snapshot()), nil
	}))
	return l
}

// Meetings returns the meetings in progress as last read. It returns false before
// the first success, and if five intervals have passed since the last. Now is the
// wall clock.
func (l *Live) Meetings(now time.Time) (LiveMeetings, bool) { return l.meetings.get(now) }

func sumLive(running []client.Running, snapshot *ledger.Snapshot) (m LiveMeetings) {
	inDepartment := map[string]int{}
	for _, r := range running {
		inDepartment[r.Department]++
	}
	labels, sums := snapshot.DepartmentLabels(inDepartment), map[ledger.LabelSet]LiveSums{}
	for _, r := range running {
		set := ledger.LabelSet{Department: labels[r.Department], Type: r.Type}
		one := sums[set]
		one.LabelSet = set
		one.Meetings++
		if r.Online == meeting.Absent {
			m.WithoutCount++
		} else {
			one.Online += int64(r.Online)
			one.Known = true
		}
		sums[set] = one
	}
	for _, set := range snapshot.LabelSets() {
		if _, used := sums[set]; !used {
			sums[set] = LiveSums{LabelSet: set, Known: true}
		}
	}
	m.Sums = slices.SortedFunc(maps.Values(sums), func(a, b LiveSums) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Type, b.Type))
	})
	return m
}
