package client_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
)

// variant makes the service one of its variants.
func variant(v simulator.Variant) option {
	return func(service *simulator.Config, _ *client.Config) { service.Variant = v }
}

// pagings are the meanings of offset by what they make of it.
var pagings = map[simulator.OffsetRule]client.Paging{
	simulator.OffsetRecord:    client.PagingRecord,
	simulator.OffsetWholePage: client.PagingWholePage,
	simulator.OffsetPageFrom0: client.PagingFrom0,
	simulator.OffsetPageFrom1: client.PagingFrom1,
}

// everyPaging runs a subtest for each way to page.
func everyPaging(t *testing.T, test func(t *testing.T, v simulator.Variant)) {
	for offset, paging := range pagings {
		for _, empty := range []bool{false, true} {
			t.Run(fmt.Sprint(paging, ", empty past the end ", empty), func(t *testing.T) {
				test(t, simulator.Variant{Offset: offset, EmptyPastEnd: empty})
			})
		}
	}
}

func TestPagings(t *testing.T) {
	everyPaging(t, func(t *testing.T, v simulator.Variant) {
		for _, size := range []int{3, 5} {
			s := newDirectSetup(t, maxLimit(size))
			records, uuids := s.records(4*size + 2)
			for n := range len(records) + 1 {
				if n > 0 {
					s.Add(records[n-1])
				}
				for _, c := range []struct {
					limit simulator.LimitRule
					asked int
					cap   int // of the count
				}{
					{simulator.LimitReduced, size, 0},
					{simulator.LimitReduced, 500, 0},
					{simulator.LimitReducedSilently, 500, 0},
					{simulator.LimitReduced, size, 3},
					{simulator.LimitReduced, 500, 2 * size},
					{simulator.LimitReducedSilently, 500, 2 * size},
					{simulator.LimitReducedSilently, 500, size - 1},
				} {
					v.Limit, v.CountCap, s.cfg.PageLimit = c.limit, c.cap, c.asked
					s.SetVariant(v)
					s.reset(t)
					first, second := s.mustList(t), s.mustList(t)
					wantUUIDs(t, first, uuids[:n])
					wantUUIDs(t, second, uuids[:n])
					// The client need not find out again how the service pages.
					if n > size && (first.Paging != pagings[v.Offset] || second.Pages != second.PagesSince(time.Time{})) {
						t.Errorf("%v, %d pages in the second listing", first.Paging, second.Pages)
					}
					if t.Failed() {
						t.Fatalf("%d rows of %d, variant %+v, offsets %v", n, size, v, s.offsets())
					}
				}
			}
		}
	})
}

// What a client knows may become wrong, and the next listing must notice it.
func TestPagingThatChanges(t *testing.T) {
	everyPaging(t, func(t *testing.T, before simulator.Variant) {
		everyPaging(t, func(t *testing.T, after simulator.Variant) {
			for _, n := range []int{8, 12, 60} { // of 5 a page
				s := newDirectSetup(t, variant(before), pageLimit(5))
				want := s.addRecords(n)
				s.mustList(t)
				s.SetVariant(after)
				first := s.mustList(t)
				wantUUIDs(t, first, want)
				wantUUIDs(t, s.mustList(t), want)
				if most := 2 * (n/4 + 4); first.Pages > most {
					t.Errorf("%d pages of %d rows", first.Pages, n)
				}
			}
		})
	})
}

// Without an overlap, a removal and an addition at the same time hide each
// other. Everything else that comes or goes must not lose a record.
func TestChangesLoseNothingInAnyPaging(t *testing.T) {
	everyPaging(t, func(t *testing.T, v simulator.Variant) {
		s, complete := newDirectSetup(t, variant(v)), 0
		for seed := range uint64(150) {
			s.cfg.PageLimit = 3 + int(seed%4)
			s.reset(t)
			c := newChanger(s, seed)
			s.fault(onHistory(simulator.Skip(1, beforeNext(func() {
				switch {
				case c.rng.Float64() > c.rate:
				case seed%3 == 0 || seed%3 == 1 && c.rng.IntN(2) == 0:
					c.add()
				case len(c.listed) > 0:
					c.remove()
				}
			}))))
			listing, err := s.list(t.Context())
			c.removeAll()
			if err != nil {
				wantReason(t, err, client.Incomplete)
				continue
			}
			complete++
			c.wantConstant(t, listing, seed)
			if p := listing.Paging; p != client.PagingUnknown && p != pagings[v.Offset] {
				t.Errorf("seed %d: %v", seed, p)
			}
		}
		if complete < 100 {
			t.Errorf("only %d readings were complete", complete)
		}
	})
}

