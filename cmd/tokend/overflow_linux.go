package main

import (
	"os"
	"strconv"
	"strings"
)

// usualOverflow is what users look like who are not mapped, unless the kernel was told
// otherwise.
const usualOverflow = 65534

// seenUsers returns what the process sees of the machine's users. For what it cannot
// find out it assumes the worst.
func seenUsers() users {
	u := users{own: os.Geteuid(), overflow: usualOverflow}
	if text, err := os.ReadFile("/proc/sys/kernel/overflowuid"); err == nil {
		if id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32); err == nil {
			u.overflow = uint32(id)
		}
	}
	text, err := os.ReadFile("/proc/self/uid_map")
	u.whole = err == nil && covers(string(text))
	return u
}
