package backfill

import (
	"context"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

// Estimate is a rough estimate of a backfill. It knows only the label sets of
// the first page.
type Estimate struct {
	Meetings, Requests int
	LabelSets          int
	Instants, Files    int
	Samples, Bytes     int64
}

const (
	samplesPerSet   = 10            // at one instant
	samplesOfOthers = 5*(14+13) + 2 // at one instant: histograms, window and folded meetings
	bytesPerSample  = 160
	rowsPerPage     = 500 - 1 // pages overlap by a row
)

// EstimateOf requests one page of the whole range.
func EstimateOf(ctx context.Context, c *client.Client, cfg Config) (Estimate, error) {
	page, err := c.FirstPage(ctx, cfg.From.Add(-cfg.reach()), cfg.To)
	if err != nil {
		return Estimate{}, err
	}
	sets := map[ledger.LabelSet]bool{}
	for _, m := range page.Meetings {
		sets[ledger.LabelSet{Department: m.Department, Type: m.Type}] = true
	}
	e := Estimate{
		Meetings: page.Announced, LabelSets: len(sets),
		Instants: int(cfg.To.Sub(cfg.From)/cfg.Step) + 1, Files: len(cfg.days()),
	}
	e.Requests = 1 + page.Announced/rowsPerPage + e.Files + 1 // a sign-in, and for each slice a page that is not full
	e.Samples = int64(e.Instants) * int64(samplesPerSet*len(sets)+samplesOfOthers)
	e.Bytes = e.Samples * bytesPerSample
	return e, nil
}
