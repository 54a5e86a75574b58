package client_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/fakeservice"
)

// rows returns n encoded rows and their UUIDs.
func (s *setup) rows(n int) (rows [][]byte, uuids []string) {
	records, uuids := s.records(n)
	for i := range records {
		rows = append(rows, fakeservice.Encode(&records[i]))
	}
	return rows, uuids
}

func (s *setup) row(uuid string, minutes int) []byte {
	r := s.record(uuid, minutes)
	return fakeservice.Encode(&r)
}

// window returns a page of rows, empty after their end.
func window(rows [][]byte, offset, limit int) [][]byte {
	return rows[min(offset, len(rows)):min(offset+limit, len(rows))]
}

func pagesOf(rows [][]byte) simulator.Fault {
	return paged(func(offset, limit int) ([][]byte, int) { return window(rows, offset, limit), len(rows) })
}

// A service, or a gateway before it, may page in another way than documented.
// Its records may then be out of reach, but never missed in silence.
func TestServiceThatPagesWrong(t *testing.T) {
	s := newSetup(t, pageLimit(5))
	for name, page := range map[string]func(rows [][]byte, offset, limit int) (page [][]byte, count int){
		"ignores the offset": func(rows [][]byte, _, limit int) ([][]byte, int) {
			return window(rows, 0, limit), len(rows)
		},
		"takes the offset for a page number": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			return window(rows, offset*limit, limit), len(rows)
		},
		"page number, repeats the last page": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			last := (len(rows) - 1) / limit
			return window(rows, min(offset, last)*limit, limit), len(rows)
		},
		"counts the offset from 1": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			return window(rows, max(offset-1, 0), limit), len(rows) + 1
		},
		"sends one page only": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			return window(rows, offset*len(rows), limit), len(rows)
		},
		"has rows behind an empty page": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			switch offset {
			case 0:
				return window(rows, 0, limit), limit
			case limit - 1:
				return window(rows, limit, limit), limit
			}
			return nil, limit
		},
		"sends no rows": func(rows [][]byte, _, _ int) ([][]byte, int) { return nil, len(rows) },
		"counts one more than it has": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			return window(rows, offset, limit), len(rows) + 1
		},
		"leaves out the last row": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			return window(rows[:len(rows)-1], offset, limit), len(rows)
		},
		"leaves out a row of each page": func(rows [][]byte, offset, limit int) ([][]byte, int) {
			page := window(rows, offset, limit)
			return page[:len(page)-1], len(rows)
		},
	} {
		for _, n := range []int{6, 9, 20} { // of 5 a page
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				s.reset(t)
				rows, uuids := s.rows(n)
				s.fault(paged(func(offset, limit int) ([][]byte, int) { return page(rows, offset, limit) }))
				listing, err := s.list(t.Context())
				if err == nil { // it may happen to be complete
					wantUUIDs(t, listing, uuids)
					return
				}
				wantReason(t, err, client.Incomplete)
				s.wantReadings(t, 3)
			})
		}
	}
}

// Rows with one start may come in another order for every page. Then one may
// come twice and another not at all, in each reading. If the second page begins
// with the right row, the only sign is that a row came twice in two readings.
func TestUnstableOrderLosesNothing(t *testing.T) {
	s := newSetup(t, pageLimit(3))
	for _, second := range []string{"adbc", "abdc", "cabd"} {
		s.reset(t)
		s.fault(paged(func(offset, limit int) ([][]byte, int) {
			order := "abcd"
			if offset > 0 {
				order = second
			}
			var rows [][]byte
			for _, uuid := range order {
				rows = append(rows, s.row(string(uuid), 10))
			}
			return window(rows, offset, limit), len(rows)
		}))
		listing, err := s.list(t.Context())
		if err != nil {
			wantReason(t, err, client.Incomplete)
		} else if got := uuidsOf(t, listing.Meetings); len(got) < 4 {
			t.Errorf("abcd, then %s: %v is not the whole history", second, got)
		}
	}
}

// Without an overlap, only the number of distinct records shows it.
func TestUnstableOrderWithoutOverlap(t *testing.T) {
	s := newSetup(t, pageLimit(3))
	s.fault(paged(func(offset, limit int) ([][]byte, int) {
		order := "abcdefghi"
		if offset == 2 {
			order = "abcdegfhi"
		}
		var rows [][]byte
		for _, uuid := range order {
			rows = append(rows, s.row(string(uuid), 10))
		}
		return window(rows, offset*limit, limit), len(rows)
	}))
	s.wantFailure(t, client.Incomplete)
}

func TestRecordsThatAreListedTwice(t *testing.T) {
	for name, c := range map[string]struct {
		order    []int
		readings int // two if the record comes again on another page
	}{
		"within the first page":  {[]int{0, 1, 1, 2, 3, 4, 5, 6}, 1},
		"across two pages":       {[]int{0, 1, 2, 3, 3, 4, 5, 6}, 2},
		"at the overlap":         {[]int{0, 1, 2, 3, 4, 4, 5, 6}, 1},
		"at the end":             {[]int{0, 1, 2, 3, 4, 5, 6, 6}, 2},
		"at the end of the page": {[]int{0, 1, 2, 3, 3}, 2},
		"alone":                  {[]int{0, 0}, 1},
		"three times":            {[]int{0, 1, 1, 1, 2, 3, 4, 5}, 1},
		"two of them":            {[]int{0, 1, 1, 2, 3, 4, 4, 5}, 1},
		"far apart":              {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, pageLimit(4))
			all, uuids := s.rows(12)
			var rows [][]byte
			for _, i := range c.order {
				rows = append(rows, all[i])
			}
			s.fault(pagesOf(rows))
			wantUUIDs(t, s.mustList(t), uuids[:slices.Max(c.order)+1])
			s.wantReadings(t, c.readings)
		})
	}
}

