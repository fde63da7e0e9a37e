// Package access says who may do what with which service: pure rules, without a
// socket, a file or a clock.
//
//	Client{Name, one identity, Grants}   as configured
//	    │ New
//	    ▼
//	Policy ── Match(Identity) ──▶ Party   what a connection has proved, once
//	       └─ Caller(Party, key) ▶ Caller  what a request has proved: May(verb, service)
//
// # Key types
//
// A [Client] is somebody who is known: by user or group id, by a key, by a
// certificate, or only by the listener that it came through. A [Policy] holds all of
// them; what it grants is immutable, and one takes the place of another while
// requests are answered ([Shared]). A [Place] is what a request of a client takes up
// until it has been answered; a client has so many. A [Record] is what the audit is
// told of one decision, and [Auditor] takes it.
//
// # Invariants
//
//   - What no grant names is denied. There is no rule that takes away.
//   - A caller has the grants of every client that it has proved to be.
//   - Whether a service exists is no part of any decision here, so an answer that
//     is made of a decision alone cannot tell either.
//   - Keys are compared by their SHA-256 in constant time, and no key is kept.
//   - A place that was taken under one policy counts under the next one, for whoever is
//     known by the same there.
//   - [Caller.May] and [Caller.Enter] allocate nothing and wait for nobody.
//
// # Gotchas
//
// Two policies that both lack a client forget what it has taken up: who is taken out and
// put back may have its places twice until the requests of before have ended.
//
// A group is that of the peer's process at the time it connected: one group, not
// those that its user is a member of as well. Names of certificates are compared
// whole, without wildcards, and a SPIFFE ID counts only if it is the certificate's
// one URI (SPIFFE X.509-SVID, section 2).
package access
