// Package servers has tokens acquired from authorization servers of other
// authors, run in this process: what they accept and what they refuse.
//
// It is a module of its own, so that these servers are no dependency of tokend.
package servers
