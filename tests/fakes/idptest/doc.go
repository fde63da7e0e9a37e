// Package idptest provides identity providers that do as a test says.
//
// A [Script] is one that lives in the test's own process, as a provider of the
// kind [Kind]: it works inside a testing/synctest bubble, does one [Step] a call
// and writes down who called when. An [Endpoint] is one behind a real socket,
// with the faults that real ones have.
//
// Every token and every text that must not be shown contains [Canary], so a test
// that collects all output knows a leak when it sees one.
package idptest