// The overlap takes one row of each page, so pages of one row lead nowhere.
func TestPagesOfOneRowEnd(t *testing.T) {
	s := newSetup(t, pageLimit(1))
	s.addRecords(3)
	s.wantFailure(t, client.Incomplete)
	if n := len(s.offsets()); n > 3*3 {
		t.Errorf("%d pages", n)
	}
}

func TestEndlessCountEnds(t *testing.T) {
	s := newDirectSetup(t, pageLimit(2))
	s.fault(paged(func(offset, _ int) ([][]byte, int) {
		row := func(n int) []byte { return []byte(`{"confUUID":"` + strconv.Itoa(n) + `"}`) }
		return [][]byte{row(offset), row(offset + 1)}, offset + 3
	}))
	s.wantFailure(t, client.Incomplete)
	if n := s.Requests(simulator.PathHistory); n < 3*1000 || n > 3*1010 {
		t.Errorf("%d pages", n)
	}
}

// changer changes the history at random while it is read.
type changer struct {
	*setup
	rng      *rand.Rand
	rate     float64         // the probability of a change before a page
	listed   map[string]bool // now
	constant map[string]bool // since the reading began
	ever     map[string]bool
}

func newChanger(s *setup, seed uint64) *changer {
	rng := rand.New(rand.NewPCG(seed, 0))
	c := &changer{
		setup: s, rng: rng, rate: rng.Float64() / 2,
		listed: map[string]bool{}, ever: map[string]bool{},
	}
	for range rng.IntN(25) {
		c.add()
	}
	c.constant = maps.Clone(c.listed)
	return c
}

// add adds a record, often with the start of another.
func (c *changer) add() {
	uuid := fmt.Sprintf("u%03d", len(c.ever))
	r := c.record(uuid, c.rng.IntN(60))
	if c.rng.IntN(8) == 0 {
		r.NormalCount = new(-1)
	}
	c.Add(r)
	c.listed[uuid], c.ever[uuid] = true, true
}

func (c *changer) change() {
	if c.rng.Float64() > c.rate {
		return
	}
	for range 1 + c.rng.IntN(3) {
		uuids := slices.Sorted(maps.Keys(c.listed))
		if len(uuids) == 0 || c.rng.IntN(2) == 0 {
			c.add()
			continue
		}
		uuid := uuids[c.rng.IntN(len(uuids))]
		if c.rng.IntN(3) == 0 {
			c.Edit(uuid, func(r *simulator.Record) { r.IsHasRecordFile = new(true) })
			continue
		}
		c.drop(uuid)
	}
}

func (c *changer) drop(uuid string) {
	c.Remove(uuid)
	delete(c.listed, uuid)
	delete(c.constant, uuid)
}

// remove removes a record.
func (c *changer) remove() {
	uuids := slices.Sorted(maps.Keys(c.listed))
	c.drop(uuids[c.rng.IntN(len(uuids))])
}

// wantConstant fails unless a listing holds every record that was listed from
// its beginning to its end, and no record that never was.
func (c *changer) wantConstant(t *testing.T, listing *client.Listing, seed uint64) {
	t.Helper()
	got := uuidsOf(t, listing.Meetings)
	for _, uuid := range slices.Sorted(maps.Keys(c.constant)) {
		if !slices.Contains(got, uuid) {
			t.Errorf("seed %d: %s was listed throughout and is missing from %v", seed, uuid, got)
		}
	}
	for _, uuid := range got {
		if !c.ever[uuid] {
			t.Errorf("seed %d: %s was never listed", seed, uuid)
		}
	}
}

func (c *changer) removeAll() {
	for uuid := range c.listed {
		c.Remove(uuid)
	}
}

// A listing without an error holds every record that was listed from its
// beginning to its end, whatever else came and went.
func TestRandomChangesLoseNothing(t *testing.T) {
	for _, limit := range []int{3, 5, 8} {
		t.Run(fmt.Sprint(limit, " a page"), func(t *testing.T) {
			s := newDirectSetup(t, pageLimit(limit))
			complete, changed := 0, 0
			for seed := range uint64(100) {
				c := newChanger(s, seed)
				s.fault(onHistory(simulator.Skip(1, beforeNext(c.change))))
				listing, err := s.list(t.Context())
				s.fault(nil)
				c.removeAll()
				if err != nil {
					wantReason(t, err, client.Incomplete)
					continue
				}
				complete++
				if len(c.constant) < len(c.ever) {
					changed++
				}
				c.wantConstant(t, listing, seed)
			}
			if complete < 60 || changed < 15 {
				t.Errorf("only %d readings were complete, %d of them with changes", complete, changed)
			}
		})
	}
}
