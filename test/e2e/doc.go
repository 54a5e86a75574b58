// Package e2e holds tests only. They run the built exporter as its users do,
// as a process with flags, signals and HTTP, and a real Prometheus that
// scrapes it. Run them with make test.
package e2e
