package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

func TestPagesFollowOneAnotherWithAnOverlapOfOneRow(t *testing.T) {
	for _, c := range []struct {
		records, limit, clamp int
		want                  []int // offsets
	}{
		{0, 4, 500, []int{0}},
		{1, 4, 500, []int{0}},
		{4, 4, 500, []int{0}},
		{5, 4, 500, []int{0, 3}},
		{7, 4, 500, []int{0, 3}},
		{8, 4, 500, []int{0, 3, 6}},
		{10, 4, 500, []int{0, 3, 6}},
		{5, 2, 500, []int{0, 1, 2, 3}},
		{10, 500, 3, []int{0, 2, 4, 6, 8}}, // the service gives fewer than asked for
		{10, 9, 500, []int{0, 8}},
		{600, 0, 500, []int{0, 499}},
		{600, 5000, 500, []int{0, 499}},
	} {
		t.Run(fmt.Sprint(c.records, c.limit, c.clamp), func(t *testing.T) {
			s := newLoopbackSite(t, pageLimit(c.limit), func(service *simulator.Config, _ *client.Config) { service.MaxLimit = c.clamp })
			want := s.addRecords(c.records)
			if got := uuidsOf(s.mustPoll(t)); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if got := s.offsets(); !slices.Equal(got, c.want) {
				t.Errorf("offsets %v, want %v", got, c.want)
			}
		})
	}
}

func TestAllPagesAskForTheSameRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, pageLimit(3))
		s.addRecords(10)
		s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(10 * time.Second)
			next.ServeHTTP(w, r)
		}))
		s.mustPoll(t)
		seen := s.seen(simulator.PathHistory)
		for _, r := range seen {
			r.query.Set("offset", "0")
			if got, want := r.query.Encode(), seen[0].query.Encode(); got != want {
				t.Errorf("query %s, want %s", got, want)
			}
		}
		if len(seen) != 5 {
			t.Errorf("%d pages", len(seen))
		}
	})
}

// wantReadings checks how often the history was read, by the pages that begin
// at its first record.
func (s *site) wantReadings(t *testing.T, want int) {
	t.Helper()
	got := 0
	for _, offset := range s.offsets() {
		if offset == 0 {
			got++
		}
	}
	if got != want {
		t.Errorf("%d readings, want %d: offsets %v", got, want, s.offsets())
	}
}

func TestRecordsThatComeAndGoBetweenPagesLoseNone(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(s *site)
		gone     []string // listed before and not after
		come     []string // and certainly read
		readings int
	}{
		"added before the offset":             {change: func(s *site) { s.Add(s.record("new", 5)) }, readings: 1},
		"added at the beginning":              {change: func(s *site) { s.Add(s.record("new", -5)) }, readings: 1},
		"added right behind what was read":    {change: func(s *site) { s.Add(s.record("new", 35)) }, come: []string{"new"}, readings: 1},
		"added at the end":                    {change: func(s *site) { s.Add(s.record("new", 500)) }, come: []string{"new"}, readings: 1},
		"many added before":                   {change: func(s *site) { s.Add(s.record("n1", 1), s.record("n2", 2), s.record("n3", 3)) }, readings: 2},
		"removed before the offset":           {change: func(s *site) { s.Remove("r01") }, gone: []string{"r01"}, readings: 2},
		"the last row read is removed":        {change: func(s *site) { s.Remove("r03") }, gone: []string{"r03"}, readings: 2},
		"two removed before":                  {change: func(s *site) { s.Remove("r00"); s.Remove("r02") }, gone: []string{"r00", "r02"}, readings: 2},
		"the next row is removed":             {change: func(s *site) { s.Remove("r04") }, gone: []string{"r04"}, readings: 2},
		"the last row is removed":             {change: func(s *site) { s.Remove("r09") }, gone: []string{"r09"}, readings: 2},
		"one removed and one added before":    {change: func(s *site) { s.Remove("r01"); s.Add(s.record("new", 5)) }, gone: []string{"r01"}, readings: 1},
		"one removed before, one added later": {change: func(s *site) { s.Remove("r01"); s.Add(s.record("new", 45)) }, gone: []string{"r01"}, come: []string{"new"}, readings: 2},
		"one removed later, one added before": {change: func(s *site) { s.Remove("r08"); s.Add(s.record("new", 5)) }, gone: []string{"r08"}, readings: 2},
		"one moves from behind to before":     {change: func(s *site) { s.move("r08", 5) }, readings: 2},
		"one moves from before to behind":     {change: func(s *site) { s.move("r01", 500) }, readings: 2},
		"all but three removed": {change: func(s *site) {
			for i := 3; i < 10; i++ {
				s.Remove(fmt.Sprintf("r%02d", i))
			}
		}, gone: []string{"r04", "r05", "r06", "r07", "r08", "r09"}, readings: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLoopbackSite(t, pageLimit(4))
			listed := s.addRecords(10)
			s.fault(before(1, func() { c.change(s) }))
			got := distinct(s.mustPoll(t))
			for _, uuid := range append(listed, c.come...) {
				if !slices.Contains(got, uuid) && !slices.Contains(c.gone, uuid) {
					t.Errorf("%s is missing from %v", uuid, got)
				}
			}
			s.wantReadings(t, c.readings)
		})
	}
}

// move changes the start of a record, and with it its place.
func (s *site) move(uuid string, minutes int) {
	s.Edit(uuid, func(r *simulator.Record) {
		moved := s.record(uuid, minutes)
		r.Start, r.End = moved.Start, moved.End
	})
}

