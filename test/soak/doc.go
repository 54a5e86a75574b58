// Package soak holds tests only: a deterministic simulation of the exporter's
// whole life. One seed is a small enterprise and one exporter over days of
// virtual time, in a testing/synctest bubble. The real client, poller, ledger
// and its file are on one side of an in-memory connection, the simulated
// service is on the other, and between them is whatever can go wrong. All that
// is random comes from the seed, so that a failure can be run again.
//
// Four referees watch. None of them knows the code of the exporter:
//
//   - the oracle restates the counting rules, reads what the service answered
//     to complete polls, and predicts every sample exactly;
//   - the truth knows what the service offered and when, not what was read,
//     and bounds the counters from below and from above;
//   - the scrapers know only what they saw: counters never fall, and no series is
//     new to a scraper above 0 if it scrapes as often as the hold asks for;
//   - the requestRules check requests and sign-ins on the wire.
//
// Every other seed also runs the loops of the collectors live and resources,
// whose values nobody checks: they must not disturb the rest. In two of three
// seeds the service differs from the usual reading of its API pages, and may be
// upgraded once. The machine may be suspended, and its wall clock may be wrong.
//
// The package leaves out a full or failing disk, several users of one client,
// account sign-in, the loop of Poller.Run, the web handler that decides what was
// delivered, and limits that no rule can mend, such as a service that lies during
// the baseline.
package soak
