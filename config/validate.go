package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Validate reports every mistake in c, as [Load] does: the paths are those of
// the YAML form. It reads the files that c refers to. Names of hosts must be in
// lower case, which Load sees to.
func (c *Config) Validate() error { return c.check(nil).err() }

// check is Validate; kinds are those that a host brings, nil if that is unknown.
func (c *Config) check(kinds []string) problems {
	v := &checker{tls: map[TLS]problems{}, kinds: kinds}
	if c.Version != 0 && c.Version != 1 {
		v.add("version", "must be 1")
	}
	v.listeners(c.Listen, c.Clients)
	v.clients(c)
	v.audit(&c.Audit)
	v.hosts("hosts", c.Hosts)
	v.oneOf("log.level", c.Log.Level, "error", "warn", "info", "debug")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	v.startup(&c.Startup)
	v.vault(&c.Vault)
	v.limit("limits.waiters_per_service", c.Limits.WaitersPerService, 1_000_000)
	v.limit("limits.in_flight_per_host", c.Limits.InFlightPerHost, 10_000)
	v.limit("limits.connections", c.Limits.Connections, 1_000_000)
	v.limit("limits.requests_per_second", c.Limits.RequestsPerSecond, 1_000_000)
	v.limit("limits.in_flight_per_client", c.Limits.InFlightPerClient, 1_000_000)
	v.limit("limits.streams_per_client", c.Limits.StreamsPerClient, 1_000_000)
	v.settings("defaults", &c.Defaults)
	for name, svc := range c.Services {
		v.service(join("services", name), name, &svc)
	}
	v.writtenPaths(c)
	return v.problems
}

// checker collects what is wrong with a Config.
type checker struct {
	problems
	tls   map[TLS]problems // many services share few settings, and each means reading files
	kinds []string         // those of the host, nil if unknown
}

// oneOf checks a text that may be empty.
func (v *checker) oneOf(path, text string, allowed ...string) {
	if text != "" && !slices.Contains(allowed, text) {
		v.add(path, "must be one of %s", strings.Join(allowed, ", "))
	}
}

func (v *checker) limit(path string, n, most int) {
	if n < 0 || n > most {
		v.add(path, "must be between 1 and %d", most)
	}
}

func (v *checker) startup(c *Startup) {
	v.oneOf("startup.mode", c.Mode, StartupServe, StartupWait)
	if c.Timeout < 0 || c.Timeout > longestTimeout {
		v.add("startup.timeout", "must be at most 5m, and not negative")
	}
}

// mostKeys bounds the keys of a vault: one is in use, others are on their way out.
const mostKeys = 16

func (v *checker) vault(c *Vault) {
	v.oneOf("vault.memory", c.Memory, "sealed", "plain")
	switch {
	case c.Path != "" && len(c.Keys) == 0:
		v.add("vault.keys", "required, for vault.path is set")
	case c.Path == "" && len(c.Keys) > 0:
		v.add("vault.path", "required, for vault.keys is set")
	case len(c.Keys) > mostKeys:
		v.add("vault.keys", "must be at most %d", mostKeys)
	}
	if c.TrustDirectory && c.Path == "" {
		v.add("vault.trust_directory", "is for a vault.path")
	}
	for i, k := range c.Keys {
		v.key(item("vault.keys", i), k)
	}
}

const (
	longestTimeout = 5 * time.Minute
	mostTries      = 1_000_000
	longestSpan    = 10 * 365 * 24 * time.Hour // keeps sums of times far from overflow
)

func (v *checker) settings(path string, s *Settings) {
	v.timeout(join(path, "timeout"), s.Timeout)
	v.timeout(join(path, "connect_timeout"), s.ConnectTimeout)
	v.span(join(path, "refresh_threshold"), s.RefreshThreshold)
	v.span(join(path, "warn_before"), s.WarnBefore)
	v.span(join(path, "min_ttl"), s.MinTTL)
	v.span(join(path, "default_ttl"), s.DefaultTTL)
	v.span(join(path, "max_ttl"), s.MaxTTL)
	if n := s.RejectedTries; n != nil && (*n < 1 || *n > mostTries) {
		v.add(join(path, "rejected_tries"), "must be at least 1 and at most %d", mostTries)
	}
	if s.Reissue != nil {
		v.oneOf(join(path, "reissue"), *s.Reissue, ReissueEarly, ReissueAtExpiry)
	}
}

