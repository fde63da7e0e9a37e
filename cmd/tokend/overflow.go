package main

import (
	"fmt"
	"strconv"
	"strings"

	"tokend/config"
)

// everyID is how many users there are.
const everyID = 1<<32 - 1

// covers reports whether a map of users or groups, as user_namespaces(7) has it, leaves
// none out.
func covers(text string) bool {
	var all uint64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return false
		}
		count, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return false
		}
		all += count
	}
	return all >= everyID
}

// users are what the process sees of the machine's users.
type users struct {
	own      int    // that it runs as; negative: the system has none
	whole    bool   // it sees all as they are
	overflow uint32 // what those look like that it does not
}

// owners are the users who may do everything on a node without clients. Its own is not
// one of them where others look the same.
func (u users) owners() []uint32 {
	if u.own > 0 && !u.ambiguous() {
		return []uint32{uint32(u.own), 0}
	}
	return []uint32{0}
}

func (u users) ambiguous() bool { return !u.whole && int64(u.own) == int64(u.overflow) }

// warnings tells of users who may be others than they look like.
func (u users) warnings(cfg *config.Config) (found []string) {
	if len(cfg.Clients) == 0 && u.ambiguous() {
		found = append(found, fmt.Sprintf("in this user namespace tokend runs as uid %d, which other users share: on Unix sockets only root is served; map the user, or name callers under clients", u.own))
	}
	for _, c := range cfg.Clients {
		for kind, id := range map[string]*uint32{"uid": c.UID, "gid": c.GID} {
			if id != nil && *id == u.overflow {
				found = append(found, fmt.Sprintf("client %s: %s %d is shared by all who are not mapped into the user namespace: grant nothing to it", c.Name, kind, *id))
			}
		}
	}
	return found
}
