package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"tokend/config"
)

// missing reports everything that a configuration needs of this machine and is not
// there, as mistakes of the configuration. Of services the system does.
func missing(cfg *config.Config) error {
	return errors.Join(missingGroups(cfg), missingPlace(cfg.Audit.Path))
}

// missingPlace reports that no audit can be written at path.
func missingPlace(path string) error {
	if path == "" || path == config.AuditStdout {
		return nil
	}
	var what string
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		what = "is a directory"
	}
	if info, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		what = "its directory does not exist: create it with the owner and mode you want (tokend does not)"
	}
	if what == "" {
		return nil // what else may be wrong shows when it is opened
	}
	return &config.FieldError{Path: "audit.path", Message: what}
}

// missingGroups reports every group of a socket that this machine does not have, as
// mistakes of the configuration. A group that could not be looked up may be there.
func missingGroups(cfg *config.Config) error {
	var errs []error
	for i, l := range cfg.Listen {
		if _, err := strconv.ParseUint(l.Group, 10, 31); l.Group == "" || err == nil {
			continue
		}
		_, err := user.LookupGroup(l.Group)
		if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
			errs = append(errs, &config.FieldError{Path: fmt.Sprintf("listen[%d].group", i), Message: "names a group that there is not"})
		}
	}
	return errors.Join(errs...)
}
