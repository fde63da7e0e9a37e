// Command bench measures tokend against the libraries that its users would
// otherwise take, checks the bounds that tokend promises, and prints a table.
//
// # Method
//
// A ratio compares two contenders of one process in one run: both are measured
// in every round, in an order that turns from round to round, and the median of
// the rounds' ratios counts. So a machine that is slow, or slow for a while,
// slows both. Only what tokend promises to users in absolute terms is checked in
// absolute terms. A check that fails is made again, twice at most; a bound is
// broken when it is broken every time.
//
// The same contenders are Benchmark functions, for benchstat and profiles:
//
//	go run .
//	go run . -only cached
//	go test -run - -bench Cached -count 10 | tee new.txt
//
// # Doors
//
// The checks doors-tcp and doors-unix load a node, which knows its callers and counts
// them, and a bare net/http server that answers with the same bytes: in turn, a second
// each, by wrk at a port and by h2load at a Unix socket. That the answers are the same
// but for the time, that the node refuses strangers, and that its metrics have counted
// every answer is made sure of. The best second of each server counts, of which each
// has 21 that are spread over the same time: whatever else the machine does takes from a
// rate and never adds to it, so the best is nearest to what a server can do. On a quiet
// machine that is what the median of the rounds' ratios says, which is printed beside
// it; on a busy one that median may be anything. Percentiles are those of the best
// second, as the loader has measured them. A loader that is not installed is named, and
// its check skipped. Each server collects garbage as it does where it is used: the node
// as serve has it, the bare one by Go's own rules. GOGC=800 in the environment of the
// bare one, which is about the same room, has not made it faster with 64 connections.
//
// # A module of its own
//
// The peers are dependencies of this module, so that they are none of tokend's.
package main
