// Package schedule decides when a token is refreshed, warned about and tried
// again. Everything in it is a pure function: the time and the dice (a roll in
// [0, 1)) are arguments.
//
// # Invariants
//
// For every lifetime the refresh point lies before the warning point and the
// warning point before the expiry. A plan is made once in a token's life, with
// one roll; asking again never moves it.
//
// # Gotchas
//
// A deadline is kept on both clocks, see [Instant]: the wall clock may be
// stepped, the monotonic clock stands still while a machine sleeps. Whichever
// comes first counts.
package schedule