func TestCountIsNoUpperBound(t *testing.T) {
	everyPaging(t, func(t *testing.T, v simulator.Variant) {
		v.CountCap = 1000
		s := newDirectSetup(t, variant(v))
		for i := range 3000 {
			s.Add(s.record(fmt.Sprint("r", i), i))
		}
		if got := s.mustList(t); len(got.Meetings) != 3000 || got.Announced != 1000 {
			t.Errorf("%d meetings, %d announced", len(got.Meetings), got.Announced)
		}
	})
	// Some services may count the rows of the page.
	for _, limit := range []int{10, 20, 50, 100, 200, 500} {
		s := newDirectSetup(t, variant(simulator.Variant{CountCap: limit, Limit: simulator.LimitReducedSilently}), maxLimit(limit))
		want := s.addRecords(2*limit + 7)
		wantUUIDs(t, s.mustList(t), want)
	}
}

// A record that is removed or moved shifts others, so that one is missed. Without
// an overlap, only the count shows the one, and a record that comes again the
// other.
func TestHoleIsNoticed(t *testing.T) {
	everyPaging(t, func(t *testing.T, v simulator.Variant) {
		for name, c := range map[string]struct {
			cap    int // of the count
			change func(s *setup)
		}{
			"removed":                    {0, func(s *setup) { s.Remove("r01") }},
			"moved back":                 {0, func(s *setup) { s.move("r02", 500) }},
			"moved ahead":                {0, func(s *setup) { s.move("r16", -5) }},
			"moved back, count too low":  {5, func(s *setup) { s.move("r02", 500) }},
			"moved ahead, count too low": {5, func(s *setup) { s.move("r16", -5) }},
		} {
			v.CountCap = c.cap
			s := newDirectSetup(t, variant(v), pageLimit(5))
			want := s.addRecords(18)
			s.mustList(t)
			s.fault(beforePage(1, func() { c.change(s) }))
			got := uuidsOf(t, s.mustList(t).Meetings)
			for _, uuid := range want {
				if !slices.Contains(got, uuid) && (name != "removed" || uuid != "r01") {
					t.Errorf("%s: %s is missing from %v", name, uuid, got)
				}
			}
		}
	})
}

func TestTooShortPagesAreNotGuessed(t *testing.T) {
	everyPaging(t, func(t *testing.T, v simulator.Variant) {
		s := newDirectSetup(t, variant(v), pageLimit(2))
		want := s.addRecords(7)
		listing, err := s.list(t.Context())
		if v.Offset != simulator.OffsetRecord {
			wantReason(t, err, client.Incomplete)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		wantUUIDs(t, listing, want)
	})
}

func TestEmptyListing(t *testing.T) {
	everyPaging(t, func(t *testing.T, v simulator.Variant) {
		for _, v.Empty = range []simulator.EmptyForm{simulator.EmptyArray, simulator.EmptyNull, simulator.EmptyAbsent} {
			s := newDirectSetup(t, variant(v))
			if got := s.mustList(t); len(got.Meetings) != 0 || got.Announced != 0 || got.Pages != 1 {
				t.Errorf("%+v: %+v", v, got)
			}
		}
	})
}

// Whatever the service is like, every listing is complete in the end.
func TestRandomVariants(t *testing.T) {
	for seed := range uint64(120) {
		inBubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			v := simulator.RandomVariant(rng)
			s := newSetup(t, variant(v), pageLimit([]int{20, 100, 500}[rng.IntN(3)]), maxLimit([]int{10, 20, 500}[rng.IntN(3)]),
				rate(30), func(service *simulator.Config, _ *client.Config) { service.RateLimit = 40 })
			ended := s.addRecords(rng.IntN(150))
			running := s.record("running", 7*24*60-10)
			running.End, running.ListedAt = s.began.Add(24*time.Hour), time.Time{}
			s.Add(running)
			for range 3 {
				listing, err := s.list(t.Context())
				for range 2 {
					if err == nil {
						break
					}
					time.Sleep(time.Minute)
					listing, err = s.list(t.Context())
				}
				if err != nil {
					t.Fatalf("%+v: %v", v, err)
				}
				if wantUUIDs(t, listing, ended); listing.Defects[meeting.NotEnded] != len(listing.Defects) {
					t.Errorf("defects %v", listing.Defects)
				}
				for i := range listing.Meetings {
					if m := &listing.Meetings[i]; m.Duration() != 30*time.Minute || m.Start.Second() != 0 {
						t.Fatalf("from %v to %v", m.Start, m.End)
					}
				}
				if t.Failed() {
					t.Fatalf("%+v", v)
				}
				s.RevokeTokens()
				time.Sleep(15 * time.Minute)
			}
		})
	}
}
