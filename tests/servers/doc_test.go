// Package servers has tokens acquired from authorization servers of other
// authors: what they accept and what they refuse. They run in this process, but for
// one that needs Node: see the Makefile's servers and servers-node.
//
// It is a module of its own, so that these servers are no dependency of tokend.
package servers
