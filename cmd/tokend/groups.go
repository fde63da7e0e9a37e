package main

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"tokend/config"
)

// missingGroups reports every group of a socket that this machine does not have, as
// mistakes of the configuration. A group that could not be looked up may be there.
func missingGroups(cfg *config.Config) error {
	var missing []error
	for i, l := range cfg.Listen {
		if _, err := strconv.ParseUint(l.Group, 10, 31); l.Group == "" || err == nil {
			continue
		}
		_, err := user.LookupGroup(l.Group)
		if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
			missing = append(missing, &config.FieldError{Path: fmt.Sprintf("listen[%d].group", i), Message: "names a group that there is not"})
		}
	}
	return errors.Join(missing...)
}
