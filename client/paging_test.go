package client_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// rowText is the text of a row of history.
func (s *site) rowText(uuid string, minutes int) string {
	const layout = "2006-01-02 15:04"
	r := s.record(uuid, minutes)
	return fmt.Sprintf(`{"confUUID":%q,"startTime":%q,"endTime":%q,"conferenceState":"Destroyed"}`,
		uuid, r.Start.UTC().Format(layout), r.End.UTC().Format(layout))
}

func (s *site) rowTexts(n int) (rows, uuids []string) {
	for i := range n {
		uuids = append(uuids, fmt.Sprintf("r%02d", i))
		rows = append(rows, s.rowText(uuids[i], 10*i))
	}
	return rows, uuids
}

// cut is a page of rows, empty past their end.
func cut(rows []string, offset, limit int) []string {
	return rows[min(offset, len(rows)):min(offset+limit, len(rows))]
}

// A service, or whatever stands before it, may fail to page in many ways.
// Records may then be out of reach, but they must not be missed in silence.
func TestAServiceThatDoesNotPageIsIncomplete(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(5))
	for name, page := range map[string]func(rows []string, offset, limit int) (page []string, count int){
		"ignores the offset": func(rows []string, _, limit int) ([]string, int) {
			return cut(rows, 0, limit), len(rows)
		},
		"takes the offset for a page index": func(rows []string, offset, limit int) ([]string, int) {
			return cut(rows, offset*limit, limit), len(rows)
		},
		"takes it so, and repeats the last page": func(rows []string, offset, limit int) ([]string, int) {
			last := (len(rows) - 1) / limit
			return cut(rows, min(offset, last)*limit, limit), len(rows)
		},
		"counts the offset from 1": func(rows []string, offset, limit int) ([]string, int) {
			return cut(rows, max(offset-1, 0), limit), len(rows) + 1
		},
		"gives one page only": func(rows []string, offset, limit int) ([]string, int) {
			if offset > 0 {
				return nil, len(rows)
			}
			return cut(rows, 0, limit), len(rows)
		},
		"gives no rows": func(rows []string, _, _ int) ([]string, int) { return nil, len(rows) },
		"counts one more than it has": func(rows []string, offset, limit int) ([]string, int) {
			return cut(rows, offset, limit), len(rows) + 1
		},
		"leaves out the last row": func(rows []string, offset, limit int) ([]string, int) {
			return cut(rows[:len(rows)-1], offset, limit), len(rows)
		},
		"leaves out a row of each page": func(rows []string, offset, limit int) ([]string, int) {
			page := cut(rows, offset, limit)
			return page[:len(page)-1], len(rows)
		},
	} {
		for _, n := range []int{6, 9, 20} { // of 5 a page
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				s.renew(t)
				rows, uuids := s.rowTexts(n)
				s.fault(paged(func(offset, limit int) ([]string, int) { return page(rows, offset, limit) }))
				got, err := s.poll(t.Context())
				if err == nil && slices.Equal(distinct(got), uuids) {
					return // it happened to come through all the same
				}
				wantReason(t, err, client.Incomplete)
				s.wantReadings(t, 3)
			})
		}
	}
}

// Rows that start at the same time may come in another order for each
// query. Then one of them may come twice and another not at all, and again in
// each reading. (Where the page after the first begins with the row it should,
// all that can be told is that a row came twice in two readings.)
func TestRowsInNoFixedOrderAreNotLost(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(3))
	for _, second := range []string{"adbc", "abdc", "cabd"} {
		s.renew(t)
		s.fault(paged(func(offset, limit int) ([]string, int) {
			order := "abcd"
			if offset > 0 {
				order = second
			}
			var rows []string
			for _, uuid := range order {
				rows = append(rows, s.rowText(string(uuid), 10))
			}
			return cut(rows, offset, limit), len(rows)
		}))
		got, err := s.poll(t.Context())
		if err == nil && len(distinct(got)) < 4 {
			t.Errorf("abcd, then %s: %v passes for the whole history", second, distinct(got))
		} else if err != nil {
			wantReason(t, err, client.Incomplete)
		}
	}
}

func TestRowsThatAreReallyListedTwiceAreComplete(t *testing.T) {
	for name, order := range map[string][]int{
		"within the first page":  {0, 1, 1, 2, 3, 4, 5, 6},
		"across two pages":       {0, 1, 2, 3, 3, 4, 5, 6},
		"at the overlap":         {0, 1, 2, 3, 4, 4, 5, 6},
		"at the end":             {0, 1, 2, 3, 4, 5, 6, 6},
		"at the end of the page": {0, 1, 2, 3, 3},
		"alone":                  {0, 0},
		"three times":            {0, 1, 1, 1, 2, 3, 4, 5},
		"two of them":            {0, 1, 1, 2, 3, 4, 4, 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLoopbackSite(t, pageLimit(4))
			all, uuids := s.rowTexts(7)
			var rows []string
			for _, i := range order {
				rows = append(rows, all[i])
			}
			s.fault(paged(func(offset, limit int) ([]string, int) { return cut(rows, offset, limit), len(rows) }))
			got := s.mustPoll(t)
			if want := uuids[:slices.Max(order)+1]; !slices.Equal(distinct(got), want) {
				t.Errorf("got %v, want %v", distinct(got), want)
			}
			if n := len(s.offsets()); n > 2*4 {
				t.Errorf("read more than twice: %v", s.offsets())
			}
		})
	}
}

// The same record may be listed under two starts, far from one another.
func TestARecordListedUnderTwoStartsIsComplete(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(4))
	rows, uuids := s.rowTexts(12)
	rows = append(rows, s.rowText("r01", 500))
	s.fault(paged(func(offset, limit int) ([]string, int) { return cut(rows, offset, limit), len(rows) }))
	if got := distinct(s.mustPoll(t)); !slices.Equal(got, uuids) {
		t.Errorf("got %v, want %v", got, uuids)
	}
	if n := len(s.offsets()); n > 2*4 {
		t.Errorf("read more than twice: %v", s.offsets())
	}
}

// The overlap takes one row of each page, so that pages of one row lead
// nowhere.
func TestPagesOfOneRowAreIncompleteNotEndless(t *testing.T) {
	s := newLoopbackSite(t, pageLimit(1))
	s.addRecords(3)
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Incomplete)
	if n := len(s.offsets()); n > 3*3 {
		t.Errorf("%d pages", n)
	}
}

// A count that grows with every page must not keep a reading going for ever.
func TestACountThatRunsAwayEndsTheReading(t *testing.T) {
	s := newDirectSite(t, pageLimit(2))
	s.fault(paged(func(offset, _ int) ([]string, int) {
		return []string{`{"confUUID":"` + strconv.Itoa(offset) + `"}`, `{"confUUID":"` + strconv.Itoa(offset+1) + `"}`}, offset + 3
	}))
	_, err := s.poll(t.Context())
	wantReason(t, err, client.Incomplete)
	if n := s.Requests(simulator.PathHistory); n < 3*1000 || n > 3*1010 {
		t.Errorf("%d pages", n)
	}
}
