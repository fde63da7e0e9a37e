//go:build unix

package sink

import (
	"bytes"
	"errors"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// owner is whom a file belongs to; -1 stands for what is not to be set.
type owner struct{ uid, gid int }

// nobody changes nothing.
var nobody = owner{-1, -1}

// parseOwner reads USER, USER:GROUP or :GROUP, each a name or a number. Numbers need
// not be known on this machine.
func parseOwner(text string) (owner, error) {
	o := nobody
	name, group, _ := strings.Cut(text, ":")
	var err error
	if name != "" {
		if o.uid, err = number(name, func() (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		}); err != nil {
			return nobody, errors.New("names a user that there is not")
		}
	}
	if group != "" {
		if o.gid, err = number(group, func() (string, error) {
			g, err := user.LookupGroup(group)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		}); err != nil {
			return nobody, errors.New("names a group that there is not")
		}
	}
	return o, nil
}

// number returns the id that text is, or else that it is the name of.
func number(text string, lookUp func() (string, error)) (int, error) {
	if text[0] < '0' || text[0] > '9' {
		id, err := lookUp()
		if err != nil {
			return -1, err
		}
		text = id
	}
	id, err := strconv.ParseInt(text, 10, 32)
	return int(id), err
}

// give makes a file the owner's, with that mode past the umask. The group comes
// before the mode, so that the old one never may read, and the user comes last: who
// has CAP_CHOWN alone cannot change the mode of what was given away.
func (o owner) give(f *os.File, mode os.FileMode) error {
	if o.gid >= 0 {
		if err := f.Chown(-1, o.gid); err != nil {
			return err
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if o.uid >= 0 {
		return f.Chown(o.uid, -1)
	}
	return nil
}

// has reports whether a file belongs to the owner.
func (o owner) has(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (o.uid < 0 || st.Uid == uint32(o.uid)) && (o.gid < 0 || st.Gid == uint32(o.gid))
}

// ids returns the user and the group, -1 for none.
func (o owner) ids() (uid, gid int) { return o.uid, o.gid }

// owns reports whether something belongs to the user that files are given to.
func (o owner) owns(info os.FileInfo) bool { return o.uid >= 0 && owner{o.uid, -1}.has(info) }

// own reports whether a file is one that this process could have made.
func own(info os.FileInfo) bool { return owner{os.Geteuid(), -1}.has(info) }

var errPrivilege = errors.New("cannot be set by this process: it needs the privilege to give files away (root, or CAP_CHOWN)")

// permitted tells whether this process may give files to the owner.
func (o owner) permitted() error {
	groups, err := os.Getgroups()
	own := err == nil && slices.Contains(groups, o.gid)
	if (o.uid < 0 || o.uid == os.Geteuid()) && (o.gid < 0 || o.gid == os.Getegid() || own) {
		return nil
	}
	if os.Geteuid() == 0 || mayChown() {
		return nil
	}
	return errPrivilege
}

// mayChown reports whether the process has CAP_CHOWN, the first of the capabilities
// that the kernel lists; where there is no such list it has none.
func mayChown() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(status, []byte("\nCapEff:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	bits, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 64)
	return err == nil && bits&1 != 0
}

// syncDir makes the names in the directory safe from a crash of the machine, where
// its file system can do that.
func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
