package servers

import (
	"fmt"
	"testing"

	"tokend/system"
)

// refusals are what a server says of assertions.
type refusals struct {
	key, audience, expired, kid string
	replay                      int // status
}

// late is a node whose clock is an hour slow: its assertions have expired.
var late = []system.Option{system.WithClock(behind)}

const credentials = "provider: client_credentials, token_url: BASE/token, "

// secretly is a client with a secret. A server says one thing of a wrong secret, and
// perhaps another of a client that it does not know.
func secretly(auth, id, denied, unknown string) cell {
	keys := func(auth, id, secret string) string {
		return fmt.Sprintf("%sclient_auth: %s, client_id: %s, client_secret: '${file:%s}'", credentials, auth, id, secret)
	}
	made := cell{keys: keys(auth, id, "secret"), refuses: []try{
		{"a wrong secret", keys(auth, id, "wrong"), nil, denied},
		{"an unknown client", keys(auth, "nobody", "secret"), nil, unknown},
	}}
	if other, ok := map[string]string{"basic": "basic_raw", "basic_raw": "basic"}[auth]; ok {
		made.refuses = append(made.refuses, try{other + " instead", keys(other, id, "secret"), nil, "rejected: 40"})
	}
	return made
}

// secretSigning is a client whose secret signs.
func secretSigning(id string, says refusals) cell {
	keys := credentials + "client_auth: client_secret_jwt, client_id: " + id + ", client_secret: "
	return cell{keys: keys + "'${file:secret}'", more: replayed(says.replay), refuses: []try{
		{"a wrong secret", keys + "'${file:wrong}'", nil, says.key},
		{"a wrong audience", keys + "'${file:secret}', assertion_audience: 'https://other.example'", nil, says.audience},
		{"an expired assertion", keys + "'${file:secret}'", late, says.expired},
	}}
}

// signing is a client, named as the algorithm, whose key signs.
func signing(algorithm, key string, says refusals) cell {
	keys := credentials + "client_auth: private_key_jwt, client_id: " + algorithm + ", assertion_algorithm: " + algorithm
	own := fmt.Sprintf("%s, client_key: '${file:%s.key}', client_key_id: %[2]s", keys, key)
	return cell{keys: own, more: replayed(says.replay), refuses: []try{
		{"a wrong key", fmt.Sprintf("%s, client_key: '${file:bad-%s.key}', client_key_id: %[2]s", keys, key), nil, says.key},
		{"an unknown kid", fmt.Sprintf("%s, client_key: '${file:%s.key}', client_key_id: k2", keys, key), nil, says.kid},
		{"a wrong audience", own + ", assertion_audience: 'https://other.example'", nil, says.audience},
		{"an expired assertion", own, late, says.expired},
	}}
}

// mutually is a client that shows a certificate.
func mutually(id, certificate, path, denied string) cell {
	shows := func(name string) string {
		return fmt.Sprintf("provider: client_credentials, token_url: BASE%s, client_auth: tls, client_id: %s, tls: {ca_file: ca.pem, cert_file: %s.pem, key_file: %[3]s.key}", path, id, name)
	}
	return cell{keys: shows(certificate), refuses: []try{
		{"another certificate of the authority", shows("pki-bad"), nil, denied},
		{"another self-signed certificate", shows("bad-ec"), nil, denied},
		{"no certificate", fmt.Sprintf("provider: client_credentials, token_url: BASE%s, client_auth: none, client_id: %s", "/token", id), nil, denied},
	}}
}

// grants is a client that asks for a scope.
func grants(auth, denied string) cell {
	keys := credentials + "client_auth: " + auth + ", client_id: basic, client_secret: '${file:secret}', scopes: "
	return cell{keys: keys + "[read]", refuses: []try{{"an unknown scope", keys + "[all]", nil, denied}}}
}

// replayed sends the request of the token again, word by word. A node's next try
// is another request.
func replayed(status int) func(*testing.T, *world, *system.System) string {
	return func(t *testing.T, w *world, sys *system.System) string {
		if got := w.again(t, "/token"); got != status {
			t.Errorf("a request that was seen before is answered %d", got)
		}
		if err := sys.Refresh(t.Context(), "s"); err != nil {
			t.Errorf("another try has no other assertion: %v", err)
		}
		return fmt.Sprintf("a replayed jti (%d)", status)
	}
}

// refreshing is a client that has logged in, whose refresh tokens are good for one
// use.
func refreshing(id, auth, spent string, logIn func(*testing.T, *world) string) cell {
	keys := "provider: refresh_token, token_url: BASE/token, client_id: " + id + ", " + auth + ", refresh_token: '${file:login}'"
	return cell{
		keys:   keys,
		before: func(t *testing.T, w *world) { w.write(t, "login", logIn(t, w)) },
		refuses: []try{
			// What the tries before have spent: as after a restart without a disk.
			{"a token that was used", keys, nil, spent},
		},
		more: func(t *testing.T, w *world, sys *system.System) string {
			w.rotates(t, sys)
			w.write(t, "login", logIn(t, w))
			if err := sys.Refresh(t.Context(), "s"); err != nil {
				t.Errorf("a new login does not help: %v", err)
			}
			return "rotation followed"
		},
	}
}

// rotates expects each refresh to use the refresh token that the last one brought.
func (w *world) rotates(t *testing.T, sys *system.System) {
	t.Helper()
	before := len(w.requests())
	for range 3 {
		if err := sys.Refresh(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, form := range w.requests()[before:] {
		if token := form.Get("refresh_token"); token != "" {
			seen[token] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d refresh tokens were used, not 3", len(seen))
	}
}
