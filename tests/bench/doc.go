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
// # A module of its own
//
// The peers are dependencies of this module, so that they are none of tokend's.
package main
