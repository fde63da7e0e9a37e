//go:build linux || darwin || freebsd || openbsd || netbsd

package local

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
	// maxAccounts bounds those files.
	maxAccounts = 4 << 20
)

// isPrivate reports whether this user, and root, are alone in a group: the one that
// many systems make for each user. What the files of accounts do not tell is not.
func isPrivate(gid uint32) bool {
	users, err := ReadFile(passwdFile, maxAccounts)
	groups, failed := ReadFile(groupFile, maxAccounts)
	return err == nil && failed == nil && alone(string(users), string(groups), uint32(os.Geteuid()), gid)
}

// alone reads accounts as passwd(5) and group(5) say. The group must be the user's
// first one, and neither another user's first one nor have another member.
func alone(users, groups string, uid, gid uint32) bool {
	name, first := "", false
	for fields := range records(users, 4) {
		if fields[3] != number(gid) {
			continue
		}
		switch fields[2] {
		case number(uid):
			name, first = fields[0], true
		case "0":
		default:
			return false
		}
	}
	found := false
	for fields := range records(groups, 4) {
		if fields[2] != number(gid) {
			continue
		}
		found = true
		members := strings.Split(fields[3], ",")
		if slices.ContainsFunc(members, func(m string) bool { return m != "" && m != name && m != "root" }) {
			return false
		}
	}
	return first && found
}

func number(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

// records yields the lines of text that have at least that many fields.
func records(text string, count int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			fields := strings.Split(strings.TrimRight(line, "\r\n"), ":")
			if len(fields) >= count && !yield(fields) {
				return
			}
		}
	}
}
