// Package disk keeps sealed records in a file, so that a node that starts goes on
// where the last one ended.
//
// # The file
//
// It is a bbolt database with the format's version, a data key that is wrapped by
// a key-encryption key, one record a service, and the damaged records that were
// set aside. A record is sealed as a whole by AES-256-GCM under the data key, with
// a random nonce; service, variant, generation, credential version and revision
// are authenticated with it. A changed bit, or a record that stands in another's
// place, therefore never opens.
//
// # Key types
//
// [Store] is the [vault.Store]; [Open] makes one. As nobody else writes to an open
// file, its Watch has nothing to tell. [Key] is a key-encryption key:
// the first one given seals, all of them open. [Inspect] and [Rotate] work on the
// file of a node that does not run.
//
// # Invariants
//
// Only the writer, one goroutine, writes to the file. What is not in the file yet
// lies in memory, at most one entry a service, so a disk that hangs or is full
// costs no caller a wait and no record its newest version: the Store is degraded
// until a write succeeds, see [Store.Health]. Pages that cannot be read crash bbolt,
// but not the process: the file is then opened anew when all of it can be.
//
// # Gotchas
//
// A damaged record costs one service its token; damage to the structure around
// the records is an error of [Open], and the file is left as it is. Old versions
// of a record that open were once true: somebody who can replace the whole file
// by an older copy is not noticed, but what has expired meanwhile stays expired.
package disk
