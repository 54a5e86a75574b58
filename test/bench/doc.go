// Package bench measures the exporter as a whole: sweeps over loopback HTTP,
// scrapes, and the requests that polling costs. What concerns one package is
// measured in that package.
//
// Each benchmark runs beside a baseline, since only their ratio means something
// on a shared machine.
package bench
