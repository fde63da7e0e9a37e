package config_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
	"tokend/messages"
)

func revealed(all []messages.Secret) []string {
	var texts []string
	for _, s := range all {
		texts = append(texts, s.Reveal())
	}
	slices.Sort(texts)
	return texts
}

func TestExpandGivesWhatReferencesBring(t *testing.T) {
	t.Setenv("EXPAND_A", "one")
	t.Setenv("EXPAND_B", "${env:EXPAND_A}")
	for template, want := range map[string][]string{
		"":                                nil,
		"literal":                         nil,
		"$${env:EXPAND_A}":                nil,
		"<pw>${env:EXPAND_A}</pw>":        {"one"},
		"${env:EXPAND_A}${env:EXPAND_A}":  {"one", "one"},
		"x${env:EXPAND_B}${env:EXPAND_A}": {"${env:EXPAND_A}", "one"},
	} {
		text, found, err := config.NewSecret(template).Expand()
		resolved, _ := config.NewSecret(template).Resolve()
		if err != nil || text.Reveal() != resolved.Reveal() || !slices.Equal(revealed(found), want) {
			t.Errorf("%s: %q, %q, %v", template, text.Reveal(), revealed(found), err)
		}
	}
}

func TestExpandOfSecretsAndTrees(t *testing.T) {
	t.Setenv("EXPAND_A", "one")
	secrets := config.Secrets{"a": config.NewSecret("x${env:EXPAND_A}"), "b": {}, "c": config.NewSecret("y")}
	texts, found, err := secrets.Expand()
	if err != nil || len(texts) != 3 || texts["a"].Reveal() != "xone" || texts["b"].Reveal() != "" || !slices.Equal(revealed(found), []string{"one"}) {
		t.Errorf("%d texts, %q, %v", len(texts), revealed(found), err)
	}
	value, found, err := config.NewTree(map[string]any{"a": []any{"x${env:EXPAND_A}", ""}, "n": 1}).Expand()
	if diff := cmp.Diff(map[string]any{"a": []any{"xone", ""}, "n": 1}, value); diff != "" || err != nil || !slices.Equal(revealed(found), []string{"one"}) {
		t.Errorf("%s, %q, %v", diff, revealed(found), err)
	}
}

func TestExpandReportsEveryFailure(t *testing.T) {
	t.Setenv("EXPAND_EMPTY", "")
	texts, found, err := config.Secrets{
		"a": config.NewSecret("${env:EXPAND_NONE}"), "b": config.NewSecret("x${env:EXPAND_EMPTY}y"), "c": config.NewSecret("fine"),
	}.Expand()
	want := []config.FieldError{
		{Path: "a", Message: "${env:EXPAND_NONE}: not set"},
		{Path: "b", Message: "${env:EXPAND_EMPTY}: empty"},
	}
	if diff := cmp.Diff(want, config.Errors(err)); diff != "" || texts != nil || found != nil {
		t.Errorf("%v, %v, %s", texts, found, diff)
	}
}

// An empty text that was written so is sent, where an API may want that; nothing
// that should have come from elsewhere may be missing.
func TestEmptyLiteralsAreSent(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a parameter":         {`{provider: client_credentials, token_url: "https://a", client_id: a, client_secret: b, params: {p: ""}}`, ""},
		"a query":             {`{provider: login, request: {url: "https://a", query: {p: ""}, headers: {P: ""}, form: {p: ""}}, response: {token: t}}`, ""},
		"JSON":                {`{provider: login, request: {url: "https://a", json: {p: ""}}, response: {token: t}}`, ""},
		"a client secret":     {`{provider: client_credentials, token_url: "https://a", client_id: a, client_secret: ""}`, "services.s.client_secret: required"},
		"an empty variable":   {`{provider: client_credentials, token_url: "https://a", client_id: a, client_secret: b, params: {p: "${env:E}"}}`, "services.s.params.p: ${env:E}: empty"},
		"a variable in JSON":  {`{provider: login, request: {url: "https://a", json: {p: "x${env:E}"}}, response: {token: t}}`, "services.s.request.json.p: ${env:E}: empty"},
		"a variable in a key": {`{provider: client_credentials, token_url: "https://a", client_id: "a${env:E}", client_secret: b}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if _, err := config.Parse([]byte("services: {s: "+c.text+"}"), environ("E=")); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestKindsThatNobodyHasAreMistakes(t *testing.T) {
	const alone = "; a kind that a host program brings is known in that program only"
	const text = "log: {level: loud}\nservices: {a: {provider: pigeon}, b: {provider: logn}, c: {provider: own}, d: {provider: static, token: x}}"
	for name, c := range map[string]struct {
		opts []config.Option
		want []config.FieldError
	}{
		"nobody knows which there are": {nil, nil},
		"none of a host": {
			[]config.Option{config.WithKinds()},
			[]config.FieldError{
				{Path: "services.a.provider", Message: "must be one of client_credentials, refresh_token, password, jwt_bearer, login, static, file, exec" + alone},
				{Path: "services.b.provider", Message: "must be one of client_credentials, refresh_token, password, jwt_bearer, login, static, file, exec; did you mean login?" + alone},
				{Path: "services.c.provider", Message: "must be one of client_credentials, refresh_token, password, jwt_bearer, login, static, file, exec" + alone},
			},
		},
		"some of a host": {
			[]config.Option{config.WithKinds("own", "pigeon")},
			[]config.FieldError{{Path: "services.b.provider", Message: "must be one of client_credentials, refresh_token, password, jwt_bearer, login, static, file, exec, own, pigeon; did you mean login?"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(text), append(c.opts, environ())...)
			want := append([]config.FieldError{{Path: "log.level", Message: "must be one of error, warn, info, debug"}}, c.want...)
			if diff := cmp.Diff(want, config.Errors(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddressesOfListenersHaveOneForm(t *testing.T) {
	want := []config.Listener{{Address: "tcp://localhost:7460"}, {Address: "unix:///A"}, {Address: "tcp://[::1]:1"}}
	c, err := config.Parse([]byte(`listen: ["tcp://LocalHost:7460", "unix:///A", "http://[::1]:1/"]`), environ())
	if err != nil || !slices.Equal(c.Listen, want) {
		t.Errorf("%v, %v", c, err)
	}
	given := []config.Listener{{Address: "tcp://LocalHost:7460"}, {Address: "unix:///A"}, {Address: "http://[::1]:1"}}
	literal := config.Config{Listen: given}
	if err := literal.Validate(); err != nil || !slices.Equal(literal.WithDefaults().Listen, want) {
		t.Errorf("%v, %v", literal.WithDefaults().Listen, err)
	}
	if given[0].Address != "tcp://LocalHost:7460" {
		t.Error("the literal was changed")
	}
}

func TestRelativeFilesOfTLSAreNoReferences(t *testing.T) {
	_, err := config.Parse([]byte("services: {s: {provider: own, tls: {ca_file: .}}}"), environ(), config.WithDir(filepath.Join(t.TempDir())))
	if err == nil || err.Error() != "services.s.tls.ca_file: not a regular file" {
		t.Error(err)
	}
}
