package system

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/actors/token"
	"tokend/config"
	"tokend/messages"
	"tokend/system/sink"
)

// build is a configuration made into what actors understand.
type build struct {
	memory   string
	storage  storage
	limits   config.Limits
	services map[string]*service
	placed   bool                // a service has a placement
	reads    map[string][]string // by service: the files it refers to, sorted; without services that refer to none
	files    map[string]*watched // all of them, by path
	sinks    []*sink.Sink
	exposed  []ExposedSink
	sharing  [][]string // services that are configured to live on one login, in groups
}

// service is one service of a build. It is immutable but for made, which is
// filled in once, and for credential, which Start sets where tokens are kept. A
// changed secret makes another one of it, see System.renew.
type service struct {
	configured config.Service
	policy     config.Policy
	provider   provider.Provider
	waiters    int
	credential token.Credential    // see System.credential
	placement  *messages.Placement // nil: nothing is said
	made       *token.Options
}

// build makes cfg into what actors understand. What did not change is taken from
// previous, so that nothing happens to it. The error holds everything that is
// wrong, sorted by path: also what shows only when providers are made, of the
// services that have no mistake of their own.
func (s *System) build(cfg *config.Config, previous *build) (*build, error) {
	errs := []error{cfg.Validate()}
	full := cfg.WithDefaults()
	b := &build{
		memory: full.Vault.Memory, limits: full.Limits, services: make(map[string]*service, len(full.Services)),
		reads: map[string][]string{}, files: map[string]*watched{},
	}
	b.refer(full.Services, previous)
	var err error
	if b.storage, err = newStorage(full.Vault); err != nil {
		errs = append(errs, err)
	} else if previous != nil {
		b.takeStock(&s.reader, previous)
		b.storage.wipe() // what runs was opened by those of previous
		errs = append(errs, b.storage.changed(previous.storage))
	}
	if previous != nil && previous.memory != b.memory {
		errs = append(errs, &config.FieldError{Path: "vault.memory", Message: "cannot be changed while running: that takes a restart"})
	}
	invalid := errs[0] != nil
	errs = append(errs, b.makeSinks(&full, previous, invalid))
	needed := b.needed()
	for _, name := range slices.Sorted(maps.Keys(full.Services)) {
		if invalid && !validAlone(name, full.Services[name]) {
			continue
		}
		svc, err := s.service(b, name, &full, previous.service(name), needed[name])
		errs = append(errs, under("services."+name, err))
		b.services[name] = svc
		b.placed = b.placed || svc != nil && svc.placement != nil
	}
	if !invalid {
		b.sharing = full.SharedLogins()
	}
	return b, sorted(errors.Join(errs...))
}

// service returns a service of b, nil if it has none of that name.
func (b *build) service(name string) *service {
	if b == nil {
		return nil
	}
	return b.services[name]
}

// validAlone reports whether a service is valid, whatever else is not.
func validAlone(name string, s config.Service) bool {
	alone := config.Config{Services: map[string]config.Service{name: s}}
	return alone.Validate() == nil
}

// sorted returns the errors of a configuration in the order of their paths, each
// once: that a key of the vault cannot be resolved is found twice.
func sorted(err error) error {
	fields := config.Errors(err)
	slices.SortFunc(fields, func(a, b config.FieldError) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	fields = slices.Compact(fields)
	errs := make([]error, len(fields))
	for i := range fields {
		errs[i] = &fields[i]
	}
	return errors.Join(errs...)
}

// under returns err as errors of the configuration, each with its path.
func under(path string, err error) error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // this walks the tree itself
		errs := slices.Clone(all.Unwrap())
		for i := range errs {
			errs[i] = under(path, errs[i])
		}
		return errors.Join(errs...)
	}
	if e, ok := errors.AsType[*provider.KeyError](err); ok {
		return &config.FieldError{Path: path + "." + e.Key, Message: e.Problem}
	}
	fields := config.Errors(err)
	if len(fields) == 0 {
		return &config.FieldError{Path: path, Message: err.Error()}
	}
	errs := make([]error, len(fields))
	for i, f := range fields {
		errs[i] = &config.FieldError{Path: path + "." + f.Path, Message: f.Message}
	}
	return errors.Join(errs...)
}

