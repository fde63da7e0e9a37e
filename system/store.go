package system

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tokend/actors/vault/disk"
	"tokend/config"
)

// storage says where tokens are kept over a restart; the zero storage: nowhere.
type storage struct {
	path string
	keys []disk.Key
}

// newStorage reads the keys of a configuration. What they come to is checked here;
// that they come to something, config has checked.
func newStorage(v config.Vault) (storage, error) {
	st := storage{path: v.Path}
	var errs []error
	for i, secret := range v.Keys {
		text, err := secret.Resolve()
		if err != nil || text.IsZero() {
			continue
		}
		key, err := disk.ParseKey(text)
		if err != nil {
			errs = append(errs, &config.FieldError{Path: fmt.Sprintf("vault.keys[%d]", i), Message: err.Error()})
		}
		st.keys = append(st.keys, key)
	}
	return st, errors.Join(errs...)
}

// changed tells what of the storage cannot be changed while running.
func (st storage) changed(before storage) error {
	if st.path != before.path {
		return &config.FieldError{Path: "vault.path", Message: "cannot be changed while running"}
	}
	if !slices.EqualFunc(st.keys, before.keys, disk.Key.Same) {
		return &config.FieldError{Path: "vault.keys", Message: "cannot be changed while running"}
	}
	return nil
}

// openStore opens what keeps tokens over a restart, if anything is to, and gives
// the services credentials that mean the same in the next process.
func (s *System) openStore() error {
	b := s.services.Load()
	if b.storage.path == "" {
		return nil
	}
	store, err := disk.Open(disk.Options{
		Path: b.storage.path, Keys: b.storage.keys, Vault: s.env.Vault, Log: s.options.log,
	})
	if err != nil {
		return err
	}
	s.store.Store(store)
	s.env.Store = store
	for name, v := range b.services {
		v.credential = s.credential(name, v)
	}
	return nil
}

// closeStore keeps what has not been kept yet.
func (s *System) closeStore() {
	store := s.store.Load()
	if store == nil {
		return
	}
	if err := store.Close(); err != nil {
		s.options.log.WithError(err).Error("vault not closed well")
	}
}

// credential returns what tells one configuration of a service's provider from
// another. Where tokens are kept it is a keyed digest, the same in every process:
// nobody can guess from the file what secrets went into it.
func (s *System) credential(name string, v *service) uint64 {
	store := s.store.Load()
	if store == nil {
		return 1
	}
	h := store.Identity()
	_, _ = fmt.Fprintf(h, "%s\x00%d\x00", name, v.policy.ConnectTimeout) // a hash never fails
	configured := v.configured
	configured.Settings, configured.Hosts, configured.Inject, configured.Sinks = config.Settings{}, nil, nil, nil
	configured.Digest(h)
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// VaultHealth returns how what keeps tokens over a restart is, and whether there
// is such a thing: a path is configured and the System was started.
func (s *System) VaultHealth() (health disk.Health, kept bool) {
	store := s.store.Load()
	if store == nil {
		return disk.Health{}, false
	}
	return store.Health(), true
}
