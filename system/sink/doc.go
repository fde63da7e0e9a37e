// Package sink keeps files that hold tokens, for programs that can do nothing but
// read a file.
//
// A [Sink] says what stands in one file, and a [Keeper] keeps the files of all
// sinks: each is written when its tokens are there, written anew when one of them
// changes, and goes when one has died, unless it is to stay. A Keeper is a reader
// of the system like any other: it hears events, and looks by itself every few
// seconds and well before each expiry, for events can get lost.
//
// Invariants:
//   - A file is replaced as a whole: a reader finds the old content or the new one,
//     with the final mode and owner, and never a part.
//   - What is removed is what was written: a file that somebody else put there
//     stays, until the next token takes its place.
//   - Each sink has a goroutine of its own, and another one for its hook: a disk that
//     hangs holds up nobody else, and a program that does no file. Programs of hooks
//     have a bounded number of places.
//   - One process at a time writes a path; nothing else is supposed to.
//
// Beside the file NAME lies .NAME.tokend, which holds digests of what was written
// and until when it lives. So a process that comes after a crash knows which file
// it may remove, and when. A temporary file is named .NAME.tokend- and 16
// hexadecimal digits; what a crash leaves of them goes at the next start.
package sink
