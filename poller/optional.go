package poller

import (
	"time"

	"huaweicloud_meeting_exporter/client"
)

const (
	// refusedInterval is the time between two attempts at what is refused.
	refusedInterval = time.Hour
	// maxRefusals is how many refusals since the last success it takes to believe
	// them. The first may come from a dead token, which the polls of the history
	// replace. A single 404 is enough.
	maxRefusals = 2
)

// OptionalStatus is the record of the rounds since the start. It is immutable.
type OptionalStatus struct {
	// Name is the value of the label collector.
	Name string
	// Started is when the collector was made.
	Started time.Time
	// Success reports whether the last attempt succeeded; false before the first.
	Success bool
	// LastSuccess is when the last round ended after which Success was true, zero
	// if there was none.
	LastSuccess time.Time
	// Failures counts failed attempts.
	Failures map[client.Reason]int
}

// OptionalReasons lists every reason of a failed attempt.
func OptionalReasons() []client.Reason { return Reasons() }
