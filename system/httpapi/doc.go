// Package httpapi is tokend's HTTP door: it answers programs in any language with
// the tokens of a [Keeper], and can be mounted in a host's own mux.
//
//	GET  /v1/token/{service}?min_ttl=30s&wait=5s   one token
//	POST /v1/tokens                                tokens of several services
//	GET  /v1/services, /v1/services/{service}      everything but the tokens
//	GET  /healthz, /readyz                         for whoever watches the node
//
// # Key types
//
// [New] makes the handler, [Listen] opens a Unix socket or a port, and a [Door] is
// such a listener with all that there is to know of whoever comes through it: users,
// certificates, and how many connections there may be. With [Options.Access] the
// handler asks of every request who makes it and what that one may do, at one place
// and before it looks at a service. Without, whoever gets there may do everything;
// [Guard] then keeps browsers away on TCP, and [NewServer] has the time limits that
// fit. [Token], [TokenInfo], [Services], [Readiness] and [Problem] are what goes
// over the wire; clients decode into them.
//
// # Invariants
//
//   - A token's value leaves through [Token.AppendJSON] only, in the body of a 200
//     answer to one of the two token routes. Everything else prints it redacted.
//   - Every other answer under /v1 is JSON too, errors included, and nothing under
//     /v1 may be stored by a cache.
//   - Nobody waits longer than [MaxWait].
//   - A route is for callers who have been granted its verb on the service in its
//     path. Routes about several services ask for each by handler.may.
//   - What a caller without a grant is told does not depend on whether there is such
//     a service.
//   - A request is taken exactly as documented or refused: unknown and repeated
//     query parameters, unknown, repeated and null JSON fields, and trailing JSON
//     are errors, and a path that was escaped or has dot segments matches nothing.
//
// # Gotchas
//
// A request's Content-Type is not looked at: the body is parsed strictly as JSON
// whatever it claims to be. A name that no service can have is unknown_service,
// like any other name that is not configured. Repeated names in a batch are asked
// for once.
//
// What is no HTTP, or too much of it, never gets here: net/http itself answers a
// malformed request with 400, one with an expectation that it does not know with
// 417 and one with too large a header with 431, and those answers are plain text
// rather than a [Problem].
//
// The PATH.lock that [Listen] leaves beside a socket is empty and stays: removing
// it while a node starts would let two of them take the same path.
package httpapi
