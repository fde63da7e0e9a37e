package system

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"tokend/actors/token"
	"tokend/actors/vault"
	"tokend/actors/vault/disk"
	"tokend/config"
	"tokend/messages"
)

// storage says where tokens are kept over a restart; the zero storage: nowhere.
type storage struct {
	path  string
	keys  []disk.Key
	trust bool // whoever can change the directory of the path
}

// options returns how the store is opened.
func (st storage) options() disk.Options {
	return disk.Options{Path: st.path, Keys: st.keys, TrustDirectory: st.trust}
}

// newStorage reads the keys of a configuration, and runs their commands. What they
// come to is checked here.
func newStorage(v config.Vault) (storage, error) {
	st := storage{path: v.Path, trust: v.TrustDirectory}
	var errs []error
	for i, secret := range v.Keys {
		if secret.IsZero() {
			continue // config says that it is required
		}
		var key disk.Key
		text, err := v.Key(i)
		if err == nil {
			key, err = disk.ParseKey(text)
		}
		if err != nil {
			errs = append(errs, &config.FieldError{Path: fmt.Sprintf("vault.keys[%d]", i), Message: err.Error()})
		}
		st.keys = append(st.keys, key)
	}
	if len(errs) > 0 {
		st.wipe()
	}
	return st, errors.Join(errs...)
}

// wipe overwrites the keys in memory; they can still be compared.
func (st storage) wipe() {
	for _, k := range st.keys {
		k.Wipe()
	}
}

// changed tells what of the storage cannot be changed while running.
func (st storage) changed(before storage) error {
	if st.path != before.path {
		return &config.FieldError{Path: "vault.path", Message: "cannot be changed while running: that takes a restart"}
	}
	if !slices.EqualFunc(st.keys, before.keys, disk.Key.Same) {
		return &config.FieldError{Path: "vault.keys", Message: "cannot be changed while running: that takes a restart"}
	}
	return nil
}

// openStore opens what keeps tokens over a restart, if anything is to.
func (s *System) openStore() error {
	b := s.services.Load()
	if b.storage.path == "" {
		return nil
	}
	defer b.storage.wipe()
	o := b.storage.options()
	o.Vault, o.Log = s.env.Vault, s.options.log
	store, err := disk.Open(o)
	if err != nil {
		return err
	}
	s.store.Store(store)
	s.env.Store = store
	s.reader.hash = store.Identity
	return s.forgetOthers(store, b)
}

// loginsKept is how long what a provider wants to have again is kept of a service
// that keeps nothing any more: one start or reload with the wrong configuration must
// not cost a login that is nowhere else.
const loginsKept = 30 * 24 * time.Hour

// forgetOthers has the store forget what it keeps of services that keep nothing any
// more: they were removed, while a System ran or while none did, or keep nothing now.
func (s *System) forgetOthers(store vault.Store, b *build) error {
	forgotten, spared := 0, []string(nil)
	err := store.Each(func(key vault.Key) {
		switch v := b.services[key.Service]; {
		case v != nil && !v.unkept():
		case s.isLogin(store, key):
			spared = append(spared, key.Service)
		default:
			store.Delete(key)
			forgotten++
		}
	})
	if len(spared) > 0 {
		slices.Sort(spared)
		s.options.log.WithField(fieldServices, listed(spared)).
			Warnf("vault: logins of services that are not configured are kept for %d days", loginsKept/(24*time.Hour))
	}
	if forgotten > 0 {
		s.options.log.WithField("records", forgotten).Warn("vault: what was kept of services that are no longer configured, or keep nothing now, is forgotten")
	}
	return err
}

// leaves reports whether a service of before keeps nothing in b of what it kept.
func (b *build) leaves(before *build) bool {
	for name, v := range before.services {
		if next := b.services[name]; !v.unkept() && (next == nil || next.unkept()) {
			return true
		}
	}
	return false
}

// forgetGone has the store forget what it keeps of services that b no longer has, if
// there may be any. What could not be looked at is when services change next.
func (s *System) forgetGone(b *build) {
	store := s.store.Load()
	if store == nil || !s.leftovers {
		return
	}
	if err := s.forgetOthers(store, b); err != nil {
		s.options.log.WithError(err).Error("vault: what was kept of services that are no longer configured is not forgotten yet")
		return
	}
	s.leftovers = false
}

// isLogin reports whether a record holds what a provider wants to have again, and its
// last token is not too old; without one nobody knows how old it is.
func (s *System) isLogin(store vault.Store, key vault.Key) bool {
	rec, err := store.Load(key)
	if err != nil || rec == nil || rec.State.IsZero() {
		return false
	}
	return rec.CreatedAt.IsZero() || s.env.Clock.Now().Time().Sub(rec.CreatedAt) < loginsKept
}

// flushStore keeps what has not been kept yet, while the store is still needed.
func (s *System) flushStore() {
	if store := s.store.Load(); store != nil {
		_ = store.Flush(context.Background()) // the store itself tells of its trouble
	}
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

// takeStock reads what the services refer to, and gives them the credentials that
// they begin with.
func (s *System) takeStock() {
	b := s.services.Load()
	b.takeStock(&s.reader, nil)
	for name, v := range b.services {
		v.credential = s.credential(b, name, v)
	}
}

// credential returns the version of what a service of b works with. Where tokens
// are kept it is made of keyed digests, the same in every process: nobody can guess
// from the file what secrets went into it. What the service's files hold changes
// the lower half alone, see [token.Credential].
func (s *System) credential(b *build, name string, v *service) token.Credential {
	store := s.store.Load()
	if store == nil {
		return 1
	}
	h := store.Identity()
	_, _ = fmt.Fprintf(h, "%s\x00", name) // a hash never fails
	configured := acquiring(&v.configured)
	configured.Digest(h)
	version := binary.BigEndian.Uint64(h.Sum(nil))
	if held := store.Identity(); b.contents(name, held) {
		version ^= uint64(binary.BigEndian.Uint32(held.Sum(nil)))
	}
	return token.Credential(version)
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

// VaultState is [System.VaultHealth] as /readyz tells it.
func (s *System) VaultState() (state messages.VaultState, kept bool) {
	h, kept := s.VaultHealth()
	state = messages.VaultState{Degraded: h.Degraded, Since: h.Since}
	if h.Err != nil {
		state.Text = h.Err.Error()
	}
	return state, kept
}
