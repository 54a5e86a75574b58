package client_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

func maxLimit(n int) option {
	return func(service *simulator.Config, _ *client.Config) { service.MaxLimit = n }
}

func TestPagesOverlapByOneRecord(t *testing.T) {
	for _, c := range []struct {
		records, limit, maxLimit int
		offsets                  []int
		pageSize                 int
	}{
		{0, 4, 500, []int{0}, 4},
		{1, 4, 500, []int{0}, 4},
		{4, 4, 500, []int{0, 3}, 4},
		{5, 4, 500, []int{0, 3}, 4},
		{7, 4, 500, []int{0, 3, 6}, 4},
		{8, 4, 500, []int{0, 3, 6}, 4},
		{10, 4, 500, []int{0, 3, 6, 9}, 4},
		{5, 2, 500, []int{0, 1, 2, 3, 4}, 2},
		{10, 500, 3, []int{0, 2, 4, 6, 8}, 3}, // the service sends fewer than asked for
		{10, 9, 500, []int{0, 8}, 9},
		{9, 500, 500, []int{0}, 500},
		{10, 500, 500, []int{0, 9}, 500}, // 10 might be a limit of the service
		{600, 0, 500, []int{0, 499}, 500},
		{600, 5000, 500, []int{0, 499}, 500},
	} {
		t.Run(fmt.Sprint(c.records, c.limit, c.maxLimit), func(t *testing.T) {
			s := newSetup(t, pageLimit(c.limit), maxLimit(c.maxLimit))
			want := s.addRecords(c.records)
			listing := s.mustList(t)
			wantUUIDs(t, listing, want)
			if got := s.offsets(); !slices.Equal(got, c.offsets) {
				t.Errorf("offsets %v, want %v", got, c.offsets)
			}
			for _, r := range s.seen(simulator.PathHistory) {
				first := s.seen(simulator.PathHistory)[0].query
				first.Set("offset", r.query.Get("offset"))
				if got, want := r.query.Encode(), first.Encode(); got != want {
					t.Errorf("query %s, want %s", got, want)
				}
			}
			if listing.Announced != c.records || listing.Pages != len(c.offsets) || listing.PageSize != c.pageSize || len(listing.Defects) != 0 {
				t.Errorf("%d announced, %d pages of %d, defects %v", listing.Announced, listing.Pages, listing.PageSize, listing.Defects)
			}
		})
	}
}

// wantReadings counts the pages that begin at the first record.
func (s *setup) wantReadings(t *testing.T, want int) {
	t.Helper()
	got := len(slices.DeleteFunc(s.offsets(), func(offset int) bool { return offset != 0 }))
	if got != want {
		t.Errorf("%d readings, want %d: offsets %v", got, want, s.offsets())
	}
}

// move changes the start of a record, and so its index.
func (s *setup) move(uuid string, minutes int) {
	s.Edit(uuid, func(r *simulator.Record) {
		moved := s.record(uuid, minutes)
		r.Start, r.End = moved.Start, moved.End
	})
}

func (s *setup) removeFrom(first int) {
	for i := first; i < 10; i++ {
		s.Remove(fmt.Sprintf("r%02d", i))
	}
}

func TestChangesWhileReading(t *testing.T) {
	_, uuids := new(setup).records(10)
	for name, c := range map[string]struct {
		change   func(s *setup) // after the first page, r00 to r03, of ten records
		gone     []string       // may be missing
		new      []string       // must be there
		readings int
	}{
		"added before the offset":     {change: func(s *setup) { s.Add(s.record("new", 5)) }, readings: 1},
		"added at the beginning":      {change: func(s *setup) { s.Add(s.record("new", -5)) }, readings: 1},
		"added after the last read":   {change: func(s *setup) { s.Add(s.record("new", 35)) }, new: []string{"new"}, readings: 1},
		"added at the end":            {change: func(s *setup) { s.Add(s.record("new", 500)) }, new: []string{"new"}, readings: 1},
		"many added before":           {change: func(s *setup) { s.Add(s.record("n1", 1), s.record("n2", 2), s.record("n3", 3)) }, readings: 2},
		"removed before the offset":   {change: func(s *setup) { s.Remove("r01") }, gone: []string{"r01"}, readings: 2},
		"last read removed":           {change: func(s *setup) { s.Remove("r03") }, gone: []string{"r03"}, readings: 2},
		"two removed before":          {change: func(s *setup) { s.Remove("r00"); s.Remove("r02") }, gone: []string{"r00", "r02"}, readings: 2},
		"next removed":                {change: func(s *setup) { s.Remove("r04") }, gone: []string{"r04"}, readings: 2},
		"last removed":                {change: func(s *setup) { s.Remove("r09") }, gone: []string{"r09"}, readings: 2},
		"removed and added before":    {change: func(s *setup) { s.Remove("r01"); s.Add(s.record("new", 5)) }, gone: []string{"r01"}, readings: 1},
		"removed before, added after": {change: func(s *setup) { s.Remove("r01"); s.Add(s.record("new", 45)) }, gone: []string{"r01"}, new: []string{"new"}, readings: 2},
		"removed after, added before": {change: func(s *setup) { s.Remove("r08"); s.Add(s.record("new", 5)) }, gone: []string{"r08"}, readings: 2},
		"moved from after to before":  {change: func(s *setup) { s.move("r08", 5) }, readings: 2},
		"moved from before to after":  {change: func(s *setup) { s.move("r01", 500) }, readings: 2},
		"all but three removed":       {change: func(s *setup) { s.removeFrom(3) }, gone: uuids[3:], readings: 2},
		"all removed":                 {change: func(s *setup) { s.removeFrom(0) }, gone: uuids, readings: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, pageLimit(4))
			s.addRecords(10)
			s.fault(beforePage(1, func() { c.change(s) }))
			listing := s.mustList(t)
			got := uuidsOf(t, listing.Meetings)
			for _, uuid := range slices.Concat(uuids, c.new) {
				if !slices.Contains(got, uuid) && !slices.Contains(c.gone, uuid) {
					t.Errorf("%s is missing from %v", uuid, got)
				}
			}
			s.wantReadings(t, c.readings)
			if listing.Pages != len(s.offsets()) || listing.Readings != c.readings || (listing.Dropped != nil) != (c.readings > 1) {
				t.Errorf("%d pages, want %d; %d readings, dropped: %v", listing.Pages, len(s.offsets()), listing.Readings, listing.Dropped)
			}
		})
	}
}

