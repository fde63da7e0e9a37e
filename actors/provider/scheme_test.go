package provider

import (
	"context"
	"slices"
	"strings"
	"testing"

	"tokend/messages"
)

// schemeOf writes how a token is sent and what was noted about that.
func schemeOf(res Result) string {
	said := res.Type + " " + res.AccessToken.Reveal()
	if res.ServerType != "" {
		said += " (" + res.ServerType + ")"
	}
	if slices.ContainsFunc(res.Notes, func(n Note) bool { return n.Key == NoteType }) {
		said += " noted"
	}
	return said
}

// Types of real servers are names of many things; the scheme is one of two, unless the
// service declares another.
func TestSchemes(t *testing.T) {
	long := strings.Repeat("B", 100)
	for name, c := range map[string]struct{ declared, said, token, want string }{
		"none":                        {"", "", "at", "Bearer at"},
		"Bearer":                      {"", "Bearer", "at", "Bearer at"},
		"in any case":                 {"", "BEARER", "at", "Bearer at"},
		"of one vendor":               {"", "BearerToken", "at", "Bearer at (BearerToken) noted"},
		"what it is made of":          {"", "JWT", "at", "Bearer at (JWT) noted"},
		"whose it is":                 {"", "user", "at", "Bearer at (user) noted"},
		"another scheme":              {"", "Basic", "at", "Bearer at (Basic) noted"},
		"two words":                   {"", "Bearer Token", "at", "Bearer at (Bearer Token) noted"},
		"a header besides":            {"", "x\r\nX-Admin: 1", "at", "Bearer at (x X-Admin: 1) noted"},
		"too long":                    {"", long, "at", "Bearer at (" + long[:maxCode] + ") noted"},
		"the token itself":            {"", "opaque-1", "opaque-1", "Bearer opaque-1 ([redacted]) noted"},
		"declared":                    {"Zoho-oauthtoken", "Bearer", "at", "Zoho-oauthtoken at (Bearer) noted"},
		"declared, none said":         {"token", "", "at", "token at"},
		"declared, as it is said":     {"token", "Token", "at", "token at"},
		"declared Bearer":             {"bearer", "MAC", "at", "Bearer at (MAC) noted"},
		"declared Bearer, DPoP said":  {"Bearer", "DPoP", "at", "Bearer at (DPoP) noted"},
		"Bearer in the token":         {"", "", "Bearer at", "Bearer at"},
		"in small letters":            {"", "bearer", "bearer  at", "Bearer at"},
		"in capitals":                 {"", "", "BEARER at", "Bearer at"},
		"the declared scheme in it":   {"Token", "", "token at", "Token at"},
		"Bearer in it, declared else": {"Token", "", "Bearer at", "Token at"},
	} {
		t.Run(name, func(t *testing.T) {
			body := asJSON(map[string]any{"access_token": c.token, "token_type": c.said})
			url := serve(t, says(200, body)).URL
			settings := client(t, url)
			settings.Type = c.declared
			l := loginTo(t, url, Response{Token: "access_token", TokenType: "token_type"})
			l.Type = c.declared
			kept := jsonFile(t, body)
			kept.Type = c.declared
			for kind, p := range map[string]Provider{
				"client_credentials": mustClient(t, settings), "login": mustLogin(t, l), "file": mustFile(t, kept),
				"exec": mustExec(t, Exec{Command: execution("print", body), Type: c.declared}),
			} {
				if got := schemeOf(acquire(t, p)); got != c.want {
					t.Errorf("%s: got %q, want %q", kind, got, c.want)
				}
			}
		})
	}
}

func TestWhatIsNoSchemeStaysInTheToken(t *testing.T) {
	wantAnswered(t, map[string]row{
		"another word":    {holds(`"Basic at"`), noText},
		"nothing after":   {holds(`"Bearer "`), "malformed: no access token"},
		"two words after": {holds(`"Bearer a b"`), noText},
		"a space before":  {holds(`" Bearer at"`), noText},
		"no space":        {holds(`"Bearerat"`), "Bearer Bearerat for 59s"},
	})
}

func TestTheSchemeOfATokenElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		response Response
		headers  []string
		body     string
	}{
		"in a header": {Response{TokenHeader: "X-Token"}, []string{"X-Token", "Token at"}, ""},
		"in a cookie": {Response{TokenCookie: "sid"}, []string{"Set-Cookie", `sid="Bearer at"`}, ""},
		"in the text": {Response{TokenText: true}, nil, "Bearer at\n"},
		"in the JSON": {Response{Token: "data.t"}, nil, `{"data":{"t":"token at"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			l := loginTo(t, serve(t, says(200, c.body, c.headers...)).URL, c.response)
			l.Type = "Token"
			if got := schemeOf(acquire(t, mustLogin(t, l))); got != "Token at" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTypesThatCannotBeDeclared(t *testing.T) {
	settings := client(t, "https://idp.example")
	settings.Type = "two words"
	if _, err := NewClientCredentials(settings); err == nil || err.Error() != "token_type: is not one word" {
		t.Errorf("got %v", err)
	}
	l := loginTo(t, "https://erp.example", Response{Token: "t"})
	l.Type = "a\nb"
	if _, err := NewLogin(l); err == nil || err.Error() != "token_type: is not one word" {
		t.Errorf("got %v", err)
	}
}

// A host's provider says itself how its tokens are sent.
func TestTheSchemeOfAHostsProvider(t *testing.T) {
	p := Func(func(_ context.Context, _ Request) (Result, error) {
		return Result{AccessToken: messages.NewSecret("GoogleLogin at"), Type: "GoogleLogin"}, nil
	})
	if got := schemeOf(acquire(t, p)); got != "GoogleLogin at" {
		t.Errorf("got %q", got)
	}
}
