package backfill

import (
	"context"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

// Estimate is what a backfill would take and bring, roughly: label sets are
// those of the first page.
type Estimate struct {
	Meetings, Requests int
	LabelSets          int
	Instants, Files    int
	Samples, Bytes     int64
}

// What one label set and everything else bring at each instant.
const (
	samplesOfSet    = 10
	samplesOfOthers = 5*(14+13) + 2 // histograms, the window and what was folded
	bytesOfSample   = 160
	rowsOfPage      = 500 - 1 // pages overlap by a row
)

// EstimateOf asks for one page of the whole range.
func EstimateOf(ctx context.Context, c *client.Client, cfg Config) (Estimate, error) {
	page, err := c.FirstPage(ctx, cfg.From.Add(-cfg.reach()), cfg.To)
	if err != nil {
		return Estimate{}, err
	}
	sets := map[ledger.Labels]bool{}
	for _, m := range page.Meetings {
		sets[ledger.Labels{Department: m.Department, Type: m.Type}] = true
	}
	e := Estimate{
		Meetings: page.Total, LabelSets: len(sets),
		Instants: int(cfg.To.Sub(cfg.From)/cfg.Step) + 1, Files: len(cfg.days()),
	}
	e.Requests = 1 + page.Total/rowsOfPage + e.Files + 1 // sign in; a page that is not full for each slice
	e.Samples = int64(e.Instants) * int64(samplesOfSet*len(sets)+samplesOfOthers)
	e.Bytes = e.Samples * bytesOfSample
	return e, nil
}
