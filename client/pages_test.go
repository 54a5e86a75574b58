package client_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

func TestPagesSinceIsWhatAListingFromThereTakes(t *testing.T) {
	for name, c := range map[string]struct {
		opts    []option
		prepare func(s *site, record simulator.Record) simulator.Record
	}{
		"as usual": {opts: []option{pageLimit(5)}},
		"the service allows shorter pages": {opts: []option{
			pageLimit(5), func(service *simulator.Config, _ *client.Config) { service.MaxLimit = 3 },
		}},
		"nothing listed is a meeting": {
			opts: []option{pageLimit(5)},
			prepare: func(_ *site, r simulator.Record) simulator.Record {
				r.Extra = map[string]json.RawMessage{"endTime": json.RawMessage(`"soon"`)}
				return r
			},
		},
		"it was read twice": {
			opts: []option{pageLimit(5)},
			prepare: func(s *site, r simulator.Record) simulator.Record {
				s.fault(before(1, func() { s.Remove("r00"); s.Remove("r01") }))
				return r
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range 25 {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, c.opts...)
					for i := range n {
						r := s.record(fmt.Sprintf("r%02d", i), 10*i)
						if c.prepare != nil {
							r = c.prepare(s, r)
						}
						s.Add(r)
					}
					s.wantPagesSince(t, n)
				})
			}
		})
	}
}

// wantPagesSince reads everything, and then what began with each record.
func (s *site) wantPagesSince(t *testing.T, records int) {
	t.Helper()
	list := func(from time.Time) *client.Listing {
		listing := s.client.History(from, time.Now())
		for _, err := range listing.Meetings(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
		}
		return listing
	}
	all := list(s.began.Add(-8 * 24 * time.Hour))
	for i := range records + 1 {
		from, before := s.record("", 10*i).Start, len(s.offsets())
		list(from)
		if got, want := all.PagesSince(from), len(s.offsets())-before; got != want {
			t.Errorf("%d pages from the record with index %d of %d on, took %d", got, i, records, want)
		}
	}
}
