package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tokend/actors/local"
	"tokend/config"
	"tokend/system/access/audit"
)

// spot is where a configuration has the node write what only the node may replace.
type spot struct {
	key   string // in the configuration
	path  string
	trust string // key that trusts whoever can change the directory
	given bool   // so it is
}

// spots returns those of a configuration. Of sinks the system knows.
func spots(cfg *config.Config) (all []spot) {
	for i, l := range cfg.Listen {
		if path, ok := strings.CutPrefix(l.Address, "unix://"); ok {
			at := fmt.Sprintf("listen[%d].", i)
			all = append(all, spot{at + "address", path, at + "trust_directory", l.TrustDirectory})
		}
	}
	if cfg.Vault.Path != "" {
		all = append(all, spot{"vault.path", cfg.Vault.Path, "vault.trust_directory", cfg.Vault.TrustDirectory})
	}
	if cfg.Audit.Path != "" && cfg.Audit.Path != config.AuditStdout {
		all = append(all, spot{"audit.path", cfg.Audit.Path, "audit.trust_directory", cfg.Audit.TrustDirectory})
	}
	return all
}

// weakness returns who can change the directory of p, or the way to it, as far as there
// is one; nil if only root and this user can.
func (p spot) weakness() error {
	err := local.Safe(filepath.Dir(p.path))
	switch _, exposed := errors.AsType[*local.ExposedError](err); {
	case exposed:
		return fmt.Errorf("%w: use a directory that only root and the user tokend runs as can change, or set %s: true", err, p.trust)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil // it may be made before the start, and be another user's to see
	default:
		return err
	}
}

// turnable reports, as mistakes of the configuration, every place that others can change,
// but for those that are excused.
func turnable(cfg *config.Config, excused func(spot, error) bool) error {
	var errs []error
	for _, p := range spots(cfg) {
		if err := p.weakness(); err != nil && !p.given && !excused(p, err) {
			errs = append(errs, fieldError(p.key, err))
		}
	}
	return errors.Join(errs...)
}

// has excuses sockets that others have made.
func (i inherited) has(p spot, _ error) bool {
	_, given := i["unix://"+p.path]
	return given
}

// byRoot excuses directories of a user for services, when root looks: the node may well
// run as that one.
func byRoot(_ spot, err error) bool {
	e, ok := errors.AsType[*local.ExposedError](err)
	return ok && serviceOwns(e.Weak)
}

// serviceOwns reports whether root looks at what a user for services owns, and no one else
// can change.
func serviceOwns(weak local.Weakness) bool {
	return os.Geteuid() == 0 && !weak.Everyone && !weak.Group && isServiceUser(weak.UID)
}

// isServiceUser reports whether a user is one that systems make for services, or systemd
// for as long as one runs, and no person.
func isServiceUser(uid uint32) bool {
	const firstPerson, firstDynamic, lastDynamic = 1000, 61184, 65519
	return uid < firstPerson || firstDynamic <= uid && uid <= lastDynamic
}

// unfitAudit reports that the file of the audit cannot be used, before it is opened.
func unfitAudit(a config.Audit) error {
	if a.Path == "" || a.Path == config.AuditStdout || missingPlace(a.Path) != nil {
		return nil // or it was said
	}
	err := audit.Judge(a.Path, true) // its directory is looked at with the others
	if err == nil || errors.Is(err, fs.ErrPermission) {
		return nil // the node may be another user
	}
	return fieldError("audit.path", err)
}
