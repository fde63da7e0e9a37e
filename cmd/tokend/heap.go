package main

// garbageRoom is how much a node may allocate at least between two runs of the
// garbage collector. By itself the collector runs whenever the heap has doubled. That
// of a small node is a few megabytes, most of them a table of actors which takes time
// to mark: under load it would run 25 times a second.
const garbageRoom = 16 << 20

// roomForGarbage returns what must stay alive for as long as the node runs: memory
// that counts for the collector and, never touched, is not there. Whoever has set
// the collector's own variables is not interfered with; it returns nil then.
func roomForGarbage(getenv func(string) string) []byte {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, garbageRoom)
}