func TestEverythingRemovedIsAnEmptyHistoryInTheEnd(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(4))
	uuids := s.addRecords(10)
	s.fault(before(1, func() {
		for _, uuid := range uuids {
			s.Remove(uuid)
		}
	}))
	s.mustPoll(t)
	s.wantReadings(t, 2)
}

func TestAHistoryThatGrowsWhileItIsReadIsReadToItsNewEnd(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(4))
	want := s.addRecords(6)
	added := 0
	s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if added < 5 {
			uuid := fmt.Sprintf("s%02d", added)
			s.Add(s.record(uuid, 1000+added))
			want = append(want, uuid)
			added++
		}
		next.ServeHTTP(w, r)
	}))
	got := distinct(s.mustPoll(t)) // before want is complete
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.wantReadings(t, 1)
}

func TestThreeReadingsAreMadeAtMost(t *testing.T) {
	for name, c := range map[string]struct {
		spoiled int // readings
		whole   bool
	}{"the third is good": {2, true}, "none is good": {3, false}} {
		t.Run(name, func(t *testing.T) {
			s := newLoopbackSite(t, pageLimit(4))
			s.addRecords(30)
			readings := 0
			// In each reading, one record that was read vanishes.
			s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Query().Get("offset") == "0" {
					readings++
				} else if readings <= c.spoiled {
					s.Remove(fmt.Sprintf("r%02d", readings))
				}
				next.ServeHTTP(w, r)
			}))
			_, err := s.poll(t.Context())
			if c.whole && err != nil {
				t.Error(err)
			} else if !c.whole {
				wantReason(t, err, client.Incomplete)
			}
			s.wantReadings(t, 3)
		})
	}
}

func TestOfARecordReadTwiceTheLastRowWins(t *testing.T) {
	for name, uuid := range map[string]string{"in a second reading": "r02", "in the overlap": "r03"} {
		t.Run(name, func(t *testing.T) {
			s := newLoopbackSite(t, pageLimit(4))
			s.addRecords(10)
			s.fault(before(1, func() {
				s.Edit(uuid, func(r *simulator.Record) { r.NormalCount = new(99) })
				if uuid == "r02" {
					s.Remove("r00") // has all read again
				}
			}))
			last := map[string]meeting.Count{}
			for _, m := range s.mustPoll(t) {
				last[m.UUID] = m.Participants
			}
			if last[uuid] != 99 {
				t.Errorf("%d participants in the end, want 99", last[uuid])
			}
		})
	}
}

func TestAnErrorIsTheLastThingThatAListingYields(t *testing.T) {
	for name, c := range map[string]struct {
		fault simulator.Fault
		want  client.Reason
	}{
		"the second page fails":    {simulator.Answer(400, "MMC.111070001", ""), client.Response},
		"the second page is empty": {jsonBody(pageBody(10)), client.Incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLoopbackSite(t, pageLimit(4))
			s.addRecords(10)
			s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Query().Get("offset") == "0" {
					next.ServeHTTP(w, r)
					return
				}
				c.fault(w, r, next)
			}))
			var failure error
			for m, err := range s.client.History(s.began.AddDate(0, 0, -8), s.began).Meetings(t.Context()) {
				if failure != nil {
					t.Fatalf("%v, %v after the error %v", m, err, failure)
				}
				if failure = err; err != nil && m != (meeting.Meeting{}) {
					t.Errorf("%v with the error", m)
				}
			}
			wantReason(t, failure, c.want)
		})
	}
}

func TestBreakingOffAsksForNoMorePages(t *testing.T) {
	for _, after := range []int{1, 4, 5} {
		s := newLoopbackSite(t, pageLimit(4))
		s.addRecords(10)
		n := 0
		for _, err := range s.client.History(s.began.AddDate(0, 0, -8), s.began).Meetings(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == after {
				break
			}
		}
		if got, want := len(s.offsets()), (after+3)/4; n != after || got != want {
			t.Errorf("broke off after %d of %d: %d pages, want %d", n, after, got, want)
		}
	}
}

func TestBreakingOffAtTheErrorIsTheEnd(t *testing.T) {
	s := newLoopbackSite(t)
	s.fault(onHistory(simulator.HTML()))
	n := 0
	for _, err := range s.client.History(s.began, s.began).Meetings(t.Context()) {
		n++
		if err != nil {
			break
		}
	}
	if n != 1 {
		t.Errorf("yielded %d times", n)
	}
}

func TestFirstPageTellsWhatTheWholeListingAnnounces(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(4))
	want := s.addRecords(10)
	spoiled := s.record("bad", 15)
	spoiled.End = spoiled.Start.Add(-time.Hour)
	s.Add(spoiled)
	page, err := s.client.FirstPage(t.Context(), s.began.AddDate(0, 0, -8), s.began)
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != 11 || !slices.Equal(uuidsOf(page.Meetings), want[:3]) || page.Defects[meeting.BadOrder] != 1 {
		t.Errorf("%+v", page)
	}
	if got := s.offsets(); !slices.Equal(got, []int{0}) {
		t.Errorf("offsets %v", got)
	}
}

func TestTheZoneOfAnInstantDoesNotMatter(t *testing.T) {
	// The instants of a listing carry a zone; the service counts from 1970.
	s := newLoopbackSite(t)
	want := s.addRecords(3)
	from := s.began.AddDate(0, 0, -8).In(time.FixedZone("", 8*3600))
	var got []meeting.Meeting
	for m, err := range s.client.History(from, s.began.In(time.FixedZone("", -5*3600))).Meetings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if !slices.Equal(uuidsOf(got), want) {
		t.Errorf("got %v, want %v", uuidsOf(got), want)
	}
}
