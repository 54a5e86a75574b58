package client_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

// turmoil changes the history at random while it is read.
type turmoil struct {
	*site
	rng      *rand.Rand
	restless float64         // how likely a change is before a page
	listed   map[string]bool // now
	constant map[string]bool // since the reading began
	ever     map[string]bool
}

func newTurmoil(s *site, seed uint64) *turmoil {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := &turmoil{
		site: s, rng: rng, restless: rng.Float64() / 2,
		listed: map[string]bool{}, ever: map[string]bool{},
	}
	for range rng.IntN(25) {
		x.add()
	}
	x.constant = maps.Clone(x.listed)
	return x
}

// add adds a record, often with the start of another.
func (x *turmoil) add() {
	uuid := fmt.Sprintf("u%03d", len(x.ever))
	r := x.record(uuid, x.rng.IntN(60))
	if x.rng.IntN(8) == 0 {
		r.NormalCount = new(-1)
	}
	x.Add(r)
	x.listed[uuid], x.ever[uuid] = true, true
}

// any returns a listed record, if there is one.
func (x *turmoil) any() (string, bool) {
	uuids := slices.Sorted(maps.Keys(x.listed))
	if len(uuids) == 0 {
		return "", false
	}
	return uuids[x.rng.IntN(len(uuids))], true
}

func (x *turmoil) change() {
	if x.rng.Float64() > x.restless {
		return
	}
	for range 1 + x.rng.IntN(3) {
		switch uuid, ok := x.any(); {
		case !ok || x.rng.IntN(2) == 0:
			x.add()
		case x.rng.IntN(3) == 0:
			x.Edit(uuid, func(r *simulator.Record) { r.IsHasRecordFile = new(true) })
		default:
			x.Remove(uuid)
			delete(x.listed, uuid)
			delete(x.constant, uuid)
		}
	}
}

func (x *turmoil) clear() {
	for uuid := range x.listed {
		x.Remove(uuid)
	}
}

// TestWhatWasListedThroughoutIsNeverMissed is the promise of a listing: one
// that ends without an error holds every record that was listed from its
// beginning to its end, whatever else came and went.
func TestWhatWasListedThroughoutIsNeverMissed(t *testing.T) {
	for _, limit := range []int{3, 5, 8} {
		t.Run(fmt.Sprint(limit, " a page"), func(t *testing.T) {
			s := newDirectSite(t, pageLimit(limit))
			complete, restless := 0, 0
			for seed := range uint64(100) {
				x := newTurmoil(s, seed)
				pages := 0
				s.fault(onHistory(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					if pages++; pages > 1 {
						x.change()
					}
					next.ServeHTTP(w, r)
				}))
				meetings, err := s.poll(t.Context())
				s.fault(nil)
				x.clear()
				if err != nil {
					wantReason(t, err, client.Incomplete)
					continue
				}
				complete++
				if len(x.constant) < len(x.ever) {
					restless++
				}
				got := distinct(meetings)
				for _, uuid := range slices.Sorted(maps.Keys(x.constant)) {
					if !slices.Contains(got, uuid) {
						t.Errorf("seed %d: %s was listed throughout and is missing from %v", seed, uuid, got)
					}
				}
				for _, uuid := range got {
					if !x.ever[uuid] {
						t.Errorf("seed %d: %s was never listed", seed, uuid)
					}
				}
			}
			if complete < 60 || restless < 15 {
				t.Errorf("only %d readings were complete, %d of them with changes", complete, restless)
			}
		})
	}
}