func TestGrowingHistoryIsReadToItsEnd(t *testing.T) {
	s := newSetup(t, pageLimit(4))
	want := s.addRecords(6)
	s.fault(onHistory(simulator.Times(5, beforeNext(func() {
		uuid := fmt.Sprintf("s%02d", len(want))
		s.Add(s.record(uuid, 1000+len(want)))
		want = append(want, uuid)
	}))))
	listing := s.mustList(t) // before want is complete
	wantUUIDs(t, listing, want)
	s.wantReadings(t, 1)
}

func TestThreeReadingsAtMost(t *testing.T) {
	for name, c := range map[string]struct {
		spoiled int // readings
		whole   bool
	}{"the third is good": {2, true}, "none is good": {3, false}} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, pageLimit(4))
			s.addRecords(30)
			readings := 0
			// In each reading, a record that was read vanishes.
			s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Query().Get("offset") == "0" {
					readings++
				} else if readings <= c.spoiled {
					s.Remove(fmt.Sprintf("r%02d", readings))
				}
				next.ServeHTTP(w, r)
			}))
			if c.whole {
				s.mustList(t)
			} else {
				s.wantFailure(t, client.Incomplete)
			}
			s.wantReadings(t, 3)
		})
	}
}

func TestLastRecordOfUUIDCounts(t *testing.T) {
	for name, uuid := range map[string]string{"in a second reading": "r02", "in the overlap": "r03"} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, pageLimit(4))
			s.addRecords(10)
			s.fault(beforePage(1, func() {
				s.Edit(uuid, func(r *simulator.Record) { r.NormalCount = new(99) })
				if uuid == "r02" {
					s.Remove("r00") // causes a second reading
				}
			}))
			meetings := s.mustList(t).Meetings
			if i := slices.Index(uuidsOf(t, meetings), uuid); i < 0 || meetings[i].Participants != 99 {
				t.Errorf("%s is not as changed in %+v", uuid, meetings)
			}
		})
	}
}

// An incomplete reading leaves nothing in the listing.
func TestDefectsOfLastReading(t *testing.T) {
	s := newSetup(t, pageLimit(4))
	s.addRecords(10)
	s.Edit("r03", func(r *simulator.Record) { r.NormalCount = new(-1) }) // in the overlap
	s.Edit("r05", func(r *simulator.Record) { r.End = r.Start.Add(-time.Hour) })
	s.fault(beforePage(2, func() { s.Remove("r00") })) // causes a second reading
	listing := s.mustList(t)
	s.wantReadings(t, 2)
	wantUUIDs(t, listing, []string{"r01", "r02", "r03", "r04", "r06", "r07", "r08", "r09"})
	want := map[meeting.Defect]int{meeting.BadNumber: 1, meeting.BadOrder: 1}
	if !reflect.DeepEqual(listing.Defects, want) {
		t.Errorf("defects %v, want %v", listing.Defects, want)
	}
}

func TestSecondPageFails(t *testing.T) {
	s := newSetup(t, pageLimit(4))
	s.addRecords(10)
	s.fault(onHistory(simulator.Skip(1, simulator.Answer(400, "MMC.111070001", ""))))
	s.wantFailure(t, client.Response)
}

func TestFirstPage(t *testing.T) {
	s := newSetup(t, pageLimit(4))
	want := s.addRecords(10)
	bad := s.record("bad", 15)
	bad.End = bad.Start.Add(-time.Hour)
	s.Add(bad)
	page, err := s.client.FirstPage(t.Context(), s.began.AddDate(0, 0, -8), s.began)
	if err != nil {
		t.Fatal(err)
	}
	wantUUIDs(t, page, want[:3])
	if page.Announced != 11 || page.Pages != 2 || page.PageSize != 4 || page.Defects[meeting.BadOrder] != 1 || page.Paging != client.PagingRecord {
		t.Errorf("%+v", page)
	}
	if got := s.offsets(); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("offsets %v", got)
	}
}

func TestPagesSince(t *testing.T) {
	for name, c := range map[string]struct {
		opts    []option
		prepare func(s *setup)
	}{
		"one reading":   {[]option{pageLimit(5)}, func(*setup) {}},
		"shorter pages": {[]option{pageLimit(5), maxLimit(3)}, func(*setup) {}},
		"two readings": {[]option{pageLimit(5)}, func(s *setup) {
			s.fault(beforePage(1, func() { s.Remove("r00"); s.Remove("r01") }))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 4, 5, 6, 9, 13, 24} {
				s := newDirectSetup(t, c.opts...)
				s.addRecords(n)
				c.prepare(s)
				all := s.mustList(t)
				for i := range n + 1 {
					from := s.record("", 10*i).Start
					again, err := s.client.History(t.Context(), from, time.Now())
					if err != nil {
						t.Fatal(err)
					}
					if got := all.PagesSince(from); got != again.Pages {
						t.Errorf("%d pages from record %d of %d on, want %d", got, i, n, again.Pages)
					}
				}
			}
		})
	}
}
