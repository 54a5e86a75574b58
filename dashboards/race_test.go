//go:build race

package dashboards_test

// The race detector makes the history, which is one long computation, ten
// times slower. The tests of the collector run under it.
const raceEnabled = true
