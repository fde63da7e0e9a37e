package provider

import (
	"slices"
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	for name, c := range map[string]struct{ asked, granted, want string }{
		"all":                          {"a b", "b a", ""},
		"more":                         {"a", "a b", ""},
		"one is missing":               {"a b", "a", "b"},
		"none is granted":              {"a b", "", "a b"},
		"one asked for twice":          {"a b b", "a", "b"},
		"commas":                       {"repo gist", "repo,gist", ""},
		"commas and spaces":            {"repo gist user", "repo, gist", "user"},
		"commas in what is asked for":  {"repo,gist", "repo gist", ""},
		"a part of what has commas":    {"repo,gist", "repo", "gist"},
		"those of OpenID Connect":      {"openid profile email offline_access read", "read", ""},
		"the one for all":              {"https://graph.example/.default", "https://graph.example/User.Read", ""},
		"the one for all of an API":    {"api://4711/.default openid", "access_as_user", ""},
		"the one for all, bare":        {".default", "x", ""},
		"in full for short":            {"User.Read Mail.Read", "https://graph.example/User.Read https://graph.example/Mail.Read", ""},
		"short for in full":            {"https://graph.example/User.Read", "User.Read", ""},
		"an API by its number":         {"api://4711/access_as_user", "access_as_user", ""},
		"in full, another one":         {"https://graph.example/User.Read", "https://graph.example/Mail.Read", "https://graph.example/User.Read"},
		"in full, of a path":           {"https://www.example/auth/drive.readonly", "drive.readonly", ""},
		"with a slash at the end":      {"https://mail.example/", "https://mail.example/", ""},
		"a slash in one that is short": {"read/write", "write", "read/write"},
		"a colon in it":                {"repo:status", "status", "repo:status"},
		"a name of its own":            {"urn:a:read", "urn:a:read", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Missing(strings.Fields(c.asked), strings.Fields(c.granted))
			if !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := Missing([]string{"a"}, []string{"a"}); got != nil {
		t.Errorf("got %#v", got)
	}
}
