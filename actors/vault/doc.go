// Package vault keeps secrets sealed: in memory by [Vault], and beyond the life
// of an actor as [Record] in a [Store].
//
// # What sealing in memory does
//
// With "sealed" a token is encrypted by AES-256-GCM under a random key of this
// process and is plain only in the answer that a caller gets. That keeps tokens
// out of swap files, heap profiles, core dumps of idle memory and stray prints.
// It is no defence against somebody who can read the process's memory at will:
// the expanded key lies on the same heap, and so do, for moments, the buffers of
// the HTTP client and the answers themselves. "plain" switches it off.
//
// # Key types
//
// [Vault] seals, [Sealed] is the box, which can open itself. [Record] is what is
// kept about one service, and [Store] is where.
package vault
