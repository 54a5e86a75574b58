// Package soak holds tests only: a deterministic simulation of the exporter's
// whole life. One seed is one small enterprise and one exporter over days of
// virtual time, inside a testing/synctest bubble: the real poller, client,
// ledger and storage on one side of an in-memory connection, the simulated
// service on the other, and between them whatever can go wrong. Everything
// random comes from the seed, so that a failure can be run again alone.
//
// Three referees watch, none of which knows the ledger's code:
//
//   - the book restates the counting rules by brute force, fed with what the
//     service answered to complete polls, and foretells every sample exactly;
//   - the truth knows what the service offered and when, asks nobody what was
//     read, and bounds the counters from below and from above;
//   - the etiquette watches requests and sign-ins on the wire.
//
// What it leaves out: a full or failing disk, several users of one client,
// account sign-in, and the known limits that no rule can mend, such as a
// service that lies at the baseline, for which the truth's bounds are wide.
package soak
