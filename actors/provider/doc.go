// Package provider acquires access tokens: one interface, [Provider], one file a
// grant, and one place, [Classify], where failures get their class.
//
// Key types. [NewClientCredentials], [NewRefreshToken], [NewPassword] and
// [NewJWTBearer], which have a [Grant] in common, [NewLogin], [NewStatic],
// [NewFile] and [NewExec] return the providers that come with tokend; a host
// application writes its own with [Func]. [Acquire] is how everybody calls a
// Provider: it survives a panic and hands out nothing but a usable token or an
// [*Error]. [Lifetime] judges how long that token lives. [Transports] are the HTTP
// connections that all services share.
//
// Invariants.
//   - Secrets come in as functions and are read anew at every acquisition.
//   - One acquisition sends one token request: nothing is probed, repeated or
//     redirected here, and no command is run twice. Trying again is the caller's
//     decision. The metadata of an issuer, if they are needed, are read before it.
//     [NewRefreshToken] says when there are two requests, and a [Login] may have
//     steps before it. What net/http may send again is a request of HTTP/1.1 of
//     which nothing had been sent, or whose method (GET, say) or Idempotency-Key
//     header says that twice does no harm, after a kept connection has broken.
//   - No error text, and no value of this package under any verb of fmt, holds a
//     secret, a token, an answer's body or what a command printed. Only an OAuth
//     error code, its description, the text at response.error and the messages of
//     a command that brought no token come out, bounded, printable, and with every
//     known secret replaced; not at all if one shows through an encoding, or if
//     there is more to look for than a bounded search finds.
//   - Everything read is bounded: headers, bodies (after decompression), tokens,
//     texts, lifetimes, waits, captured values, cookies, the work of redaction and
//     of templates.
//
// Gotchas. A Provider must return soon after its context ends; nobody can make
// it. Lifetimes count from the moment a request was sent, not from the answer.
// What a server sends over HTTP/1.1 that nobody has asked for, such as the rest of
// an answer that is longer than it says, is quoted by net/http in the log of package
// log, whoever uses it: a program should have that log leave out what is quoted, as
// the node does.
package provider
