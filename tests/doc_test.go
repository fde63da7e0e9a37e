// Package tests holds what tokend promises from outside: it knows the doors that
// people script against and nothing behind them. The promises P1 to P9 are tested
// by name.
//
// What has to do with time runs in a testing/synctest bubble, where the identity
// provider is an [idptest.Script] and nothing really waits. A test of a deadline
// looks one nanosecond before it and at it.
package tests
