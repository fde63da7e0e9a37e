// Package httpapi is tokend's HTTP door: it answers programs in any language with
// the tokens of a [Keeper], and can be mounted in a host's own mux.
//
//	GET  /v1/token/{service}?min_ttl=30s&wait=5s   one token
//	POST /v1/tokens                                tokens of several services
//	GET  /v1/services, /v1/services/{service}      everything but the tokens
//	POST /v1/services/{service}/refresh            a new token now
//	POST /v1/services/{service}/invalidate         a token that was refused
//	GET  /v1/events?service=billing                what happens, as a stream
//	POST /v1/reload                                the node's configuration, read anew
//	ANY  /v1/authorize/{service}                   one token, as a header, for proxies
//	GET  /v1/openapi.yaml                          all of this, for programs
//	GET  /healthz, /readyz, /metrics               for whoever watches the node
//
// # Key types
//
// [New] makes the handler, [Listen] opens a Unix socket or a port, and a [Door] is
// such a listener with all that there is to know of whoever comes through it: users,
// certificates, and how many connections there may be. With [Options.Access] the
// handler asks of every request who makes it and what that one may do, at one place
// and before it looks at a service. Without, whoever gets there may do everything;
// [Guard] then keeps browsers away on TCP, and [NewServer] has the time limits that
// fit. [Traffic] counts requests, for metrics. [Token], [TokenInfo], [Services], [Readiness] and [Problem] are what goes
// over the wire; clients decode into them.
//
// # Invariants
//
//   - A token's value leaves in a 200 answer only: by [Token.AppendJSON] in the body of
//     one to the two token routes, and in the header of one to authorize. Everything
//     else prints it redacted.
//   - Every answer under /v1 is JSON, errors included, but for the stream of events,
//     the description and the empty body of authorize. Nothing under /v1 may be stored
//     by a cache.
//   - No client has all connections, or all streams of events, that a door has, unless
//     the policy says so, or the door has only one.
//   - Nobody waits longer than [MaxWait] but who follows the events.
//   - A stream reads the history of events at its own pace, so no reader delays
//     anybody.
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
