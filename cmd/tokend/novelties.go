package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tokend/config"
)

// novelty is a setting whose meaning another version of tokend has changed.
type novelty struct {
	text    string // what counts now
	concern func(cfg *config.Config, s *config.Service) bool
}

// novelties are those that the CHANGELOG has under Changed, as far as a configuration
// shows whom they concern.
var novelties = []novelty{
	{"inject applies wherever a token is put into a header", func(_ *config.Config, s *config.Service) bool {
		return s.Inject != nil
	}},
	{"hosts apply to gRPC credentials and the credential helpers, too", func(_ *config.Config, s *config.Service) bool {
		return len(s.Hosts) > 0
	}},
	{"a lost login is tried again for a day, and replaces its fallback when it works", func(_ *config.Config, s *config.Service) bool {
		return s.RefreshToken != nil && s.RefreshToken.Fallback != nil
	}},
	{"the end of a cookie is read as browsers do; 0, -1 and Session state none", func(_ *config.Config, s *config.Service) bool {
		return anyLogin(s, func(l *config.Login) bool { return l.Response.TokenCookie != "" })
	}},
	{"the type of a token that an answer or a file names is a scheme only if it is Bearer or DPoP", namesType},
	{"token_type counts before the type that is read", declaresType},
	{"a person's refused credentials are tried again after 5 min, 1 h and then hours, also over a restart", func(cfg *config.Config, s *config.Service) bool {
		return cfg.Vault.Path != "" && (s.Password != nil || anyLogin(s, func(*config.Login) bool { return true }))
	}},
	{"check --acquire skips it", func(_ *config.Config, s *config.Service) bool { return hazard(s) != "" }},
}

// namesType reports whether what is read names the type of the token, and the
// configuration does not.
func namesType(_ *config.Config, s *config.Service) bool {
	if s.File != nil {
		return s.File.TokenType == "" && s.File.Form == config.FormatJSON
	}
	return s.Login != nil && s.Login.TokenType == "" && s.Login.Response.TokenType != ""
}

// declaresType reports whether the configuration names the type of a token that may
// come with another.
func declaresType(_ *config.Config, s *config.Service) bool {
	return s.File != nil && s.File.TokenType != "" || s.Exec != nil && s.Exec.TokenType != ""
}

// anyLogin reports whether f holds of the login of the service, or of its fallback.
func anyLogin(s *config.Service, f func(*config.Login) bool) bool {
	login := s.Login
	if s.RefreshToken != nil && s.RefreshToken.Fallback != nil {
		login = s.RefreshToken.Fallback.Login
	}
	return login != nil && f(login)
}

// auditNovelty concerns no service.
const auditNovelty = "  of refusals that repeat, the audit has the first ten a minute and a count: audit.path\n"

// mostNamed bounds the services that are named for one change.
const mostNamed = 5

// tellNovelties names the services whose settings mean something else than they did.
func tellNovelties(w io.Writer, cfg *config.Config) error {
	var lines strings.Builder
	for _, c := range novelties {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(cfg.Services)) {
			if svc := cfg.Services[name]; c.concern(cfg, &svc) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			fmt.Fprintf(&lines, "  %s: %s\n", c.text, shortList(names))
		}
	}
	if cfg.Audit.Path != "" {
		lines.WriteString(auditNovelty)
	}
	if lines.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "changed in this version, see CHANGELOG.md:\n%s", lines.String())
	return err
}

// shortList returns names as text, a few at most.
func shortList(names []string) string {
	if len(names) <= mostNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), len(names)-mostNamed)
}