// service returns one service of cfg, for b: the one before, if nothing has changed,
// else one with the provider of the one before, if that has not changed. Its token is
// good for whatever gets tokens the same way, however long that may take to connect. A
// needed one is eager.
func (s *System) service(b *build, name string, cfg *config.Config, before *service, needed bool) (*service, error) {
	configured := cfg.Services[name]
	next := &service{
		configured: configured, policy: cfg.Policy(&configured), waiters: cfg.Limits.WaitersPerService,
		placement: newPlacement(&configured),
	}
	next.policy.Eager = next.policy.Eager || needed
	next.credential = s.credential(b, name, next)
	if before == nil {
		return next.withProvider(s, name)
	}
	if !sameProvider(before, next) {
		next.succeed(s, before)
		return next.withProvider(s, name)
	}
	if before.policy == next.policy && before.waiters == next.waiters && sameTransport(before, next) &&
		keepAliveOf(&before.configured) == keepAliveOf(&next.configured) {
		return before, nil
	}
	next.provider, next.credential = before.provider, before.credential
	if before.policy.ConnectTimeout != next.policy.ConnectTimeout {
		return next.withProvider(s, name)
	}
	return next, nil
}

// succeed makes the service's credential another one than before had.
func (v *service) succeed(s *System, before *service) {
	if s.store.Load() == nil || v.credential == before.credential {
		v.credential = before.credential + 1
	}
}

// sameProvider reports whether two services get their tokens the same way.
func sameProvider(a, b *service) bool {
	x, y := acquiring(&a.configured), acquiring(&b.configured)
	return x.Equal(&y)
}

// acquiring returns the part of s that says how the token is acquired. It shares
// what it can with s.
func acquiring(s *config.Service) config.Service {
	part := *s
	part.Settings, part.Hosts, part.Inject, part.Sinks = config.Settings{}, nil, nil, nil
	if r := s.RefreshToken; r != nil && r.KeepAlive != nil {
		refresh := *r
		refresh.KeepAlive = nil
		part.RefreshToken = &refresh
	}
	return part
}

// keepAliveOf returns how often a service's login must be used, at least.
func keepAliveOf(s *config.Service) time.Duration {
	switch r := s.RefreshToken; {
	case r == nil:
		return 0
	case r.KeepAlive == nil:
		return config.DefaultKeepAlive
	default:
		return *r.KeepAlive
	}
}

// sameTransport reports whether Transport treats the tokens of two services alike.
func sameTransport(a, b *service) bool {
	return reflect.DeepEqual(a.placement, b.placement)
}

func (v *service) withProvider(s *System, name string) (*service, error) {
	p, err := s.provider(name, &v.configured, v.policy)
	v.provider = p
	return v, err
}

// options returns what the supervisor is to run.
func (b *build) options(g *gates) map[string]*token.Options {
	all := make(map[string]*token.Options, len(b.services))
	for name, v := range b.services {
		if v.made == nil {
			v.made = v.options(g)
		}
		all[name] = v.made
	}
	return all
}

func (v *service) options(g *gates) *token.Options {
	return &token.Options{
		Kind: v.configured.Provider, Provider: v.provider, Gate: g.of(gateOf(v)),
		Policy: v.schedule(),
		Bounds: v.bounds(), AtExpiry: v.policy.AtExpiry, WarnAlways: v.policy.WarnAlways,
		Eager: v.policy.Eager, Required: v.policy.Required,
		RejectedTries: v.policy.RejectedTries,
		Waiters:       v.waiters, Credential: v.credential, KeepAlive: keepAliveOf(&v.configured), Unkept: v.unkept(),
	}
}

func (v *service) bounds() provider.Bounds {
	return provider.Bounds{Default: v.policy.DefaultTTL, Max: v.policy.MaxTTL}
}

func (v *service) schedule() schedule.Policy {
	return schedule.Policy{
		Timeout: v.policy.Timeout, RefreshThreshold: v.policy.RefreshThreshold,
		WarnBefore: v.policy.WarnBefore, MinTTL: v.policy.MinTTL,
	}
}

// unkept reports whether nothing of the service is kept over a restart: its tokens
// lie on this machine, where nobody is asked for them, and what was kept of them
// might be older.
func (v *service) unkept() bool {
	kind := v.configured.Provider
	return kind == config.KindStatic || kind == config.KindFile
}

// gateOf returns whose gate a service's acquisitions pass: their endpoint's host or
// their program, that of all services of a host's own kind if they do not tell, and
// none where nothing is asked.
func gateOf(v *service) string {
	if h, ok := v.provider.(provider.Hosted); ok {
		return h.Host()
	}
	if v.unkept() {
		return ""
	}
	return "kind:" + v.configured.Provider
}

func userAgent() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == "tokend" && m.Version != "" && m.Version != "(devel)" {
				return "tokend/" + m.Version
			}
		}
	}
	return "tokend"
}
