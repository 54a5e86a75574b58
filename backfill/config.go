package backfill

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"huaweicloud_meeting_exporter/ledger"
)

// minSampleAge is the minimum age of a sample. Prometheus keeps younger ones in
// its head block, which a backfilled block must not overlap.
const minSampleAge = 3 * time.Hour

// Config says what to write and where.
type Config struct {
	// From and To bound the ends of the meetings and the times of the samples.
	// To is not included: the last sample, which counts all of the range, is a
	// millisecond earlier. Both are multiples of Step in UTC.
	From, To time.Time
	// Step is the time between two samples of a series.
	Step time.Duration
	// Output is the directory of the files. A missing one is made. If there is a
	// Store, it holds only what is needed to continue.
	Output string
	// Store gets the samples. If it is nil, files do.
	Store *Store
	// Job and Instance are labels of every series, and so are Labels, by name.
	Job, Instance string
	Labels        map[string]string
	// Owner says whose meetings they are, see client.Config.
	Owner string
	// Ledger holds the rules of counting.
	Ledger ledger.Config
	// Requests returns how many requests for the history were sent so far.
	Requests func() int
	// Failed is called before a part of the history is read again, after a wait.
	Failed func(err error, wait time.Duration)
	// Done is called once at the start and then after each finished day.
	Done func(Progress)
}

// Validate checks the configuration. Now is the wall clock. Its errors begin
// with the name of the flag.
func (c *Config) Validate(now time.Time) error {
	switch {
	case c.Step < time.Minute || c.Step%time.Minute != 0 || day%c.Step != 0:
		return fmt.Errorf("--step: %s is not a number of whole minutes that divides a day", c.Step)
	case !c.From.Equal(c.From.Truncate(c.Step)):
		return fmt.Errorf("--from: %s is not a multiple of --step %s", c.From.Format(time.RFC3339), c.Step)
	case !c.To.Equal(c.To.Truncate(c.Step)):
		return fmt.Errorf("--to: %s is not a multiple of --step %s", c.To.Format(time.RFC3339), c.Step)
	case !c.From.Before(c.To):
		return fmt.Errorf("--to: %s is not later than --from %s", c.To.Format(time.RFC3339), c.From.Format(time.RFC3339))
	case now.Sub(c.To) < minSampleAge:
		return fmt.Errorf("--to: %s is less than 3 hours ago: Prometheus accepts older samples only; the latest possible time is %s",
			c.To.Format(time.RFC3339), now.Add(-minSampleAge).UTC().Truncate(c.Step).Format(time.RFC3339))
	case c.Output == "":
		return errors.New("--output: needed")
	case c.Job == "":
		return errors.New("--job: must not be empty")
	case c.Instance == "":
		return errors.New("--instance: must not be empty")
	case !utf8.ValidString(c.Job):
		return fmt.Errorf("--job: %q is not valid UTF-8", c.Job)
	case !utf8.ValidString(c.Instance):
		return fmt.Errorf("--instance: %q is not valid UTF-8", c.Instance)
	}
	return c.validateLabels()
}

// metricLabels are the labels that the metrics have by themselves.
var metricLabels = []string{"department", "conference_type", "le"}

func (c *Config) validateLabels() error {
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		switch value := c.Labels[name]; {
		case name == "job" || name == "instance":
			return fmt.Errorf("--label: %s has a flag of its own: use --%s", name, name)
		case slices.Contains(metricLabels, name):
			return fmt.Errorf("--label: the series already have the label %s", name)
		case strings.HasPrefix(name, "__"):
			return fmt.Errorf("--label: %s is reserved: Prometheus stores no label that begins with __", name)
		case !model.LegacyValidation.IsValidLabelName(name):
			return fmt.Errorf("--label: %q is not the name of a label: use letters, digits and underscores, and no digit first", name)
		case value == "":
			return fmt.Errorf("--label: %s must not be empty", name)
		case !utf8.ValidString(value):
			return fmt.Errorf("--label: the value %q of %s is not valid UTF-8", value, name)
		}
	}
	return nil
}

// allLabels returns the labels of every series.
func (c *Config) allLabels() map[string]string {
	labels := map[string]string{"job": c.Job, "instance": c.Instance}
	maps.Copy(labels, c.Labels)
	return labels
}

// reach is how long before a sample a meeting may have started that its gauges
// show.
func (c *Config) reach() time.Duration { return c.Ledger.Window + c.Ledger.MaxMeetingDuration }

// days returns the midnights of the UTC days of the range.
func (c *Config) days() []time.Time {
	var days []time.Time
	for d := c.From.UTC().Truncate(day); d.Before(c.To); d = d.Add(day) {
		days = append(days, d)
	}
	return days
}

// last returns the time of the last sample. At To stands the first sample of an
// adjacent run, and ends are whole minutes: this one counts all the others.
func (c *Config) last() time.Time { return c.To.Add(-time.Millisecond) }
