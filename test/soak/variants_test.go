package soak_test

import (
	"math/rand/v2"

	"huaweicloud_meeting_exporter/simulator"
)

// randomVariants draws how the service behaves at first, and how it does after
// an upgrade. About a third of the seeds have the usual service all the time.
// What no client can make good is left out:
//
//   - a service that ignores the limit sends 20 rows to a client that asks for 4;
//   - if the meaning of offset changes, only count can tell, so it has no cap;
//   - count is never the size of a page.
func randomVariants(rng *rand.Rand, maxLimit int) (first, upgraded simulator.Variant) {
	if chance(rng, 0.35) {
		return first, upgraded
	}
	draw := func() simulator.Variant {
		v := simulator.RandomVariant(rng)
		v.CountCap = oneOf(rng, 0, 0, 3, 8, 20)
		if maxLimit > 5 && (v.Limit == simulator.LimitIgnored || v.Limit == simulator.LimitIgnoredSilently) {
			v.Limit = simulator.LimitReduced
		}
		return v
	}
	first, upgraded = draw(), draw()
	if upgraded.Offset != first.Offset {
		upgraded.CountCap = 0
	}
	return first, upgraded
}

// position returns the index of the first record that a request asks for, in
// a listing whose pages have a number of rows.
func position(v simulator.Variant, offset, rows int) int {
	switch v.Offset {
	case simulator.OffsetWholePage:
		return offset / rows * rows
	case simulator.OffsetPageFrom0:
		return offset * rows
	case simulator.OffsetPageFrom1:
		return max(offset-1, 0) * rows
	}
	return offset
}