func (v *checker) timeout(path string, d *time.Duration) {
	if d != nil && (*d <= 0 || *d > longestTimeout) {
		v.add(path, "must be longer than 0s and at most 5m")
	}
}

func (v *checker) span(path string, d *time.Duration) {
	if d != nil && (*d < 0 || *d > longestSpan) {
		v.add(path, "must be between 0s and 87600h")
	}
}

var (
	serviceName  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	providerKind = serviceName
)

const nameRule = "must have 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen, the first a letter or digit"

func (v *checker) service(path, name string, s *Service) {
	if !serviceName.MatchString(name) {
		v.add(path, "the name %s", nameRule)
	}
	v.settings(path, &s.Settings)
	v.hosts(join(path, "hosts"), s.Hosts)
	v.inject(join(path, "inject"), s.Inject)
	v.sinks(join(path, "sinks"), s)
	v.checkTLS(join(path, "tls"), s.TLS)
	switch {
	case s.Provider == "":
		v.add(join(path, "provider"), "required: one of %s, or a host's own kind", strings.Join(builtIn, ", "))
	case !providerKind.MatchString(s.Provider):
		v.add(join(path, "provider"), "%s", nameRule)
	default:
		v.known(join(path, "provider"), s.Provider)
		v.kind(path, s)
	}
}

// known checks that there is a kind of provider, if it is known which there are.
func (v *checker) known(path, kind string) {
	if v.kinds == nil || slices.Contains(builtIn, kind) || slices.Contains(v.kinds, kind) {
		return
	}
	all := append(slices.Clone(builtIn), v.kinds...)
	text := "must be one of " + strings.Join(all, ", ")
	if near := nearest(kind, all); near != "" {
		text += "; did you mean " + near + "?"
	}
	if len(v.kinds) == 0 {
		text += "; a kind that a host program brings is known in that program only"
	}
	v.add(path, "%s", text)
}

// kind checks the keys that depend on the kind of provider. A literal without the
// struct of its kind is one in which all of its keys are missing.
func (v *checker) kind(path string, s *Service) {
	switch s.Provider {
	case KindClientCredentials:
		v.oauth(path, (*OAuth)(orNew(s.ClientCredentials)), s)
	case KindRefreshToken:
		v.refreshToken(path, orNew(s.RefreshToken), s)
	case KindPassword:
		v.password(path, orNew(s.Password), s)
	case KindJWTBearer:
		v.jwtBearer(path, orNew(s.JWTBearer), s)
	case KindLogin:
		v.login(path, orNew(s.Login), s.AllowHTTP)
	case KindStatic:
		v.static(path, orNew(s.Static))
	case KindFile:
		v.file(path, orNew(s.File))
	case KindExec:
		v.exec(path, orNew(s.Exec))
	}
	v.foreign(path, KindClientCredentials, s.Provider, s.ClientCredentials != nil)
	v.foreign(path, KindRefreshToken, s.Provider, s.RefreshToken != nil)
	v.foreign(path, KindPassword, s.Provider, s.Password != nil)
	v.foreign(path, KindJWTBearer, s.Provider, s.JWTBearer != nil)
	v.foreign(path, KindLogin, s.Provider, s.Login != nil)
	v.foreign(path, KindStatic, s.Provider, s.Static != nil)
	v.foreign(path, KindFile, s.Provider, s.File != nil)
	v.foreign(path, KindExec, s.Provider, s.Exec != nil)
	v.options(join(path, "options"), s)
}

func (v *checker) foreign(path, kind, provider string, present bool) {
	if present && provider != kind {
		v.add(path, "has keys that belong to provider %s", kind)
	}
}

func (v *checker) options(path string, s *Service) {
	switch {
	case s.Options.IsZero():
	case slices.Contains(builtIn, s.Provider):
		v.add(path, "%s", misplacedOptions)
	case !s.Options.isMap():
		v.add(path, "must be a map")
	default:
		v.tree(path, s.Options)
	}
}
