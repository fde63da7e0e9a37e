package config

import (
	"slices"
	"testing"
)

func TestServicesThatLiveOnOneLogin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "login", "text\n")
	of := func(edit func(*RefreshToken)) Service {
		r := &RefreshToken{OAuth: OAuth{TokenURL: "https://idp.example/t", ClientID: "c"}, RefreshToken: NewSecret("text")}
		edit(r)
		return Service{Provider: KindRefreshToken, RefreshToken: r}
	}
	file := func(name string) func(*RefreshToken) {
		return func(r *RefreshToken) { r.RefreshToken = NewSecret("${file:" + dir + "/" + name + "}") }
	}
	same := func(*RefreshToken) {}
	for name, c := range map[string]struct {
		a, b func(*RefreshToken)
		want bool
	}{
		"the same":                      {same, same, true},
		"one from a file":               {same, file("login"), true},
		"both from one file":            {file("login"), file("login"), true},
		"from a file that is not there": {file("none"), file("none"), true},
		"from two that are not there":   {file("none"), file("neither"), false},
		"another refresh token":         {same, func(r *RefreshToken) { r.RefreshToken = NewSecret("other") }, false},
		"another client":                {same, func(r *RefreshToken) { r.ClientID = "d" }, false},
		"another endpoint":              {same, func(r *RefreshToken) { r.TokenURL = "https://idp.example/u" }, false},
		"another way to the endpoint":   {same, func(r *RefreshToken) { r.TokenURL, r.Issuer = "", "https://idp.example" }, false},
		"one issuer": {
			func(r *RefreshToken) { r.TokenURL, r.Issuer = "", "https://idp.example" },
			func(r *RefreshToken) { r.TokenURL, r.Issuer = "", "https://idp.example" }, true,
		},
		"other scopes": {same, func(r *RefreshToken) { r.Scopes = []string{"read"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &Config{Services: map[string]Service{"b": of(c.b), "a": of(c.a), "c": {Provider: KindStatic}}}
			got := cfg.SharedLogins()
			if !c.want && got != nil || c.want && (len(got) != 1 || !slices.Equal(got[0], []string{"a", "b"})) {
				t.Errorf("%q", got)
			}
		})
	}
}
